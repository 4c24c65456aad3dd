package azure

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	bloblease "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"hopguard/internal/lease"
)

const (
	// maxNote bounds what a holder may say, in its form for a header.
	maxNote = 6 << 10
	// maxSigning bounds how often a holder signs a lease that others change too.
	maxSigning = 3
)

// The metadata of a lease's blob.
const (
	metaHolder = "holder"
	metaSince  = "since"
	metaNumber = "term"
	metaNote   = "note"
)

// Leases keeps one empty blob for each key, <prefix>/leases/<key>, whose lease is
// the lease and whose metadata says who holds it. It implements lease.Locks, and is
// safe for concurrent use. Keys are made of letters, digits, dashes, dots,
// underscores and slashes.
type Leases struct {
	// Container is where the blobs are. Required.
	Container *Container
}

var _ lease.Locks = Leases{}

func (l Leases) folder() string { return l.Container.prefix + "leases/" }

// blob returns the blob of a key, and the SDK's view of its lease.
func (l Leases) blob(key, id string) (*blockblob.Client, *bloblease.BlobClient, error) {
	name := l.folder() + key
	if !blobName(name) || strings.HasSuffix(key, "/") || key == "" {
		return nil, nil, fmt.Errorf("lease %q: want letters, digits, dashes, dots, slashes", key)
	}
	b := l.Container.client.NewBlockBlobClient(name)
	view, err := bloblease.NewBlobClient(b, &bloblease.BlobClientOptions{LeaseID: &id})
	return b, view, err
}

// signed is what a blob says about its lease.
type signed struct {
	lease.Holding
	etag azcore.ETag
}

// Acquire implements lease.Locks.
func (l Leases) Acquire(ctx context.Context, claim lease.Claim) (uint64, error) {
	b, view, err := l.blob(claim.Key, claim.ID)
	if err != nil {
		return 0, err
	}
	if n := len(url.PathEscape(claim.Note)); n > maxNote {
		return 0, fmt.Errorf("the note has %d bytes, and %d is the most", n, maxNote)
	}
	ctx, cancel, err := l.Container.bound(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	now, err := l.look(ctx, b, claim.Key)
	if blobIs(err, bloberror.BlobNotFound, bloberror.ContainerNotFound) {
		now, err = l.found(ctx, b, claim.Key, err)
	}
	if err != nil {
		return 0, err
	}
	// Asking who leads is cheaper than being refused, and everybody who waits asks
	// each second. If the holder may be us, only the attempt tells.
	if now.Held && !claim.Again {
		return 0, &lease.HeldError{Holding: now.Holding}
	}
	err = l.Container.repeat(ctx, func(ctx context.Context) error {
		_, err := view.AcquireLease(ctx, int32(claim.TTL/time.Second), nil)
		return err
	})
	switch {
	case blobIs(err, bloberror.LeaseAlreadyPresent, bloberror.LeaseIsBreakingAndCannotBeAcquired):
		if newer, err := l.look(ctx, b, claim.Key); err == nil {
			now = newer // who was faster has signed by now, perhaps
		}
		return 0, &lease.HeldError{Holding: now.Holding}
	case err != nil:
		return 0, err
	}
	return l.sign(ctx, b, claim, now)
}

// found makes the blob of a key that was never led.
func (l Leases) found(ctx context.Context, b *blockblob.Client, key string, err error) (signed, error) {
	if blobIs(err, bloberror.ContainerNotFound) {
		if err := l.Container.ensure(ctx, err); err != nil {
			return signed{}, err
		}
	}
	err = l.Container.repeat(ctx, func(ctx context.Context) error {
		_, err := b.Upload(ctx, streaming.NopCloser(bytes.NewReader(nil)), &blockblob.UploadOptions{
			AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)}},
		})
		return err
	})
	now, lookErr := l.look(ctx, b, key)
	if lookErr != nil && err != nil {
		return signed{}, err
	}
	// One that exists was made now, by an earlier try, or by another controller.
	return now, lookErr
}

// look reads who holds a lease.
func (l Leases) look(ctx context.Context, b *blockblob.Client, key string) (signed, error) {
	var out signed
	err := l.Container.repeat(ctx, func(ctx context.Context) error {
		p, err := b.GetProperties(ctx, nil)
		if err != nil {
			return err
		}
		out.Holding = holding(key, p.Metadata, p.LeaseState)
		if p.ETag != nil {
			out.etag = *p.ETag
		}
		return nil
	})
	return out, err
}

// holding reads the metadata of a lease's blob. What others have written there is
// shown as far as it can be read.
func holding(key string, all map[string]*string, state *bloblease.StateType) lease.Holding {
	text := func(name string) string {
		s := metadata(all, name)
		if plain, err := url.PathUnescape(s); err == nil {
			return plain
		}
		return s
	}
	h := lease.Holding{Key: key, Holder: text(metaHolder), Note: text(metaNote)}
	h.Held = state != nil && (*state == bloblease.StateTypeLeased || *state == bloblease.StateTypeBreaking)
	if since, err := time.Parse(time.RFC3339Nano, metadata(all, metaSince)); err == nil {
		h.Since = since
	}
	if number, err := strconv.ParseUint(metadata(all, metaNumber), 10, 64); err == nil {
		h.Number = number
	}
	return h
}

// sign writes who holds the lease and returns the number of the term. It is written
// only over what was read, so that no number is given twice.
func (l Leases) sign(ctx context.Context, b *blockblob.Client, claim lease.Claim, before signed) (uint64, error) {
	for range maxSigning {
		if before.Holder == claim.Holder && before.Since.Equal(claim.Since) {
			return before.Number, nil // an earlier try was carried out
		}
		number := before.Number + 1
		err := l.Container.repeat(ctx, func(ctx context.Context) error {
			_, err := b.SetMetadata(ctx, map[string]*string{
				metaHolder: new(url.PathEscape(claim.Holder)), metaNote: new(url.PathEscape(claim.Note)),
				metaSince: new(claim.Since.UTC().Format(time.RFC3339Nano)), metaNumber: new(strconv.FormatUint(number, 10)),
			}, &blob.SetMetadataOptions{AccessConditions: &blob.AccessConditions{
				LeaseAccessConditions:    &blob.LeaseAccessConditions{LeaseID: &claim.ID},
				ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &before.etag},
			}})
			return err
		})
		switch {
		case err == nil:
			return number, nil
		case !blobIs(err, bloberror.ConditionNotMet):
			return 0, lost(err)
		}
		if before, err = l.look(ctx, b, claim.Key); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("sign the lease: it was changed %d times meanwhile", maxSigning)
}

// Renew implements lease.Locks. It makes one try: the elector makes the others.
func (l Leases) Renew(ctx context.Context, key, id string) error {
	b, view, err := l.blob(key, id)
	if err != nil {
		return err
	}
	ctx, cancel, err := l.Container.bound(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	err = l.Container.once(ctx, func(ctx context.Context) error {
		_, err := view.RenewLease(ctx, nil)
		return err
	})
	if !blobIs(err, bloberror.LeaseIDMismatchWithLeaseOperation) {
		return lost(err)
	}
	// The service says the same of a lease that was given back.
	switch now, lookErr := l.look(ctx, b, key); {
	case lookErr != nil:
		return lost(err)
	case !now.Held:
		return fmt.Errorf("%w: %w", lease.ErrReleased, err)
	default:
		return fmt.Errorf("%w, %s, at %s: %w", lease.ErrTaken, now.Holder, now.Since.Format(time.RFC3339), err)
	}
}

// lost adds what the loss of a lease is in our words.
func lost(err error) error {
	switch {
	case blobIs(err, bloberror.LeaseIDMismatchWithLeaseOperation, bloberror.LeaseIDMismatchWithBlobOperation, bloberror.LeaseLost):
		return fmt.Errorf("%w: %w", lease.ErrTaken, err)
	case blobIs(err, bloberror.LeaseIsBrokenAndCannotBeRenewed):
		return fmt.Errorf("%w: %w", lease.ErrBroken, err)
	case blobIs(err, bloberror.LeaseNotPresentWithLeaseOperation, bloberror.LeaseNotPresentWithBlobOperation):
		return fmt.Errorf("%w: %w", lease.ErrReleased, err)
	case blobIs(err, bloberror.BlobNotFound, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted):
		return fmt.Errorf("%w: %w", lease.ErrDeleted, err)
	default:
		return err
	}
}

// Release implements lease.Locks.
func (l Leases) Release(ctx context.Context, key, id string) error {
	_, view, err := l.blob(key, id)
	if err != nil {
		return err
	}
	ctx, cancel, err := l.Container.bound(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	err = l.Container.repeat(ctx, func(ctx context.Context) error {
		_, err := view.ReleaseLease(ctx, nil)
		return err
	})
	if blobIs(err, bloberror.LeaseIDMismatchWithLeaseOperation, bloberror.LeaseNotPresentWithLeaseOperation,
		bloberror.BlobNotFound, bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted) {
		return nil // it is not ours any more
	}
	return err
}

// Forget removes what is known of a key, if nobody holds its lease: that of a
// replica that is gone for good, say. It is no error if somebody does.
func (l Leases) Forget(ctx context.Context, key string) error {
	b, _, err := l.blob(key, "")
	if err != nil {
		return err
	}
	ctx, cancel, err := l.Container.bound(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	err = l.Container.repeat(ctx, func(ctx context.Context) error {
		_, err := b.Delete(ctx, nil)
		return err
	})
	if blobIs(err, bloberror.LeaseIDMissing, bloberror.BlobNotFound, bloberror.ContainerNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("forget lease %q: %w", key, err)
	}
	return nil
}

// Holdings returns what is known of all keys that begin with under, in the order of
// their names. Without a container there are none.
func (l Leases) Holdings(ctx context.Context, under string) ([]lease.Holding, error) {
	ctx, cancel, err := l.Container.bound(ctx)
	if err != nil {
		return nil, fmt.Errorf("list leases: %w", err)
	}
	defer cancel()
	var out []lease.Holding
	marker := ""
	for range maxPages {
		var page container.ListBlobsFlatResponse
		err := l.Container.repeat(ctx, func(ctx context.Context) error {
			pager := l.Container.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
				Include: container.ListBlobsInclude{Metadata: true}, Prefix: new(l.folder() + under), Marker: &marker,
			})
			var err error
			page, err = pager.NextPage(ctx)
			return err
		})
		if blobIs(err, bloberror.ContainerNotFound) && !l.Container.seen.Load() {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list leases: %w", err)
		}
		out = append(out, l.holdings(page)...)
		if page.NextMarker == nil || *page.NextMarker == "" {
			return out, nil
		}
		marker = *page.NextMarker
	}
	return nil, fmt.Errorf("list leases: still not at its end after %d pages", maxPages)
}

func (l Leases) holdings(page container.ListBlobsFlatResponse) []lease.Holding {
	var out []lease.Holding
	if page.Segment == nil {
		return nil
	}
	for _, item := range page.Segment.BlobItems {
		if item == nil || item.Name == nil {
			continue
		}
		var state *bloblease.StateType
		if item.Properties != nil {
			state = item.Properties.LeaseState
		}
		out = append(out, holding(strings.TrimPrefix(*item.Name, l.folder()), item.Metadata, state))
	}
	return out
}

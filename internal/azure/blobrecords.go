package azure

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
	"hopguard/internal/store"
)

const (
	// maxRecord bounds what is read of a record; a large one has some kilobytes.
	maxRecord = 4 << 20
	// maxAside bounds how many corrupt records are kept of one second.
	maxAside = 100
	// maxReloads bounds how often a corrupt record is read again that others change.
	maxReloads = 3
	// swapTag is the metadata by which a writer knows what it has written itself.
	swapTag = "swap"
)

// Records keeps one blob for each group, <prefix>/records/<group>.json, in the form
// of store.File. Any number of processes may use one container. It is safe for
// concurrent use.
type Records struct {
	// Container is where the blobs are. Required.
	Container *Container
	// Now names the blobs that are put aside, and starts the versions of new records.
	// Required.
	Now func() time.Time
}

// stored is a blob as it was read.
type stored struct {
	raw  []byte
	etag azcore.ETag
	tag  string
}

func (r Records) name(group appliance.GroupName) (string, error) {
	name, err := store.FileName(group)
	return r.Container.prefix + "records/" + name, err
}

func (r Records) blob(name string) *blockblob.Client {
	return r.Container.client.NewBlockBlobClient(name)
}

// Load returns the record and its version; without a blob the zero value and "". A
// blob that is not a record of the group is copied to <name>.corrupt-<time> and
// removed, and the error wraps decide.ErrCorrupt and names the copy. A blob that
// cannot be read, or has an unknown format, is an error too, and nothing is touched.
func (r Records) Load(ctx context.Context, group appliance.GroupName) (decide.Record, string, error) {
	name, err := r.name(group)
	if err != nil {
		return decide.Record{}, "", err
	}
	ctx, cancel, err := r.Container.bound(ctx)
	if err != nil {
		return decide.Record{}, "", fmt.Errorf("read %s: %w", name, err)
	}
	defer cancel()
	for range maxReloads {
		s, err := r.read(ctx, name)
		switch {
		case blobIs(err, bloberror.BlobNotFound):
			return decide.Record{}, "", nil
		case err != nil:
			if err := r.Container.ensure(ctx, err); err != nil {
				return decide.Record{}, "", fmt.Errorf("read %s: %w", name, err)
			}
			return decide.Record{}, "", nil
		}
		record, version, err := store.Decode(s.raw, group)
		switch {
		case err == nil:
			return record, blobWord(version, s.etag), nil
		case errors.Is(err, store.ErrFormat):
			return decide.Record{}, "", fmt.Errorf("%s: %w", name, err)
		}
		kept, changed, asideErr := r.putAside(ctx, name, s)
		switch {
		case asideErr != nil:
			return decide.Record{}, "", fmt.Errorf("put aside the corrupt record %s: %w", name, asideErr)
		case !changed:
			return decide.Record{}, "", fmt.Errorf("%s: %w: %w; it is kept as %s", name, decide.ErrCorrupt, err, kept)
		}
	}
	return decide.Record{}, "", fmt.Errorf("%s: corrupt, and changed %d times while it was put aside", name, maxReloads)
}

// Swap stores the record if the stored version is the given one, and returns the
// new version. Otherwise it changes nothing and its error wraps decide.ErrLostRace.
// An answer that does not come is not guessed: the blob is read back. After any
// other error the record may be stored or not: read it again.
func (r Records) Swap(ctx context.Context, record decide.Record, version string) (string, error) {
	name, err := r.name(record.Group)
	if err != nil {
		return "", err
	}
	number, etag, ok := readBlobWord(version)
	if !ok {
		return "", fmt.Errorf("group %s: %w: version %q is not one of this store", record.Group, decide.ErrLostRace, version)
	}
	if number == 0 {
		number = store.First(r.Now())
	} else {
		number++
	}
	raw, err := store.Encode(number, record)
	if err != nil {
		return "", err
	}
	ctx, cancel, err := r.Container.bound(ctx)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	defer cancel()
	next, err := r.swap(ctx, name, stored{raw: raw, etag: etag, tag: rand.Text()})
	switch {
	case err == nil:
		return blobWord(number, next), nil
	case blobIs(err, bloberror.ConditionNotMet, bloberror.BlobAlreadyExists):
		return "", fmt.Errorf("group %s: %w: %s is not as it was read any more", record.Group, decide.ErrLostRace, name)
	default:
		return "", fmt.Errorf("write %s: %w", name, err)
	}
}

// swap writes on the condition that the blob has the etag, or does not exist if that
// is empty, and returns the new etag.
func (r Records) swap(ctx context.Context, name string, s stored) (azcore.ETag, error) {
	doubt := false // an earlier try may have been carried out, or may be yet
	for try := 1; ; try++ {
		etag, err := r.write(ctx, name, s)
		if err == nil {
			return etag, nil
		}
		if blobIs(err, bloberror.ContainerNotFound) {
			if err := r.Container.ensure(ctx, err); err != nil {
				return "", err
			}
			if try < blobTries {
				continue
			}
			return "", err
		}
		if doubt = doubt || unsure(err); doubt {
			back, readErr := r.read(ctx, name)
			if readErr == nil && back.tag == s.tag {
				return back.etag, nil
			}
		}
		if !r.Container.again(ctx, try, err) {
			return "", err
		}
	}
}

// write makes one try.
func (r Records) write(ctx context.Context, name string, s stored) (azcore.ETag, error) {
	conditions := &blob.ModifiedAccessConditions{IfMatch: &s.etag}
	if s.etag == "" {
		conditions = &blob.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)}
	}
	var etag azcore.ETag
	err := r.Container.once(ctx, func(ctx context.Context) error {
		resp, err := r.blob(name).Upload(ctx, streaming.NopCloser(bytes.NewReader(s.raw)), &blockblob.UploadOptions{
			HTTPHeaders:      &blob.HTTPHeaders{BlobContentType: new("application/json")},
			Metadata:         map[string]*string{swapTag: &s.tag},
			AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: conditions},
		})
		if err == nil && resp.ETag != nil {
			etag = *resp.ETag
		}
		return err
	})
	return etag, err
}

// read reads a blob, whatever is in it.
func (r Records) read(ctx context.Context, name string) (stored, error) {
	var s stored
	err := r.Container.repeat(ctx, func(ctx context.Context) error {
		resp, err := r.blob(name).DownloadStream(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // it has been read
		raw, err := io.ReadAll(io.LimitReader(resp.Body, maxRecord+1))
		switch {
		case err != nil:
			return err
		case len(raw) > maxRecord:
			return &azcore.ResponseError{StatusCode: http.StatusRequestEntityTooLarge, ErrorCode: "TooLargeForARecord"}
		case resp.ETag == nil || *resp.ETag == "":
			return errors.New("the answer has no etag")
		}
		s = stored{raw: raw, etag: *resp.ETag, tag: metadata(resp.Metadata, swapTag)}
		return nil
	})
	return s, err
}

// metadata returns a value. Names come back in any case.
func metadata(all map[string]*string, name string) string {
	for k, v := range all {
		if strings.EqualFold(k, name) && v != nil {
			return *v
		}
	}
	return ""
}

// putAside copies what was read to a name that is free and removes the blob. It
// reports whether the blob was changed meanwhile; then it is left alone.
func (r Records) putAside(ctx context.Context, name string, s stored) (kept string, changed bool, err error) {
	now := r.Now()
	for n := 1; ; n++ {
		kept = store.Aside(name, now, n)
		_, err := r.swap(ctx, kept, stored{raw: s.raw, tag: rand.Text()})
		if err == nil {
			break
		}
		if !blobIs(err, bloberror.BlobAlreadyExists) || n == maxAside {
			return "", false, err
		}
	}
	err = r.Container.repeat(ctx, func(ctx context.Context) error {
		_, err := r.blob(name).Delete(ctx, &blob.DeleteOptions{
			AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &s.etag}},
		})
		return err
	})
	switch {
	case blobIs(err, bloberror.ConditionNotMet):
		return kept, true, nil
	case blobIs(err, bloberror.BlobNotFound): // removed by an earlier try, or by another controller that kept it too
		return kept, false, nil
	default:
		return kept, false, err
	}
}

// blobWord is the version of a record: its number, for a copy of it in another kind
// of store, and its etag, which decides.
func blobWord(number uint64, etag azcore.ETag) string {
	return strconv.FormatUint(number, 10) + " " + string(etag)
}

// readBlobWord reads a version; "" is that of no record.
func readBlobWord(version string) (number uint64, etag azcore.ETag, ok bool) {
	if version == "" {
		return 0, "", true
	}
	digits, rest, _ := strings.Cut(version, " ")
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, azcore.ETag(rest), err == nil && number > 0 && rest != ""
}

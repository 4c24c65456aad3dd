package azure

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
	"hopguard/internal/store"
)

// Notes keeps one small blob for each group beside its record, <prefix>/notes/<group>.json:
// what is remembered of a group and decides nothing. It is safe for concurrent use.
type Notes struct {
	// Container is where the blobs are. Required.
	Container *Container
}

// Load returns what was stored, and its version; nil and "" without.
func (n Notes) Load(ctx context.Context, group appliance.GroupName) ([]byte, string, error) {
	name, err := n.name(group)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel, err := n.Container.bound(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", name, err)
	}
	defer cancel()
	s, err := n.blobs().read(ctx, name)
	switch {
	case blobIs(err, bloberror.BlobNotFound):
		return nil, "", nil
	case err != nil:
		if err := n.Container.ensure(ctx, err); err != nil {
			return nil, "", fmt.Errorf("read %s: %w", name, err)
		}
		return nil, "", nil
	}
	return s.raw, string(s.etag), nil
}

// Swap stores if the stored version is the given one, and returns the new version.
// Otherwise it changes nothing and its error wraps decide.ErrLostRace.
func (n Notes) Swap(ctx context.Context, group appliance.GroupName, raw []byte, version string) (string, error) {
	name, err := n.name(group)
	if err != nil {
		return "", err
	}
	ctx, cancel, err := n.Container.bound(ctx)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	defer cancel()
	next, err := n.blobs().swap(ctx, name, stored{raw: raw, etag: azcore.ETag(version), tag: rand.Text()})
	switch {
	case err == nil:
		return string(next), nil
	case blobIs(err, bloberror.ConditionNotMet, bloberror.BlobAlreadyExists):
		return "", fmt.Errorf("group %s: %w: %s is not as it was read any more", group, decide.ErrLostRace, name)
	default:
		return "", fmt.Errorf("write %s: %w", name, err)
	}
}

// blobs reads and swaps blobs of any name as those of records.
func (n Notes) blobs() Records { return Records{Container: n.Container} }

func (n Notes) name(group appliance.GroupName) (string, error) {
	name, err := store.FileName(group)
	return n.Container.prefix + "notes/" + name, err
}

package azure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

const (
	// blobTries bounds how often a request is made in one call.
	blobTries = 3
	// signInTimeout bounds the wait for a token, which is rarely needed.
	signInTimeout = 15 * time.Second
)

// Container is a container of Azure Blob Storage. Records and Leases keep their
// blobs in it. It is safe for concurrent use.
type Container struct {
	client  *container.Client
	token   *tokenKeeper // nil with a key or a SAS
	name    string
	prefix  string
	create  bool
	timeout time.Duration
	jitter  jitter
	// seen says that the container was there: one that vanishes is not made anew,
	// because what was in it, a freeze for example, must not be forgotten in silence.
	seen atomic.Bool
}

// NewContainer returns a container. It does no request.
func NewContainer(s BlobSettings) (*Container, error) {
	client, token, err := s.open()
	if err != nil {
		return nil, fmt.Errorf("open blob storage: %w", err)
	}
	c := &Container{client: client, token: token, name: containerName(client), prefix: s.Prefix, create: s.Create, timeout: s.Timeout, jitter: jitter{rand: s.Rand}}
	if c.prefix == "" {
		c.prefix = blobPrefix
	}
	if c.prefix = strings.Trim(c.prefix, "/") + "/"; !blobName(c.prefix) {
		return nil, fmt.Errorf("open blob storage: prefix %q: want letters, digits, dashes, dots, slashes", s.Prefix)
	}
	if c.timeout == 0 {
		c.timeout = blobTimeout
	}
	return c, nil
}

// String names the container.
func (c *Container) String() string { return c.name }

// blobName reports whether a name can be a blob's and shows as it is in a URL.
func blobName(name string) bool {
	odd := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("-_./", r)
	}
	const most = 500
	if name == "" || len(name) > most || strings.ContainsFunc(name, odd) || strings.HasPrefix(name, "/") {
		return false
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
		if part == "" || strings.Trim(part, ".") == "" || strings.HasSuffix(part, ".") {
			return false
		}
	}
	return true
}

// bound signs in and returns the context of a call with all its tries.
func (c *Container) bound(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if c.token != nil {
		// Ahead of the first try, which may be shorter than signing in takes.
		patient, cancel := context.WithTimeoutCause(ctx, signInTimeout, fmt.Errorf("not signed in within %s", signInTimeout))
		defer cancel()
		if _, err := c.token.GetToken(patient, policy.TokenRequestOptions{Scopes: []string{blobScope}, EnableCAE: true}); err != nil {
			return nil, nil, fmt.Errorf("sign in: %w", c.blobError(patient, err))
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	return ctx, cancel, nil
}

// once makes one try. Its errors are *BlobError, or say why there was no answer.
func (c *Container) once(ctx context.Context, request func(context.Context) error) error {
	before, limit := c.seen.Load(), c.timeout*2/5
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
	defer cancel()
	err := request(ctx)
	if err == nil {
		c.seen.Store(true)
		return nil
	}
	err = c.blobError(ctx, err)
	if e, ok := errors.AsType[*BlobError](err); ok && e.is(bloberror.ContainerNotFound) {
		e.vanished = before
	}
	if blobIs(err, bloberror.BlobNotFound, bloberror.ConditionNotMet, bloberror.BlobAlreadyExists) {
		c.seen.Store(true)
	}
	return err
}

// again waits for the next try and reports whether there is one.
func (c *Container) again(ctx context.Context, try int, err error) bool {
	if try >= blobTries || !passing(err) {
		return false
	}
	wait := c.jitter.backoff(try - 1)
	if e, ok := errors.AsType[*BlobError](err); ok {
		wait = max(wait, e.RetryAfter)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false // the service wants to be left alone for longer than we have
	}
	return sleep(ctx, wait) == nil
}

// repeat makes a request that may be made twice, until it is answered.
func (c *Container) repeat(ctx context.Context, request func(context.Context) error) error {
	for try := 1; ; try++ {
		err := c.once(ctx, request)
		if err == nil || !c.again(ctx, try, err) {
			return err
		}
	}
}

// ensure makes the container, if err says that it is missing and it may be made.
// Otherwise it returns err, or why not.
func (c *Container) ensure(ctx context.Context, err error) error {
	e, ok := errors.AsType[*BlobError](err)
	switch {
	case !ok || !e.is(bloberror.ContainerNotFound):
		return err
	case e.vanished:
		return fmt.Errorf("%w; it was there before, so it is not made anew: restore it, or start again without what was in it", err)
	case c.seen.Load():
		return nil // somebody has made it meanwhile
	case !c.create:
		return err
	}
	made := c.repeat(ctx, func(ctx context.Context) error {
		_, err := c.client.Create(ctx, nil)
		return err
	})
	if made == nil || blobIs(made, bloberror.ContainerAlreadyExists) {
		return nil
	}
	return fmt.Errorf("create the container: %w", made)
}

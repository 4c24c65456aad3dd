package azure

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
)

// BlobError is an answer of Azure Storage that is not a success.
type BlobError struct {
	// Container is the container's URL without its scheme.
	Container string
	Status    int
	// Code is the service's word for what is wrong.
	Code    string
	Message string
	// RetryAfter is how long the service wants to be left alone; 0 if it did not say.
	RetryAfter time.Duration

	// vanished says that the container is missing and was there before.
	vanished bool
}

// Error says what came back and what to do about it, if that is known.
func (e *BlobError) Error() string {
	what := fmt.Sprintf("%d %s", e.Status, e.Code)
	if hint := e.hint(); hint != "" {
		return what + ": " + hint
	}
	if e.Message != "" {
		what += ": " + e.Message
	}
	return what
}

// hint says what to grant, make or look at.
func (e *BlobError) hint() string {
	switch {
	case e.is(bloberror.AuthorizationPermissionMismatch):
		return fmt.Sprintf("grant the role Storage Blob Data Contributor on the container %s, or a SAS with the permissions racwdl", e.Container)
	case e.is(bloberror.AuthorizationFailure):
		return fmt.Sprintf("the network rules of the storage account keep this machine out, or the SAS is not for %s", e.Container)
	case e.is(bloberror.AuthenticationFailed, bloberror.InvalidAuthenticationInfo):
		return "the key, SAS or token is not accepted: is it current, and is the clock of this machine right?"
	case e.is("KeyBasedAuthenticationNotPermitted"):
		return "the storage account takes no account keys and no SAS: use an identity"
	case e.is(bloberror.ContainerNotFound) && e.vanished:
		return fmt.Sprintf("the container %s does not exist any more", e.Container)
	case e.is(bloberror.ContainerNotFound):
		return fmt.Sprintf("the container %s does not exist: make it (az storage container create), or allow it to be made", e.Container)
	case e.is(bloberror.ContainerBeingDeleted):
		return fmt.Sprintf("the container %s was deleted; its name is free again after 30 s or more", e.Container)
	case e.is(bloberror.LeaseIDMissing):
		return "somebody holds a lease on a blob that is not a lease of ours: break it (az storage blob lease break)"
	default:
		return ""
	}
}

func (e *BlobError) is(codes ...bloberror.Code) bool {
	return slices.Contains(codes, bloberror.Code(e.Code))
}

// blobIs reports whether an error is an answer with one of the codes.
func blobIs(err error, codes ...bloberror.Code) bool {
	e, ok := errors.AsType[*BlobError](err)
	return ok && e.is(codes...)
}

// unsure reports whether a request with this error may have been carried out.
func unsure(err error) bool {
	e, ok := errors.AsType[*BlobError](err)
	return !ok || e.Status >= http.StatusInternalServerError || e.Status == http.StatusRequestTimeout
}

// passing reports whether the same request may succeed in a moment.
func passing(err error) bool {
	e, ok := errors.AsType[*BlobError](err)
	return !ok || unsure(err) || e.Status == http.StatusTooManyRequests
}

// blobError makes an error that can be shown of one of the SDK's, whose texts have
// whole URLs, and so the signatures in them.
func (c *Container) blobError(ctx context.Context, err error) error {
	if r, ok := errors.AsType[*azcore.ResponseError](err); ok {
		e := &BlobError{Container: c.name, Status: r.StatusCode, Code: clean(r.ErrorCode)}
		if e.Code == "" {
			e.Code = http.StatusText(r.StatusCode)
		}
		if r.RawResponse != nil {
			e.Message = blobMessage(r.RawResponse)
			e.RetryAfter = retryAfter(r.RawResponse.Header, time.Now())
		}
		return e
	}
	err = because(ctx, err)
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if text := withoutSignature(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// blobMessage returns the first line of an error's message.
func blobMessage(resp *http.Response) string {
	const most = 16 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return ""
	}
	var e struct{ Message string }
	if err := xml.Unmarshal(body, &e); err != nil {
		return ""
	}
	first, _, _ := strings.Cut(e.Message, "\n")
	return withoutSignature(strings.TrimSpace(first))
}

var signature = regexp.MustCompile(`(?i)\b(sig|AccountKey)=[^&\s;"]+`)

// withoutSignature hides tokens and what a SAS or a connection string is secret for.
func withoutSignature(text string) string {
	return signature.ReplaceAllString(clean(text), "$1=<secret>")
}

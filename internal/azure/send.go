package azure

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"hopguard/internal/appliance"
)

const (
	// maxBody bounds an answer; a list of 200 full route tables is about 30 MB.
	maxBody = 256 << 20
	// maxPages bounds a list whose pages lead in a circle.
	maxPages = 400
	// readTries bounds how often a read is repeated, within the caller's context.
	readTries = 4
	// maxWait bounds a single wait that Azure asks for before a read is repeated.
	maxWait = 30 * time.Second
)

// answer is a success of ARM.
type answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// reader is get or glance, and pageSource one of them for the pages of a long list.
type (
	reader     func(ctx context.Context, provider, path string, query url.Values) (answer, error)
	pageSource func(ctx context.Context, provider, path string, query url.Values, into sink) (answer, error)
)

// sink reads the body of a success as it comes, instead of its being kept; start is how
// it begins, for an error that wraps errNoPage. It is called again when the request is
// repeated.
type sink func(body io.Reader) (start []byte, err error)

// hooks are what a request does beside; the zero value is nothing.
type hooks struct {
	last lastCheck
	into sink
}

// get reads a resource or a list, and repeats what may be repeated.
func (c *Client) get(ctx context.Context, provider, path string, query url.Values) (answer, error) {
	return c.getInto(ctx, provider, path, query, nil)
}

// getInto is get for a body that need not be in memory as a whole.
func (c *Client) getInto(ctx context.Context, provider, path string, query url.Values, into sink) (answer, error) {
	for try := 1; ; try++ {
		a, err := c.read(ctx, provider, path, query, into)
		if err == nil || try == readTries || ctx.Err() != nil {
			return a, err
		}
		what, wait, scope := advise(err)
		if what == giveUp || wait > maxWait {
			return a, err
		}
		if scope == waitTable {
			if err := sleep(ctx, max(wait, c.jitter.backoff(try))); err != nil {
				return a, err
			}
		}
	}
}

// glance reads once, and not at all while Azure wants to be left alone: for those
// who have something better to do than to wait.
func (c *Client) glance(ctx context.Context, provider, path string, query url.Values) (answer, error) {
	return c.glanceInto(ctx, provider, path, query, nil)
}

// glanceInto is glance for a body that need not be in memory as a whole.
func (c *Client) glanceInto(ctx context.Context, provider, path string, query url.Values, into sink) (answer, error) {
	budget := c.budgets.of(appliance.ResourceID(path).Subscription(), http.MethodGet)
	if wait := budget.pausedFor(laneOf(path), time.Now()); wait > 0 {
		return answer{}, fmt.Errorf("not asked: Azure wants to be left alone for another %s", wait.Round(time.Second))
	}
	return c.read(ctx, provider, path, query, into)
}

// read does one GET inside the budget. Its path is below the endpoint, or a whole URL
// that ARM gave us; then provider is "".
func (c *Client) read(ctx context.Context, provider, path string, query url.Values, into sink) (answer, error) {
	budget := c.budgets.of(appliance.ResourceID(path).Subscription(), http.MethodGet)
	t, err := budget.take(ctx, laneOf(path))
	if err != nil {
		return answer{}, fmt.Errorf("wait for ARM's budget: %w", err)
	}
	return c.sendNow(ctx, budget, t, hooks{into: into}, http.MethodGet, provider, path, query, nil, nil)
}

// send is read with any method and a body.
func (c *Client) send(ctx context.Context, method, provider, path string, query url.Values, header http.Header, body []byte) (answer, error) {
	budget := c.budgets.of(appliance.ResourceID(path).Subscription(), method)
	t, err := budget.take(ctx, laneOf(path))
	if err != nil {
		return answer{}, fmt.Errorf("wait for ARM's budget: %w", err)
	}
	return c.sendNow(ctx, budget, t, hooks{}, method, provider, path, query, header, body)
}

// sendNow is send with a token that was taken already. Just before the request
// leaves, after any signing in, the last check is asked and may forbid it.
func (c *Client) sendNow(ctx context.Context, budget *bucket, t ticket, h hooks, method, provider, path string, query url.Values, header http.Header, body []byte) (answer, error) {
	var got http.Header
	defer func() { budget.done(t, time.Now(), got) }()
	for {
		version := c.versions.of(provider)
		a, err := c.once(ctx, h, method, c.url(provider, version, path, query), header, body)
		got = a.Header
		if err == nil {
			return a, nil
		}
		if provider != "" && c.versions.learn(provider, version, err) {
			continue
		}
		switch _, wait, scope := advise(err); scope {
		case waitSubscription:
			budget.pause(time.Now().Add(wait))
		case waitLane:
			budget.pauseLane(laneOf(path), time.Now().Add(wait))
		case waitTable:
		default:
			panic(fmt.Sprintf("azure: wait scope %d", int(scope)))
		}
		return a, err
	}
}

func (c *Client) url(provider, version, path string, query url.Values) string {
	if provider == "" {
		return path
	}
	q := maps.Clone(query)
	if q == nil {
		q = url.Values{}
	}
	q.Set("api-version", version)
	// The slash keeps an id without one from becoming a part of the host's name.
	return c.endpoint + "/" + strings.TrimPrefix(path, "/") + "?" + q.Encode()
}

func (c *Client) once(ctx context.Context, h hooks, method, target string, header http.Header, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s", c.timeout))
	defer cancel()
	req, err := runtime.NewRequest(ctx, method, target)
	if err != nil {
		return answer{}, fmt.Errorf("make request: %w", err)
	}
	if h.last != nil {
		req.SetOperationValue(h.last)
	}
	raw := req.Raw()
	raw.Header.Set("Accept", "application/json")
	maps.Copy(raw.Header, header)
	if body != nil {
		if err := req.SetBody(streaming.NopCloser(bytes.NewReader(body)), "application/json"); err != nil {
			return answer{}, fmt.Errorf("make request: %w", err)
		}
	}
	// The bodies are read here, bounded, and not by the SDK.
	runtime.SkipBodyDownload(req)
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, raw.URL.Path, because(ctx, err))
	}
	defer func() { _ = resp.Body.Close() }()
	strange := func(text []byte) error {
		return &NotARMError{Method: method, URL: raw.URL.Scheme + "://" + raw.URL.Host + raw.URL.Path, Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Start: start(text)}
	}
	if h.into != nil && resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		a := answer{Status: resp.StatusCode, Header: resp.Header}
		switch text, err := h.into(io.LimitReader(resp.Body, maxBody)); {
		case errors.Is(err, errNoPage):
			return a, strange(text)
		case err != nil:
			return a, fmt.Errorf("%s %s: read answer: %w", method, raw.URL.Path, because(ctx, err))
		}
		return a, nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: read answer: %w", method, raw.URL.Path, because(ctx, err))
	}
	a := answer{Status: resp.StatusCode, Header: resp.Header, Body: text}
	if a.Status < 200 || a.Status > 299 {
		return a, apiError(raw, resp, text, time.Now())
	}
	if len(text) > 0 && !json.Valid(text) {
		return a, strange(text)
	}
	return a, nil
}

// lastCheck may forbid a request at the last moment.
type lastCheck func() error

// lastPolicy asks the request's lastCheck. It comes after the SDK's own policies:
// signing in can take long enough for a term to end.
type lastPolicy struct{}

// Do implements policy.Policy.
func (lastPolicy) Do(req *policy.Request) (*http.Response, error) {
	var check lastCheck
	if req.OperationValue(&check) {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return req.Next()
}

// because prefers the reason for which ctx ended to "context deadline exceeded".
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// jitter spreads the waits of one client. The zero value uses the runtime's own
// source.
type jitter struct {
	mu   sync.Mutex
	rand *rand.Rand
}

// backoff grows from 200 ms to 10 s, with jitter so that replicas spread.
func (j *jitter) backoff(try int) time.Duration {
	d := min(100*time.Millisecond<<min(try, 7), 10*time.Second)
	if j.rand == nil {
		return d/2 + rand.N(d)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return d/2 + time.Duration(j.rand.Int64N(int64(d)))
}

// list reads all pages of a list, each with read, which is get or glance.
func (c *Client) list(ctx context.Context, read reader, provider, path string, query url.Values, each func(json.RawMessage) error) error {
	for pages := 1; path != ""; pages++ {
		if pages > maxPages {
			return fmt.Errorf("read list: still not at its end after %d pages", maxPages)
		}
		a, err := read(ctx, provider, path, query)
		if err != nil {
			return err
		}
		var page struct {
			Value    []json.RawMessage `json:"value"`
			NextLink string            `json:"nextLink"`
		}
		if err := json.Unmarshal(a.Body, &page); err != nil || page.Value == nil {
			return &NotARMError{Method: http.MethodGet, URL: path, Status: a.Status, ContentType: a.Header.Get("Content-Type"), Start: start(a.Body)}
		}
		for _, item := range page.Value {
			if err := each(item); err != nil {
				return err
			}
		}
		if page.NextLink != "" && !c.ours(page.NextLink) {
			return fmt.Errorf("read list: nextLink %q leaves %s: the token does not go there", page.NextLink, c.endpoint)
		}
		provider, path, query = "", page.NextLink, nil
	}
	return nil
}

// stream reads all pages of a long list, item by item; each item's text is good for its
// call only, and is not known to be valid JSON. A page that could not be read to its end
// is read again: restart is called before each, with the number of items that stay.
func (c *Client) stream(ctx context.Context, from pageSource, provider, path string, query url.Values, restart func(keep int), each func(item []byte) error) error {
	for pages, seen := 1, 0; path != ""; pages++ {
		if pages > maxPages {
			return fmt.Errorf("read list: still not at its end after %d pages", maxPages)
		}
		var next string
		var bad error // of an item, which reading again would not change
		n := 0
		_, err := from(ctx, provider, path, query, func(body io.Reader) (start []byte, err error) {
			n, bad = 0, nil
			restart(seen)
			next, start, err = readPage(body, &c.buffers, func(item []byte) error {
				if bad == nil {
					bad = each(item)
				}
				n++
				return nil
			})
			return start, err
		})
		if err = cmp.Or(err, bad); err != nil {
			return err
		}
		seen += n
		if next != "" && !c.ours(next) {
			return fmt.Errorf("read list: nextLink %q leaves %s: the token does not go there", next, c.endpoint)
		}
		provider, path, query = "", next, nil
	}
	return nil
}

// ours reports whether a URL that ARM gave us is at ARM: nothing else gets the
// token.
func (c *Client) ours(link string) bool {
	u, err := url.Parse(link)
	if err != nil {
		return false
	}
	e, err := url.Parse(c.endpoint)
	if err != nil || u.Scheme != "https" || e.Scheme != "https" {
		return false
	}
	host, own := strings.ToLower(u.Hostname()), strings.ToLower(e.Hostname())
	return host == own && port(u) == port(e) || strings.HasSuffix(host, "."+own) && port(u) == "443"
}

// port is the port of an https URL; ARM's own links sometimes say :443.
func port(u *url.URL) string { return cmp.Or(u.Port(), "443") }

package meraki

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxBody bounds an answer; a page of 300 networks with many peers is a few MB.
	maxBody = 32 << 20
	// attempt bounds one request when its caller has more time than that.
	attempt = 20 * time.Second
	// throttledTries and troubledTries bound how often a request is sent.
	throttledTries = 5
	troubledTries  = 2
	// longestWait is the longest wait after which a request is sent once more.
	longestWait = time.Minute
	// longestPause bounds how long one answer can silence us.
	longestPause = 10 * time.Minute
)

// request is one request of the API, with the limits that it counts against.
type request struct {
	method string
	url    *url.URL
	body   string
	// budgets are the limits, the one that a 429 speaks of first.
	budgets []*budget
	// spare requests take only what nobody else needs of the budgets.
	spare bool
}

// answer is a success of the API, with the key struck out of it.
type answer struct {
	method   string
	url      *url.URL
	sent     time.Time // before the request went out
	status   int
	header   http.Header
	body     string
	value    any    // the JSON of the body
	location string // of a redirect
}

// send does a request and repeats what may be repeated: all that was throttled,
// and reads that failed. It sends nothing again if the wait before it would end
// after ctx.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	for try := 1; ; try++ {
		a, err := c.follow(ctx, r)
		if err == nil || ctx.Err() != nil {
			return a, err
		}
		wait, again := c.advise(r, err, try)
		if !again {
			return a, err
		}
		if late(ctx, wait) {
			return a, &hurriedError{err}
		}
		if sleep(ctx, wait) != nil {
			return a, err
		}
	}
}

// advise says whether to send a request once more, and after which wait. A 429
// pauses everybody who shares its limit.
func (c *Client) advise(r request, err error, try int) (time.Duration, bool) {
	if e, ok := errors.AsType[*APIError](err); ok && e.Status == http.StatusTooManyRequests {
		wait := e.RetryAfter
		if wait == 0 {
			wait = c.backoff(time.Second, try)
		} else {
			// A little later than allowed, and not all at the same time.
			wait += time.Duration(c.jitter() * float64(min(wait/4, time.Second)))
		}
		r.budgets[0].pause(wait)
		return wait, try < throttledTries && wait <= longestWait
	}
	// A ping that was ordered may have begun, whatever the answer was.
	return c.backoff(time.Second/2, try), r.method == http.MethodGet && try < troubledTries && trouble(err)
}

// trouble reports whether a read may go better the next time.
func trouble(err error) bool {
	if _, ok := errors.AsType[*TransportError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*AnswerError](err); ok {
		return true
	}
	return errors.Is(err, ErrUnavailable)
}

// backoff grows from one or two times base, with jitter so that those who were
// refused together do not return together.
func (c *Client) backoff(base time.Duration, try int) time.Duration {
	d := base << (try - 1)
	return d + time.Duration(c.jitter()*float64(d))
}

// once sends one request and reads its answer.
func (c *Client) once(ctx context.Context, r request) (answer, error) {
	for _, b := range r.budgets {
		take := b.take
		if r.spare {
			take = b.takeSpare
		}
		if err := take(ctx); err != nil {
			return answer{}, fmt.Errorf("wait to send %s %s: %w", r.method, r.url.Path, err)
		}
	}
	key, err := c.readKey(ctx)
	if err != nil {
		return answer{}, err
	}
	began := now()
	a, err := c.exchange(ctx, r, key)
	a.sent = began
	c.log.DebugContext(ctx, "meraki request", "method", r.method, "host", r.url.Host, "path", r.url.Path,
		"status", a.status, "took", time.Since(began), "err", err)
	return a, err
}

// exchange is once after its waits.
func (c *Client) exchange(ctx context.Context, r request, key Key) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, attempt, fmt.Errorf("no answer within %s", attempt))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), strings.NewReader(r.body))
	if err != nil {
		return answer{}, fmt.Errorf("make request: %w", err)
	}
	if r.body == "" {
		req.Body = http.NoBody
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+string(key))
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	broken := func(step string, err error) error {
		if cause := context.Cause(ctx); cause != nil {
			err = cause // says more than "context deadline exceeded"
		} else if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the method and the path are named already
		}
		if said := err.Error(); key.strike(said) != said {
			err = errors.New(key.strike(said)) // it quotes a server that sent our request back
		}
		return &TransportError{Method: r.method, Path: r.url.Path, Err: fmt.Errorf("%s: %w", step, err)}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, broken("send", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{status: resp.StatusCode}, broken("read the answer", err)
	}
	a := answer{method: r.method, url: r.url, status: resp.StatusCode, header: http.Header{}, body: key.strike(string(text))}
	for name, values := range resp.Header {
		for _, v := range values {
			a.header.Add(name, key.strike(v))
		}
	}
	return a, a.judge()
}

// judge tells successes and redirects from everything else.
func (a *answer) judge() error {
	switch {
	case redirects(a.status):
		a.location = a.header.Get("Location")
		return nil
	case a.status < 200 || a.status > 299:
		return a.apiError(now())
	case len(a.body) > maxBody:
		return a.wrong(fmt.Sprintf("a body of more than %d MB", maxBody>>20))
	}
	var err error
	if a.value, err = parse(a.body); err != nil {
		return a.wrong("a body that is not JSON")
	}
	return nil
}

// apiError reads an answer that is no success.
func (a *answer) apiError(t time.Time) *APIError {
	return &APIError{
		Method: a.method, Path: a.url.Path, Status: a.status, Texts: errorTexts(a.body),
		RequestID: printable(a.header.Get("X-Request-Id"), 64), RetryAfter: retryAfter(a.header.Get("Retry-After"), t),
	}
}

// wrong returns the error of a success that is none.
func (a *answer) wrong(reason string) *AnswerError {
	return &AnswerError{
		Method: a.method, Path: a.url.Path, Status: a.status, ContentType: printable(a.header.Get("Content-Type"), 64),
		Reason: reason, Start: printable(a.body, 80),
	}
}

// errorTexts reads {"errors":["text"]}, the form of page Errors, and its likenesses.
// What is not JSON has no texts: a page of a proxy does not belong into one line.
func errorTexts(body string) []string {
	const most, longest = 5, 200
	v, err := parse(body)
	if err != nil {
		return nil
	}
	o, _ := v.(map[string]any)
	list, ok := o["errors"].([]any)
	if !ok {
		list = []any{o["errors"], o["error"], o["message"]}
	}
	var out []string
	for _, item := range list {
		if t := printable(text(item), longest); t != "" && len(out) < most {
			out = append(out, t)
		}
	}
	return out
}

// retryAfter reads whole seconds, the form that Meraki sends, or a date, the other
// form of HTTP; anything else, and what is over already, is 0.
func retryAfter(header string, t time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if f, ok := (object{"s": header}).number("s"); ok {
		return time.Duration(max(0, min(f, longestPause.Seconds())) * float64(time.Second))
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, min(at.Sub(t), longestPause))
	}
	return 0
}

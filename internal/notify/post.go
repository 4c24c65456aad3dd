package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Secret returns a secret from where it is kept. It is asked for each delivery, so that
// it may be renewed; its error does not contain it.
type Secret func(ctx context.Context) (string, error)

const (
	// mostAnswer bounds what is read, and mostShown what is shown, of an answer.
	mostAnswer, mostShown = 4 << 10, 200
	// longestWait bounds what a target may ask us to wait.
	longestWait = 10 * time.Minute
)

// post sends JSON to a URL that is a secret.
type post struct {
	client *http.Client
	url    Secret
	agent  string
}

// send posts a body. Errors name scheme and host of the URL, and no more of it.
func (p post) send(ctx context.Context, body []byte, header http.Header) error {
	text, err := p.url(ctx)
	if err != nil {
		return &LaterError{Err: err}
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("the URL is not one: want https://HOST/…")
	}
	where := u.Scheme + "://" + u.Host
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post to %s: the URL cannot be used", where)
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", p.agent)
	client := *p.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		return &LaterError{Err: fmt.Errorf("post to %s: %s", where, hide(err.Error(), u))}
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, mostAnswer)) // only to be shown
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	err = fmt.Errorf("post to %s: %s", where, resp.Status)
	if shown := hide(printable(string(answer)), u); shown != "" {
		err = fmt.Errorf("%w: %s", err, shown)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		return &LaterError{After: retryAfter(resp.Header), Err: err}
	default:
		return err
	}
}

// hide takes everything out of a text that is in the URL behind its host.
func hide(text string, u *url.URL) string {
	const hidden = "<secret>"
	parts := []string{u.String(), u.RequestURI(), u.RawQuery, u.User.String()}
	parts = append(parts, strings.Split(u.Path, "/")...)
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	for _, part := range parts {
		if len(part) >= 6 { // a shorter one is no secret, and occurs by chance
			text = strings.ReplaceAll(text, part, hidden)
		}
	}
	return text
}

// printable is the beginning of a text on one line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	return cut(strings.Join(strings.Fields(s), " "), mostShown)
}

// retryAfter reads how long to wait, in seconds or as a date beside the answer's own.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return min(max(time.Duration(n)*time.Second, 0), longestWait)
	}
	at, err := http.ParseTime(text)
	now, nowErr := http.ParseTime(h.Get("Date"))
	if err != nil || nowErr != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), longestWait)
}

// encode makes JSON that people can read.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("notify: " + err.Error()) // it is made of texts, numbers and times
	}
	return b.Bytes()
}

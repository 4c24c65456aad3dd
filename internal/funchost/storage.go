package funchost

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

var _ Account = (*Storage)(nil)

// Storage is the queue service of a storage account, or of Azurite, over HTTP. Like the
// host it writes texts in base64; a message that is none is an error.
type Storage struct {
	// URL is that of the service, without a slash at its end.
	URL string
	// Name and Key are the account's.
	Name, Key string
	// Client makes the requests. Required.
	Client *http.Client
}

// storageVersion is the version of the service that is asked for.
const storageVersion = "2021-12-02"

// wireMessage is a message in an answer.
type wireMessage struct {
	ID       string `xml:"MessageId"`
	Inserted string `xml:"InsertionTime"`
	Expires  string `xml:"ExpirationTime"`
	Receipt  string `xml:"PopReceipt"`
	Visible  string `xml:"TimeNextVisible"`
	Dequeues int    `xml:"DequeueCount"`
	Text     string `xml:"MessageText"`
}

// Send implements [Account].
func (s *Storage) Send(ctx context.Context, queue, text string) error {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"QueueMessage"`
		Text    string   `xml:"MessageText"`
	}{Text: base64.StdEncoding.EncodeToString([]byte(text))})
	if err != nil {
		return err
	}
	status, answer, err := s.ask(ctx, http.MethodPost, queue+"/messages", nil, body)
	if err == nil && status == http.StatusNotFound {
		if status, answer, err = s.ask(ctx, http.MethodPut, queue, nil, nil); err == nil && status != http.StatusCreated && status != http.StatusNoContent {
			return refused("make the queue "+queue, status, answer)
		}
		status, answer, err = s.ask(ctx, http.MethodPost, queue+"/messages", nil, body)
	}
	if err == nil && status != http.StatusCreated {
		err = refused("send a message to "+queue, status, answer)
	}
	return err
}

// Receive implements [Account].
func (s *Storage) Receive(ctx context.Context, queue string, most int, hidden time.Duration) ([]Message, error) {
	return s.messages(ctx, queue, url.Values{"numofmessages": {strconv.Itoa(most)}, "visibilitytimeout": {seconds(hidden)}})
}

// Peek returns up to 32 visible messages, and changes nothing.
func (s *Storage) Peek(ctx context.Context, queue string) ([]Message, error) {
	return s.messages(ctx, queue, url.Values{"numofmessages": {"32"}, "peekonly": {"true"}})
}

func (s *Storage) messages(ctx context.Context, queue string, q url.Values) ([]Message, error) {
	status, answer, err := s.ask(ctx, http.MethodGet, queue+"/messages", q, nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusNotFound:
		return nil, nil
	case status != http.StatusOK:
		return nil, refused("receive from "+queue, status, answer)
	}
	var page struct {
		List []wireMessage `xml:"QueueMessage"`
	}
	if err := xml.Unmarshal(answer, &page); err != nil {
		return nil, fmt.Errorf("receive from %s: %w", queue, err)
	}
	var list []Message
	for _, w := range page.List {
		text, err := base64.StdEncoding.DecodeString(w.Text)
		if err != nil {
			return nil, fmt.Errorf("receive from %s: the text of message %s is no base64: %w", queue, w.ID, err)
		}
		m := Message{ID: w.ID, Text: string(text), Receipt: w.Receipt, Dequeues: w.Dequeues}
		for _, at := range []struct {
			text string
			to   *time.Time
		}{{w.Inserted, &m.Inserted}, {w.Expires, &m.Expires}, {w.Visible, &m.Visible}} {
			if at.text == "" {
				continue // of a message that was only looked at
			}
			if *at.to, err = time.Parse(http.TimeFormat, at.text); err != nil {
				return nil, fmt.Errorf("receive from %s: %w", queue, err)
			}
		}
		list = append(list, m)
	}
	return list, nil
}

// Release implements [Account].
func (s *Storage) Release(ctx context.Context, queue string, m Message, after time.Duration) error {
	q := url.Values{"popreceipt": {m.Receipt}, "visibilitytimeout": {seconds(after)}}
	return s.change(ctx, http.MethodPut, queue, m, q)
}

// Delete implements [Account].
func (s *Storage) Delete(ctx context.Context, queue string, m Message) error {
	return s.change(ctx, http.MethodDelete, queue, m, url.Values{"popreceipt": {m.Receipt}})
}

func (s *Storage) change(ctx context.Context, method, queue string, m Message, q url.Values) error {
	status, answer, err := s.ask(ctx, method, queue+"/messages/"+m.ID, q, nil)
	if err == nil && status != http.StatusNoContent {
		err = refused(method+" message "+m.ID+" of "+queue, status, answer)
	}
	return err
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

func refused(what string, status int, answer []byte) error {
	return fmt.Errorf("%s: %d %s", what, status, answer)
}

// ask makes one request, signed with the account's key.
func (s *Storage) ask(ctx context.Context, method, path string, q url.Values, body []byte) (int, []byte, error) {
	target := s.URL + "/" + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("X-Ms-Date", time.Now().UTC().Format(http.TimeFormat))
	r.Header.Set("X-Ms-Version", storageVersion)
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/xml")
	}
	if err := s.sign(r); err != nil {
		return 0, nil, err
	}
	resp, err := s.Client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// sign adds the header that shows the account's key.
func (s *Storage) sign(r *http.Request) error {
	key, err := base64.StdEncoding.DecodeString(s.Key)
	if err != nil {
		return fmt.Errorf("the key of the account %s is no base64", s.Name)
	}
	length := strconv.FormatInt(r.ContentLength, 10)
	if length == "0" {
		length = ""
	}
	// Method, encoding, language, length, MD5, type, date, four conditions, range.
	var text strings.Builder
	text.WriteString(strings.Join([]string{r.Method, "", "", length, "", r.Header.Get("Content-Type"), "", "", "", "", "", ""}, "\n") + "\n")
	text.WriteString("x-ms-date:" + r.Header.Get("X-Ms-Date") + "\nx-ms-version:" + r.Header.Get("X-Ms-Version") + "\n")
	text.WriteString("/" + s.Name + cmp.Or(r.URL.EscapedPath(), "/"))
	q := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(q)) {
		text.WriteString("\n" + name + ":" + strings.Join(q[name], ","))
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprint(mac, text.String())
	r.Header.Set("Authorization", "SharedKey "+s.Name+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Webhook posts the JSON of [Message]. It signs as Standard Webhooks 1.0 does, so that
// receivers need no code of ours: the header Webhook-Signature is "v1," and the base64
// of HMAC-SHA256 over Webhook-Id, a dot, Webhook-Timestamp, a dot and the body.
type Webhook struct {
	Client *http.Client
	URL    Secret
	// Key signs; nil does not. One that begins with whsec_ is base64 behind that.
	Key   Secret
	Agent string
	Now   func() time.Time
}

// Send implements Sender.
func (w Webhook) Send(ctx context.Context, m Message) error {
	body := encode(m)
	stamp := strconv.FormatInt(w.Now().Unix(), 10)
	header := http.Header{"Webhook-Id": {m.ID}, "Webhook-Timestamp": {stamp}}
	if w.Key != nil {
		key, err := w.Key(ctx)
		if err != nil {
			return &LaterError{Err: err}
		}
		header.Set("Webhook-Signature", sign(key, m.ID, stamp, body))
	}
	return post{w.Client, w.URL, w.Agent}.send(ctx, body, header)
}

// sign returns the signature of a delivery.
func sign(key, id, stamp string, body []byte) string {
	raw := []byte(key)
	if text, ok := strings.CutPrefix(key, "whsec_"); ok {
		if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
			raw = decoded
		}
	}
	h := hmac.New(sha256.New, raw)
	h.Write([]byte(id + "." + stamp + "."))
	h.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

package meraki

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects bounds the way to a host that answers.
const maxRedirects = 5

// follow sends a request and follows the redirects of the answer by hand. Go's own
// client drops Authorization on the way to another host, so that a shard would
// answer 401, keeps it on the way to a host below, whoever that is, and makes a GET
// of a POST that is redirected with 301, 302 or 303.
func (c *Client) follow(ctx context.Context, r request) (answer, error) {
	for hop := 1; ; hop++ {
		a, err := c.once(ctx, r)
		if err != nil || !redirects(a.status) {
			return a, err
		}
		to, err := c.redirected(a)
		if err != nil {
			return a, err
		}
		if hop > maxRedirects {
			return a, a.refuse(to, "too many redirects")
		}
		r.url = to
	}
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	default:
		return false
	}
}

// redirected returns where a redirect leads, if the request may go there unchanged.
func (c *Client) redirected(a answer) (*url.URL, error) {
	if a.location == "" {
		return nil, a.refuse(nil, "no Location")
	}
	to, err := c.link(a, a.location)
	if err != nil {
		return nil, err
	}
	if a.method != http.MethodGet && a.status != http.StatusTemporaryRedirect && a.status != http.StatusPermanentRedirect {
		return nil, a.refuse(to, "the method would change")
	}
	return to, nil
}

// link resolves an address that an answer named and refuses it where the key must
// not go.
func (c *Client) link(a answer, address string) (*url.URL, error) {
	to, err := a.url.Parse(address)
	if err != nil {
		return nil, a.refuse(nil, "not an address")
	}
	if reason := c.distrust(to); reason != "" {
		return nil, a.refuse(to, reason)
	}
	return to, nil
}

func (a *answer) refuse(to *url.URL, reason string) *RedirectError {
	e := &RedirectError{Method: a.method, Path: a.url.Path, Reason: reason}
	if to != nil {
		e.To = printable(to.Scheme+"://"+to.Host, 200) // the rest may hold anything
	}
	return e
}

// distrust says why the key must not go to an address, or "". It may go where the
// base URL is, and to Meraki's own domains by https.
func (c *Client) distrust(u *url.URL) string {
	switch {
	case u.User != nil:
		return "an address with a user in it"
	case u.Scheme == c.base.Scheme && strings.EqualFold(u.Host, c.base.Host):
		return ""
	case u.Scheme != "https":
		return "not https"
	case u.Port() != "" && u.Port() != "443":
		return "not the port of https"
	case !merakis(u.Hostname()):
		return "not a host of Meraki"
	default:
		return ""
	}
}

// merakis reports whether a host is in one of Meraki's domains: the world's, those
// of Canada, China and India, and the one of the government of the United States.
func merakis(host string) bool {
	host = strings.ToLower(host)
	for _, domain := range []string{"meraki.com", "meraki.ca", "meraki.cn", "meraki.in", "gov-meraki.com"} {
		if host == domain || strings.HasSuffix(host, "."+domain) {
			return true
		}
	}
	return false
}

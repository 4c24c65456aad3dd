package app

import (
	"fmt"
	"net/http"

	"hopguard/internal/azure"
	"hopguard/internal/config"
)

// azureSettings reads everything about Azure out of the configuration.
func azureSettings(o Options) (azure.Settings, error) {
	c := o.Config.Azure
	pool, err := c.CertPool()
	if err != nil {
		return azure.Settings{}, err
	}
	s := azure.Settings{
		Cloud: string(c.Cloud), Endpoint: c.Endpoint, Authority: c.Authority, Audience: c.Audience, CA: pool,
		Credential: azure.Credential{
			Kind: string(c.Credential), TenantID: c.TenantID, ClientID: c.ClientID, TokenFile: c.TokenFile,
			PrivateAuthority: c.Authority != "",
		},
		Subscriptions: c.Subscriptions, Parallel: c.Parallel, Timeout: c.Timeout, Version: o.Version,
		Rand: fork(o.Backoff),
	}
	if c.Credential == config.CredentialClientSecret {
		secret, err := c.LoadSecret(o.Getenv)
		if err != nil {
			return azure.Settings{}, fmt.Errorf("sign in: %w", err)
		}
		s.Credential.ClientSecret = secret.Reveal()
	}
	if o.Transport != nil {
		s.Transport = carrier{o.Transport}
	}
	return s, nil
}

// carrier is a transport in the form that the SDK takes. It follows no redirect:
// that would carry the token to another host.
type carrier struct{ http.RoundTripper }

// Do sends one request.
func (c carrier) Do(req *http.Request) (*http.Response, error) { return c.RoundTrip(req) }

package azuresim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// claims are the members of an access token that matter here, with the names of the real ones.
type claims struct {
	Audience string `json:"aud"`
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"`
	NotBefor int64  `json:"nbf"`
	Expires  int64  `json:"exp"`
	AppID    string `json:"appid"`
	AppIDACR string `json:"appidacr"`
	IDType   string `json:"idtyp"`
	ObjectID string `json:"oid"`
	Subject  string `json:"sub"`
	TenantID string `json:"tid"`
	TokenID  string `json:"uti"`
	Version  string `json:"ver"`
}

// tokenKeyID names the signing key in tokens and in the published key set.
const tokenKeyID = "azuresim"

// newTokenKey derives a P-256 key. The real service signs with RSA; clients do not look, and an elliptic key is made in no time.
func newTokenKey(seed []byte) *ecdsa.PrivateKey {
	for i := byte(0); ; i++ {
		sum := sha256.Sum256(append([]byte{'t', i}, seed...))
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), sum[:]); err == nil {
			return key // a draw outside the curve's order is as good as impossible
		}
	}
}

// issue signs an access token.
func (s *Sim) issue(p *Principal, audience string, now time.Time) (string, claims) {
	c := claims{
		Audience: audience, Issuer: "https://sts.windows.net/" + s.tenant + "/", IssuedAt: now.Unix(), NotBefor: now.Unix(),
		Expires: now.Add(s.opts.TokenLifetime).Unix(), AppID: p.AppID, AppIDACR: "1", IDType: "app", ObjectID: p.ObjectID, Subject: p.ObjectID,
		TenantID: s.tenant, TokenID: s.guid(), Version: "1.0",
	}
	if p.ManagedIdentity {
		c.AppIDACR = "2"
	}
	return s.signToken(c), c
}

func (s *Sim) signToken(c claims) string {
	b64 := base64.RawURLEncoding
	body, err := json.Marshal(c)
	if err != nil {
		panic("azuresim: claims that are not JSON: " + err.Error())
	}
	text := b64.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256","kid":"`+tokenKeyID+`"}`)) + "." + b64.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	der, err := s.tokenKey.Sign(nil, sum[:], crypto.SHA256) // without randomness: the same seed gives the same token
	if err != nil {
		panic("azuresim: sign a token: " + err.Error())
	}
	return text + "." + b64.EncodeToString(joseSignature(der))
}

// joseSignature turns an ASN.1 signature of P-256 into the 64 bytes that JWT wants.
func joseSignature(der []byte) []byte {
	out := make([]byte, 64)
	rest := der[2:]
	for i := range 2 {
		n := int(rest[1])
		new(big.Int).SetBytes(rest[2 : 2+n]).FillBytes(out[32*i : 32*i+32])
		rest = rest[2+n:]
	}
	return out
}

// readToken checks a token's signature and gives its claims.
func (s *Sim) readToken(token string) (claims, error) {
	if c, ok := s.tokens[token]; ok {
		return c, nil
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, fmt.Errorf("a token has three parts, not %d", len(parts))
	}
	b64 := base64.RawURLEncoding
	body, err := b64.DecodeString(parts[1])
	if err != nil {
		return claims{}, fmt.Errorf("decode claims: %w", err)
	}
	sig, err := b64.DecodeString(parts[2])
	if err != nil || len(sig) != 64 {
		return claims{}, fmt.Errorf("decode signature of %d bytes: %w", len(sig), err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(&s.tokenKey.PublicKey, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		return claims{}, fmt.Errorf("the signature is not ours")
	}
	var c claims
	if err := json.Unmarshal(body, &c); err != nil {
		return claims{}, fmt.Errorf("decode claims: %w", err)
	}
	if len(s.tokens) > 1000 {
		clear(s.tokens)
	}
	s.tokens[token] = c
	return c, nil
}

// principal finds somebody by name, object id or application id.
func (s *Sim) principal(name string) *Principal {
	for _, p := range s.principals {
		if p.Name == name || strings.EqualFold(p.ObjectID, name) || strings.EqualFold(p.AppID, name) {
			return p
		}
	}
	return nil
}

// Token issues an access token for Azure Resource Manager (audience https://management.azure.com) to the principal with that name,
// object id or application id. It is for tests that do not want to go through a token endpoint.
func (s *Sim) Token(principal string) (token string, expires time.Time, err error) {
	now := s.enter()
	defer s.mu.Unlock()
	p := s.principal(principal)
	if p == nil {
		return "", time.Time{}, fmt.Errorf("azuresim: no principal %q", principal)
	}
	token, c := s.issue(p, "https://management.azure.com", now)
	return token, time.Unix(c.Expires, 0), nil
}

// audiences are the names of Azure Resource Manager in the public, US Government and China clouds.
func audiences() []string {
	return []string{
		"https://management.azure.com", "https://management.core.windows.net",
		"https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net",
		"https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn",
	}
}

// audienceOK reports whether a token for that audience is one for this endpoint: a known name of ARM, or the endpoint itself.
func (s *Sim) audienceOK(rq *request, aud string) bool {
	aud = strings.TrimRight(aud, "/")
	return slices.Contains(audiences(), aud) || aud == "https://"+rq.http.Host
}

// authenticate finds out who calls. The texts of InvalidAuthenticationToken and AuthenticationFailed are [U], their codes are not.
func (s *Sim) authenticate(rq *request, f *Fault) *reply {
	if f != nil && f.Kind == FaultExpiredToken {
		return s.unauthorized(rq, "ExpiredAuthenticationToken", expiredMessage(rq.now.Add(-time.Hour), rq.now), "The access token has expired.")
	}
	header := rq.http.Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	if header == "" || !strings.EqualFold(scheme, "Bearer") {
		return s.unauthorized(rq, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.", "The authentication failed because of missing 'Authorization' header.")
	}
	c, err := s.readToken(strings.TrimSpace(token))
	if err != nil {
		return s.unauthorized(rq, "InvalidAuthenticationToken", "The access token is invalid.", "The access token is invalid.")
	}
	if !s.audienceOK(rq, c.Audience) {
		return s.unauthorized(rq, "InvalidAuthenticationToken", "The access token has been obtained for wrong audience or resource '"+c.Audience+"'.", "The access token has been obtained for wrong audience.")
	}
	if !strings.EqualFold(c.TenantID, s.tenant) {
		return s.unauthorized(rq, "InvalidAuthenticationTokenTenant", "The access token is from the wrong issuer.", "The access token is from the wrong issuer.")
	}
	if expires := time.Unix(c.Expires, 0); !rq.now.Before(expires) {
		return s.unauthorized(rq, "ExpiredAuthenticationToken", expiredMessage(expires, rq.now), "The access token has expired.")
	}
	if rq.principal = s.principal(c.ObjectID); rq.principal == nil {
		return s.unauthorized(rq, "InvalidAuthenticationToken", "The received access token is not valid: the principal does not exist.", "The access token is invalid.")
	}
	return nil
}

func expiredMessage(expired, now time.Time) string {
	const american = "1/2/2006 3:04:05 PM"
	return "The access token expiry UTC time '" + expired.UTC().Format(american) + "' is earlier than current UTC time '" + now.UTC().Format(american) + "'."
}

func (s *Sim) unauthorized(rq *request, code, message, description string) *reply {
	rep := rq.gateway(http.StatusUnauthorized, code, message)
	rep.header.Set("WWW-Authenticate", `Bearer authorization_uri="https://login.windows.net/`+s.tenant+`", error="invalid_token", error_description="`+description+`"`)
	return rep
}

package azuresim

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// isAuthority reports whether a path belongs to the token service or the cloud's metadata, not to ARM.
func isAuthority(path string) bool {
	p := lower(path)
	for _, suffix := range []string{"/oauth2/v2.0/token", "/oauth2/token", "/.well-known/openid-configuration", "/discovery/instance", "/discovery/v2.0/keys", "/discovery/keys"} {
		if strings.HasSuffix(p, suffix) {
			return true
		}
	}
	return p == "/metadata/endpoints"
}

// authority serves the token service: discovery documents, key set, client-credential tokens; and the cloud's metadata.
// Its error texts follow the AADSTS numbers that clients know; their wording is [U].
func (s *Sim) authority(rq *request) *reply {
	path := lower(rq.http.URL.Path)
	tenant, _, _ := strings.Cut(strings.TrimPrefix(rq.http.URL.Path, "/"), "/")
	switch {
	case path == "/metadata/endpoints":
		return s.metadata(rq)
	case strings.HasSuffix(path, "/discovery/instance"):
		return rq.document(s.instances(rq))
	case strings.HasSuffix(path, "keys"):
		return rq.document(s.keys())
	case strings.HasSuffix(path, "/openid-configuration"):
		if !s.tenantOK(tenant) {
			return rq.oauthError(s, http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '"+tenant+"' not found.")
		}
		return rq.document(s.discovery(rq, tenant, strings.Contains(path, "/v2.0/")))
	case rq.http.Method != http.MethodPost:
		return rq.oauthError(s, http.StatusMethodNotAllowed, "invalid_request", 900561, "The endpoint only accepts POST requests.")
	case !s.tenantOK(tenant):
		return rq.oauthError(s, http.StatusBadRequest, "invalid_request", 90002, "Tenant '"+tenant+"' not found.")
	default:
		return s.clientToken(rq, strings.HasSuffix(path, "/v2.0/token"))
	}
}

// tenantOK accepts the tenant's id, the names that stand for any tenant, and AD FS.
func (s *Sim) tenantOK(tenant string) bool {
	switch lower(tenant) {
	case "common", "organizations", "adfs":
		return true
	default:
		return strings.EqualFold(tenant, s.tenant)
	}
}

// document is a JSON answer that is not ARM's.
func (rq *request) document(o object) *reply {
	rep := &reply{status: http.StatusOK, header: http.Header{}, body: encode(o)}
	rep.header.Set("Content-Type", "application/json; charset=utf-8")
	rep.header.Set("Cache-Control", "no-store, no-cache")
	rep.header.Set("Date", rq.now.UTC().Format(http.TimeFormat))
	return rep
}

func (s *Sim) discovery(rq *request, tenant string, v2 bool) object {
	base, issuer := rq.base()+"/"+tenant, "https://sts.windows.net/"+s.tenant+"/"
	token, auth, keys := base+"/oauth2/token", base+"/oauth2/authorize", base+"/discovery/keys"
	if v2 {
		token, auth, keys = base+"/oauth2/v2.0/token", base+"/oauth2/v2.0/authorize", base+"/discovery/v2.0/keys"
		issuer = rq.base() + "/" + s.tenant + "/v2.0"
	}
	if strings.EqualFold(tenant, "adfs") {
		issuer = rq.base() + "/adfs"
	}
	return object{
		{"token_endpoint", token},
		{"token_endpoint_auth_methods_supported", words([]string{"client_secret_post", "private_key_jwt"})},
		{"jwks_uri", keys}, {"response_modes_supported", words([]string{"query", "fragment", "form_post"})},
		{"subject_types_supported", words([]string{"pairwise"})}, {"id_token_signing_alg_values_supported", words([]string{"ES256"})},
		{"response_types_supported", words([]string{"code", "id_token", "code id_token", "token id_token", "token"})},
		{"scopes_supported", words([]string{"openid"})}, {"issuer", issuer}, {"authorization_endpoint", auth},
		{"device_authorization_endpoint", base + "/oauth2/v2.0/devicecode"}, {"end_session_endpoint", base + "/oauth2/logout"},
		{"tenant_region_scope", "EU"}, {"cloud_instance_name", rq.http.Host}, {"cloud_graph_host_name", "graph.windows.net"}, {"msgraph_host", "graph.microsoft.com"},
	}
}

func (s *Sim) instances(rq *request) object {
	tenant := s.tenant
	if u, err := url.Parse(rq.query.Get("authorization_endpoint")); err == nil {
		if t, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); t != "" {
			tenant = t
		}
	}
	return object{
		{"tenant_discovery_endpoint", rq.base() + "/" + tenant + "/v2.0/.well-known/openid-configuration"}, {"api-version", "1.1"},
		{"metadata", []any{object{{"preferred_network", rq.http.Host}, {"preferred_cache", rq.http.Host}, {"aliases", []any{rq.http.Host}}}}},
	}
}

func (s *Sim) keys() object {
	point, err := s.tokenKey.PublicKey.Bytes() // 4, x, y
	if err != nil {
		panic("azuresim: encode a public key: " + err.Error())
	}
	b64 := base64.RawURLEncoding
	return object{{"keys", []any{object{{"kty", "EC"}, {"use", "sig"}, {"kid", tokenKeyID}, {"crv", "P-256"}, {"x", b64.EncodeToString(point[1:33])}, {"y", b64.EncodeToString(point[33:])}}}}}
}

// clientToken is the client-credentials grant of the v1, v2 and AD FS endpoints.
func (s *Sim) clientToken(rq *request, v2 bool) *reply {
	form, err := url.ParseQuery(string(rq.body))
	if err != nil {
		return rq.oauthError(s, http.StatusBadRequest, "invalid_request", 900144, "The request body could not be parsed.")
	}
	if g := form.Get("grant_type"); g != "client_credentials" {
		return rq.oauthError(s, http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '"+g+"'.")
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, pass, ok := rq.http.BasicAuth(); ok {
		id, secret = user, pass
	}
	p := s.principal(id)
	if p == nil || !strings.EqualFold(p.AppID, id) {
		return rq.oauthError(s, http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '"+id+"' was not found in the directory '"+s.tenant+"'.")
	}
	switch assertion := form.Get("client_assertion"); {
	case assertion != "":
		if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || p.FederatedToken == "" || string(p.FederatedToken) != assertion {
			return rq.oauthError(s, http.StatusUnauthorized, "invalid_client", 70021, "No matching federated identity record found for presented assertion.")
		}
	case secret == "" || string(p.ClientSecret) != secret:
		return rq.oauthError(s, http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '"+id+"'.")
	}
	audience, rep := s.requestedAudience(rq, form)
	if rep != nil {
		return rep
	}
	token, c := s.issue(p, audience, rq.now)
	rq.principal = p
	life := strconv.FormatInt(c.Expires-c.IssuedAt, 10)
	if v2 {
		return rq.document(object{{"token_type", "Bearer"}, {"expires_in", raw([]byte(life))}, {"ext_expires_in", raw([]byte(life))}, {"access_token", token}})
	}
	return rq.document(object{
		{"token_type", "Bearer"}, {"expires_in", life}, {"ext_expires_in", life}, {"expires_on", strconv.FormatInt(c.Expires, 10)},
		{"not_before", strconv.FormatInt(c.NotBefor, 10)}, {"resource", audience}, {"access_token", token},
	})
}

// requestedAudience reads scope (v2: an audience and /.default) or resource (v1). "https://x//.default" means "https://x/".
func (s *Sim) requestedAudience(rq *request, form url.Values) (string, *reply) {
	if r := form.Get("resource"); r != "" {
		return r, nil
	}
	for scope := range strings.FieldsSeq(form.Get("scope")) {
		if aud, ok := strings.CutSuffix(scope, "/.default"); ok {
			return aud, nil
		}
	}
	return "", rq.oauthError(s, http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope '"+form.Get("scope")+
		"' is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.")
}

// oauthError is the token service's error form.
func (rq *request) oauthError(s *Sim, status int, code string, number int, text string) *reply {
	trace, correlation := s.guid(), rq.http.Header.Get("client-request-id")
	if correlation == "" {
		correlation = s.guid()
	}
	stamp := rq.now.UTC().Format("2006-01-02 15:04:05Z")
	n := strconv.Itoa(number)
	rep := rq.document(object{
		{"error", code}, {"error_description", "AADSTS" + n + ": " + text + " Trace ID: " + trace + " Correlation ID: " + correlation + " Timestamp: " + stamp},
		{"error_codes", []any{raw([]byte(n))}}, {"timestamp", stamp}, {"trace_id", trace}, {"correlation_id", correlation},
		{"error_uri", rq.base() + "/error?code=" + n},
	})
	rep.status = status
	return rep
}

// metadata is the description of the cloud from which Terraform's provider starts.
func (s *Sim) metadata(rq *request) *reply {
	host := rq.base()
	return rq.document(object{
		{"portal", "https://portal.azure.com"},
		{"authentication", object{{"loginEndpoint", host}, {"audiences", []any{"https://management.core.windows.net/", "https://management.azure.com/"}}, {"tenant", "common"}, {"identityProvider", "AAD"}}},
		{"media", "https://rest.media.azure.net"}, {"graphAudience", "https://graph.windows.net/"}, {"graph", "https://graph.windows.net/"}, {"name", "AzureCloud"},
		{"suffixes", object{
			{"azureDataLakeStoreFileSystem", "azuredatalakestore.net"}, {"acrLoginServer", "azurecr.io"}, {"sqlServerHostname", "database.windows.net"},
			{"azureDataLakeAnalyticsCatalogAndJob", "azuredatalakeanalytics.net"}, {"keyVaultDns", "vault.azure.net"}, {"storage", "core.windows.net"}, {"azureFrontDoorEndpointSuffix", "azurefd.net"},
		}},
		{"batch", "https://batch.core.windows.net/"}, {"resourceManager", host}, {"vmImageAliasDoc", "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/arm-compute/quickstart-templates/aliases.json"},
		{"activeDirectoryDataLake", "https://datalake.azure.net/"}, {"sqlManagement", "https://management.core.windows.net:8443/"}, {"microsoftGraphResourceId", "https://graph.microsoft.com/"},
		{"appInsightsResourceId", "https://api.applicationinsights.io"}, {"appInsightsTelemetryChannelResourceId", "https://dc.applicationinsights.azure.com/v2/track"},
		{"attestationResourceId", "https://attest.azure.net"}, {"synapseAnalyticsResourceId", "https://dev.azuresynapse.net"}, {"logAnalyticsResourceId", "https://api.loganalytics.io"},
		{"ossrDbmsResourceId", "https://ossrdbms-aad.database.windows.net"}, {"gallery", "https://gallery.azure.com/"},
	})
}

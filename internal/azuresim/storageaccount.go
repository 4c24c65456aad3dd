package azuresim

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"time"
)

const (
	typeStorage       = "Microsoft.Storage/storageAccounts"
	typeBlobService   = "Microsoft.Storage/storageAccounts/blobServices"
	typeBlobContainer = "Microsoft.Storage/storageAccounts/blobServices/containers"
	typeFileService   = "Microsoft.Storage/storageAccounts/fileServices"
	typeQueueService  = "Microsoft.Storage/storageAccounts/queueServices"
)

// storageVersions are the api-versions of Microsoft.Storage.
func storageVersions() []string {
	return []string{"2019-06-01", "2020-08-01-preview", "2021-04-01", "2021-09-01", "2022-09-01", "2023-01-01", "2023-05-01", "2024-01-01", "2025-01-01", "2025-06-01", "2025-08-01"}
}

// storageKinds are accounts, their services and the containers for blobs. No blob is kept: the data plane is not ARM's.
func (s *Sim) storageKinds() []*plain {
	return []*plain{
		{name: typeStorage, versions: storageVersions(), time: s.profile.WriteTime, accepted: true, fill: s.fillStorage, made: s.addServices,
			actions: map[string]action{"listkeys": {"POST", "listKeys/action", s.storageKeys}}},
		{name: typeBlobService, versions: storageVersions(), child: true, status: http.StatusOK, stateless: true},
		{name: typeFileService, versions: storageVersions(), child: true, status: http.StatusOK, stateless: true},
		{name: typeQueueService, versions: storageVersions(), child: true, status: http.StatusOK, stateless: true},
		{name: typeBlobContainer, versions: storageVersions(), child: true, stateless: true, fill: s.fillContainer},
	}
}

var storageName = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

// fillStorage checks the name, which the whole world shares, and adds the defaults that the service has.
func (s *Sim) fillStorage(rq *request, r *resource, doc object) (object, *reply) {
	name := rq.target.name
	switch {
	case !storageName.MatchString(name):
		return nil, rq.invalid("AccountNameInvalid", name+" is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only.")
	case r == nil && s.nameTaken(typeStorage, name):
		return nil, rq.provider(http.StatusConflict, "StorageAccountAlreadyTaken", "The storage account named "+name+" is already taken.")
	case doc.obj("sku").str("name") == "":
		return nil, rq.invalid("InvalidRequestPropertyValue", "The required property 'sku.name' is missing.") // text [U]
	}
	sku := doc.obj("sku").clone()
	tier, _, _ := strings.Cut(sku.str("name"), "_")
	sku.set("tier", tier)
	doc.set("sku", sku)
	doc.setDefault("kind", "StorageV2")
	location, created := rq.object.str("location"), rq.now
	if r != nil {
		location, created = r.location, r.created
	}
	stamp := created.UTC().Format("2006-01-02T15:04:05.0000000Z")
	p := doc.obj("properties")
	for _, d := range []member{
		{"dnsEndpointType", "Standard"}, {"defaultToOAuthAuthentication", false}, {"publicNetworkAccess", "Enabled"}, {"allowCrossTenantReplication", false},
		{"isNfsV3Enabled", false}, {"isLocalUserEnabled", true}, {"isSftpEnabled", false}, {"minimumTlsVersion", "TLS1_0"}, {"allowBlobPublicAccess", false},
		{"allowSharedKeyAccess", true}, {"isHnsEnabled", false}, {"supportsHttpsTrafficOnly", true}, {"accessTier", "Hot"}, {"primaryLocation", location}, {"statusOfPrimary", "available"},
		{"networkAcls", object{{"bypass", "AzureServices"}, {"virtualNetworkRules", []any{}}, {"ipRules", []any{}}, {"defaultAction", "Allow"}}},
		{"privateEndpointConnections", []any{}}, {"creationTime", stamp},
		{"keyCreationTime", object{{"key1", stamp}, {"key2", stamp}}},
	} {
		p.setDefault(d.name, d.value)
	}
	encryption := p.obj("encryption").clone()
	encryption.setDefault("keySource", "Microsoft.Storage")
	services := encryption.obj("services").clone()
	for _, name := range []string{"file", "blob"} {
		services.setDefault(name, object{{"keyType", "Account"}, {"enabled", true}})
	}
	encryption.set("services", services)
	p.set("encryption", encryption)
	endpoints := object{}
	for _, service := range []string{"dfs", "web", "blob", "queue", "table", "file"} {
		host := name + "." + service + ".core.windows.net"
		if service == "web" {
			host = name + ".z6.web.core.windows.net"
		}
		endpoints = append(endpoints, member{service, "https://" + host + "/"})
	}
	p.set("primaryEndpoints", endpoints)
	doc.set("properties", p)
	return doc, nil
}

// nameTaken reports whether anybody has a resource of the type with that name.
func (s *Sim) nameTaken(typ, name string) bool {
	for _, r := range s.all(s.kinds[lower(typ)], "") {
		if !r.gone && strings.EqualFold(r.name, name) {
			return true
		}
	}
	return false
}

// addServices puts in what every account has from the start.
func (s *Sim) addServices(rq *request, r *resource, at time.Time) {
	if s.lookup(r.id+"/blobServices/default") != nil {
		return
	}
	s.placeChild(r, typeBlobService, "default", object{{"properties", object{
		{"cors", object{{"corsRules", []any{}}}}, {"deleteRetentionPolicy", object{{"allowPermanentDelete", false}, {"enabled", false}}}}}}, at)
	s.placeChild(r, typeFileService, "default", object{{"properties", object{
		{"protocolSettings", object{{"smb", object{}}}}, {"cors", object{{"corsRules", []any{}}}},
		{"shareDeleteRetentionPolicy", object{{"enabled", true}, {"days", raw([]byte("7"))}}}}}}, at)
	s.placeChild(r, typeQueueService, "default", object{{"properties", object{{"cors", object{{"corsRules", []any{}}}}}}}, at)
}

// storageKeys shows the two keys, which stay the same.
func (s *Sim) storageKeys(rq *request, r *resource) *reply {
	var keys []any
	for _, name := range []string{"key1", "key2"} {
		sum := sha256.Sum256([]byte(string(s.signKey) + r.guid + name))
		keys = append(keys, object{{"creationTime", r.created.UTC().Format("2006-01-02T15:04:05.0000000Z")}, {"keyName", name},
			{"value", base64.StdEncoding.EncodeToString(append(sum[:], sum[:]...))}, {"permissions", "FULL"}})
	}
	return rq.ok(http.StatusOK, encode(object{{"keys", keys}}))
}

var containerName = regexp.MustCompile(`^(\$web|\$root|[a-z0-9](-?[a-z0-9]){2,62})$`)

func (s *Sim) fillContainer(rq *request, r *resource, doc object) (object, *reply) {
	if !containerName.MatchString(rq.target.name) {
		return nil, rq.invalid("ContainerOperationFailure", "The specified resource name contains invalid characters.")
	}
	p := doc.obj("properties")
	for _, d := range []member{
		{"deleted", false}, {"remainingRetentionDays", raw([]byte("0"))}, {"defaultEncryptionScope", "$account-encryption-key"}, {"denyEncryptionScopeOverride", false},
		{"publicAccess", "None"}, {"leaseStatus", "Unlocked"}, {"leaseState", "Available"}, {"hasImmutabilityPolicy", false}, {"hasLegalHold", false},
		{"lastModifiedTime", rq.now.UTC().Format("2006-01-02T15:04:05.0000000Z")},
	} {
		p.setDefault(d.name, d.value)
	}
	doc.set("properties", p)
	return doc, nil
}

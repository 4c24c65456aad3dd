package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What is wrong with files that can be read.
var (
	errNoPEM = errors.New("no PEM certificate in it")
	errEmpty = errors.New("it is empty")
)

// LoadSecret returns the client secret from where the configuration says it is: itself, a variable or a file. The error
// names the setting and never the secret. It is read each time, so that a file may be renewed.
func (a Azure) LoadSecret(getenv func(string) string) (Secret, error) {
	return a.place().here(getenv)
}

// place says where the client secret is: never in a vault, which cannot be asked without it.
func (a Azure) place() place {
	return place{setting: "azure.clientSecret", value: a.ClientSecret, env: a.ClientSecretEnv, file: a.ClientSecretFile, what: "secret"}
}

// CertPool returns the authorities that may vouch for Azure's servers: the system's and those of CAFile. It is nil, which
// crypto/tls takes for the system's, if there is no CAFile.
func (a Azure) CertPool() (*x509.CertPool, error) { return certPool("azure.caFile", a.CAFile) }

// certPool returns the system's authorities and those of a PEM file, or nil if there is no file.
func certPool(setting, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := readSmall(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", setting, err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("read %s: %q: %w", setting, file, errNoPEM)
	}
	return pool, nil
}

// checkFiles finds what is wrong outside the configuration: files and variables that it names and that give nothing. What is
// in a key vault is found out by those who ask it.
func (c Config) checkFiles(getenv func(string) string) []finding {
	var r rules
	a := c.Azure
	r.authorities("azure.caFile", a.CAFile)
	if a.Credential == CredentialClientSecret {
		r.placed(a.place(), getenv)
	}
	if a.TokenFile != "" {
		if data, err := readSmall(a.TokenFile); err != nil {
			r.add("azure.tokenFile", a.TokenFile, "a readable file with a token: "+cause(err))
		} else if len(strings.TrimSpace(string(data))) == 0 {
			r.add("azure.tokenFile", a.TokenFile, "a readable file with a token: "+errEmpty.Error())
		}
	}
	r.authorities("meraki.caFile", c.Meraki.CAFile)
	for _, p := range append(slices.Concat(c.Events.places(), c.Notify.places()), c.Meraki.place()) {
		r.placed(p, getenv)
	}
	for i, t := range c.Notify.Targets {
		r.authorities(targetPath(i)+".caFile", t.CAFile, targetPath(i)+".kind")
	}
	if c.Store.Kind == StoreBlob { // in another one they are refused, whatever they hold
		r.authorities("store.caFile", c.Store.CAFile)
		r.placed(c.Store.connection(), getenv)
		r.placed(c.Store.sas(), getenv)
	}
	for i, g := range c.Groups {
		for j, k := range g.Checks {
			if path := fmt.Sprintf("groups[%d].checks[%d]", i, j); k.Kind == KindHTTP {
				r.authorities(path+".caFile", k.CAFile, path+".kind")
			}
		}
	}
	return r.findings
}

// authorities refuses a file that holds no certificates.
func (r *rules) authorities(path, file string, needs ...string) {
	if _, err := certPool(path, file); err != nil {
		r.add(path, file, "a readable PEM file of certificates: "+cause(err), needs...)
	}
}

// cause returns the innermost error as text: the outer ones repeat the path.
func cause(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

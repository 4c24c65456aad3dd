package config

import (
	"crypto/x509"
	"errors"
	"fmt"
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
	switch {
	case a.ClientSecret != "":
		return a.ClientSecret, nil
	case a.ClientSecretEnv != "":
		secret := getenv(a.ClientSecretEnv)
		if secret == "" {
			return "", fmt.Errorf("read azure.clientSecretEnv: variable %q is not set", a.ClientSecretEnv)
		}
		return Secret(secret), nil
	case a.ClientSecretFile != "":
		data, err := readSmall(a.ClientSecretFile)
		if err != nil {
			return "", fmt.Errorf("read azure.clientSecretFile: %w", err)
		}
		secret := strings.TrimSpace(string(data))
		if secret == "" {
			return "", fmt.Errorf("read azure.clientSecretFile: %q: %w", a.ClientSecretFile, errEmpty)
		}
		return Secret(secret), nil
	default:
		return "", errors.New("read the client secret: none is configured")
	}
}

// CertPool returns the authorities that may vouch for Azure's servers: the system's and those of CAFile. It is nil, which
// crypto/tls takes for the system's, if there is no CAFile.
func (a Azure) CertPool() (*x509.CertPool, error) {
	if a.CAFile == "" {
		return nil, nil
	}
	data, err := readSmall(a.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read azure.caFile: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("read azure.caFile: %q: %w", a.CAFile, errNoPEM)
	}
	return pool, nil
}

// checkFiles finds what is wrong outside the configuration: files and variables that it names and that give nothing.
func (a Azure) checkFiles(getenv func(string) string) []finding {
	var r rules
	if _, err := a.CertPool(); err != nil {
		r.add("azure.caFile", a.CAFile, "a readable PEM file of certificates: "+cause(err))
	}
	if a.Credential == CredentialClientSecret && a.ClientSecret == "" {
		if _, err := a.LoadSecret(getenv); err != nil && a.ClientSecretEnv != "" {
			name := a.ClientSecretEnv
			if name != strings.ToUpper(name) {
				name = hidden // no usual name: perhaps it is the secret itself
			}
			r.add("azure.clientSecretEnv", name, "the name of a variable that is set")
		} else if err != nil && a.ClientSecretFile != "" {
			r.add("azure.clientSecretFile", a.ClientSecretFile, "a readable file with the secret: "+cause(err))
		}
	}
	if a.TokenFile != "" {
		if data, err := readSmall(a.TokenFile); err != nil {
			r.add("azure.tokenFile", a.TokenFile, "a readable file with a token: "+cause(err))
		} else if len(strings.TrimSpace(string(data))) == 0 {
			r.add("azure.tokenFile", a.TokenFile, "a readable file with a token: "+errEmpty.Error())
		}
	}
	return r.findings
}

// cause returns the innermost error as text: the outer ones repeat the path.
func cause(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

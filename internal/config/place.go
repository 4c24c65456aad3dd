package config

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Vault returns a secret of an Azure Key Vault by its URL. It ends with ctx, and its error does not contain the secret.
type Vault func(ctx context.Context, url string) (string, error)

// place says where a secret is: at most one of its four fields beside setting is set.
type place struct {
	setting          string // of value; those of the others are setting and Env, File or Vault
	value            Secret
	env, file, vault string
	what             string              // the secret in words
	misses           func(Secret) string // what is wrong with the form of the secret, or "". nil = it may be any text
}

// given lists the settings that are set.
func (p place) given() []string {
	var list []string
	for _, s := range []struct {
		name string
		set  bool
	}{{"", p.value != ""}, {"Env", p.env != ""}, {"File", p.file != ""}, {"Vault", p.vault != ""}} {
		if s.set {
			list = append(list, p.setting+s.name)
		}
	}
	return list
}

// all lists the settings, set or not.
func (p place) all() []string {
	return []string{p.setting, p.setting + "Env", p.setting + "File", p.setting + "Vault"}
}

// load returns the secret from its place, wherever that is.
func (p place) load(ctx context.Context, getenv func(string) string, vault Vault) (Secret, error) {
	if p.vault == "" {
		return p.here(getenv)
	}
	if vault == nil {
		return "", fmt.Errorf("read %sVault: %w", p.setting, errNoVault)
	}
	text, err := vault(ctx, p.vault)
	if err != nil {
		return "", fmt.Errorf("read %sVault: %w", p.setting, err)
	}
	secret := strings.TrimSpace(text)
	if secret == "" {
		return "", fmt.Errorf("read %sVault: %q: %w", p.setting, p.vault, errEmpty)
	}
	return Secret(secret), nil
}

// here returns the secret from the configuration, a variable or a file, none of which
// waits for anybody.
func (p place) here(getenv func(string) string) (Secret, error) {
	switch {
	case p.value != "":
		return p.value, nil
	case p.env != "":
		secret := getenv(p.env)
		if strings.TrimSpace(secret) == "" {
			return "", fmt.Errorf("read %sEnv: variable %q is not set", p.setting, p.env)
		}
		return Secret(secret), nil
	case p.file != "":
		data, err := readSmall(p.file)
		if err != nil {
			return "", fmt.Errorf("read %sFile: %w", p.setting, err)
		}
		secret := strings.TrimSpace(string(data))
		if secret == "" {
			return "", fmt.Errorf("read %sFile: %q: %w", p.setting, p.file, errEmpty)
		}
		return Secret(secret), nil
	default:
		return "", fmt.Errorf("read %s: none is configured", p.setting)
	}
}

// errNoVault says that whoever asked brought no way to read a vault.
var errNoVault = errors.New("a key vault cannot be read here")

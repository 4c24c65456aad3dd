package config

import (
	"regexp"
	"slices"
	"strings"
)

// vaultPattern is the URL of a secret of an Azure Key Vault, in each of the clouds; schema.json says the same.
var vaultPattern = regexp.MustCompile(`^https://[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]\.vault\.(azure\.net|usgovcloudapi\.net|azure\.cn)/secrets/[A-Za-z0-9-]{1,127}(/[0-9A-Fa-f]{32})?$`)

// elementPattern is the number of an element of a list.
var elementPattern = regexp.MustCompile(`\[[0-9]+\]`)

// places lists the places of all secrets.
func (c Config) places() []place {
	return append(slices.Concat(c.Events.places(), c.Notify.places()), c.Azure.place(), c.Meraki.place(), c.Store.connection(), c.Store.sas())
}

// placeForm finds what is wrong in each setting of a place. Nothing is shown of them: the most likely mistake is the secret
// itself.
func (r *rules) placeForm(p place) {
	switch {
	case p.value == hidden:
		r.add(p.setting, hidden, "the "+p.what+" itself: config show hides it")
	case p.value != "" && p.misses != nil:
		if want := p.misses(p.value); want != "" {
			r.add(p.setting, hidden, want)
		}
	default:
	}
	if p.env != "" && !variablePattern.MatchString(p.env) {
		r.add(p.setting+"Env", hidden, "the name of a variable: letters, digits and _")
	}
	if p.vault != "" && !vaultPattern.MatchString(p.vault) {
		r.add(p.setting+"Vault", hidden, "the URL of a secret of an Azure Key Vault: https://VAULT.vault.azure.net/secrets/NAME, and /VERSION for one version")
	}
}

// onePlace refuses a secret that is said in several ways.
func (r *rules) onePlace(p place, needs ...string) {
	if given := p.given(); len(given) > 1 {
		r.add(p.setting, strings.Join(given, ", "), "only one of them", append(given, needs...)...)
	}
}

// placed finds what is wrong outside the configuration: a variable or file that gives no secret. A vault is not asked.
func (r *rules) placed(p place, getenv func(string) string) {
	if p.value != "" || p.env == "" && p.file == "" {
		return
	}
	secret, err := p.here(getenv)
	misses := ""
	if err == nil && p.misses != nil {
		misses = p.misses(secret)
	}
	name := p.env
	if name != strings.ToUpper(name) {
		name = hidden // no usual name: perhaps it is the secret itself
	}
	switch {
	case err == nil && misses == "":
	case err == nil && p.env != "":
		r.add(p.setting+"Env", name, "a variable that holds "+misses)
	case err == nil:
		r.add(p.setting+"File", p.file, "a file that holds "+misses)
	case p.env != "":
		r.add(p.setting+"Env", name, "the name of a variable that is set")
	default:
		r.add(p.setting+"File", p.file, "a readable file with the "+p.what+": "+cause(err))
	}
}

// isSecret reports whether the setting is a secret or says where one is.
func isSecret(path string) bool {
	path = elementPattern.ReplaceAllString(path, "[0]") // a secret of any target is like that of the first
	for _, p := range (Config{Notify: Notify{Targets: []NotifyTarget{{}}}}).places() {
		if rest, ok := strings.CutPrefix(path, p.setting); ok && (rest == "" || rest == "Env" || rest == "File" || rest == "Vault") {
			return true
		}
	}
	return false
}

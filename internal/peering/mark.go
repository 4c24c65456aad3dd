package peering

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"hopguard/internal/appliance"
)

// markPrefix begins the name of every half that hopguard makes.
const markPrefix = "hopguard-"

// Azure allows 80 characters: 9 for the prefix, 24 and 36 for the two names, 8 for the
// digest and 2 dashes.
const (
	longestGroup  = 24
	longestRemote = 36
	digestDigits  = 8
)

// Name returns the name of the half towards remote that the group makes. It is also
// the mark of what the group owns: a peering has no tags. The digest is over the
// whole group and the whole id of the remote network, so that a name says which pair
// it was made for.
func Name(group appliance.GroupName, remote appliance.ResourceID) string {
	sum := sha256.Sum256([]byte(string(group) + "\x00" + remote.Key()))
	return markPrefix + cut(strings.ToLower(string(group)), longestGroup) + "-" + cut(strings.ToLower(remote.Name()), longestRemote) +
		"-" + hex.EncodeToString(sum[:])[:digestDigits]
}

// Owned reports whether the group has made the half: its name is the one that the
// group gives to a half towards that very network. A prefix alone would not do:
// group "emea" would own what group "emea-2" has made, and a person's copy under
// another network would count as ours.
func Owned(group appliance.GroupName, h Half) bool {
	return strings.EqualFold(h.Name, Name(group, h.Remote))
}

// cut shortens s to n characters that a resource's name may have.
func cut(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, s)
	return s[:min(n, len(s))]
}

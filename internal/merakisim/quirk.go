package merakisim

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// quirk changes an answer in the ways in which the live API has been seen to differ
// from its specification: a number becomes a string, a member is null or missing,
// members and words appear that nobody knows. Identifiers stay.
func (s *Sim) quirk(body []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // a number becomes the string of its own digits
	var v any
	if d.Decode(&v) != nil {
		return body
	}
	out, err := json.Marshal(s.quirked(v))
	if err != nil {
		panic("merakisim: encode what was decoded: " + err.Error())
	}
	return out
}

func (s *Sim) quirked(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = s.quirked(v[i])
		}
		return v
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if slices.Contains([]string{"networkId", "deviceSerial", "serial", "pingId"}, name) {
				continue
			}
			v[name] = s.quirked(v[name])
			switch s.faultRNG.IntN(12) {
			case 0:
				v[name] = nil
			case 1:
				delete(v, name)
			case 2:
				v[name] = []any{"of another kind", false}
			case 3:
				v[name] = "a-word-of-tomorrow"
			default:
			}
		}
		v["addedIn2031"] = map[string]any{"deep": []any{1, "x", nil}}
		return v
	case json.Number:
		return v.String()
	default:
		return v
	}
}

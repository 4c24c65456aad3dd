package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

//go:embed schema.json
var schema []byte

// Schema returns the JSON schema (2020-12) of the file, for editors and reviewers. It knows what one setting may be;
// relations between settings are only known to Validate.
func Schema() []byte { return bytes.Clone(schema) }

// property is what describe reads of a schema.
type property struct {
	Description string              `json:"description"`
	Properties  map[string]property `json:"properties"`
	Items       *property           `json:"items"`
}

// describe returns the schema's description of every setting, by its path without numbers.
func describe() map[string]string {
	var root property
	if err := json.Unmarshal(schema, &root); err != nil {
		panic("config: schema.json: " + err.Error()) // embedded, and read by every test of YAML
	}
	texts := make(map[string]string)
	root.describe("", texts)
	return texts
}

func (p property) describe(path string, texts map[string]string) {
	if p.Items != nil {
		p.Items.describe(path, texts)
	}
	for key, q := range p.Properties {
		texts[join(path, key)] = q.Description
		q.describe(join(path, key), texts)
	}
}

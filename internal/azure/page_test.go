package azure_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"hopguard/internal/azure"
)

func TestReadPage(t *testing.T) {
	tests := []struct {
		name, text string
		items      []string // nil: it is no page
		next       string
	}{
		{"empty", `{"value":[]}`, []string{}, ""},
		{"white-space", " \n{ \"value\" : [ 1 ,\t\"a\" , { } ] , \"nextLink\" : \"https://x\" }\n ", []string{"1", `"a"`, "{ }"}, "https://x"},
		{"brackets-in-strings", `{"value":[{"a":"}]\"\\"},{"b":["[{"]}]}`, []string{`{"a":"}]\"\\"}`, `{"b":["[{"]}`}, ""},
		{"other-members", `{"count":-1.5e3,"x":{"value":[1]},"value":[null],"y":[[]],"nextLink":null}`, []string{"null"}, ""},
		{"escaped-link", `{"nextLink":"https://x\u003fa=1","value":[]}`, []string{}, "https://x?a=1"},
		{"nothing", ``, nil, ""},
		{"null", `null`, nil, ""},
		{"a-list", `[]`, nil, ""},
		{"no-value", `{}`, nil, ""},
		{"null-value", `{"value":null}`, nil, ""},
		{"value-is-an-object", `{"value":{}}`, nil, ""},
		{"link-is-a-number", `{"value":[],"nextLink":1}`, nil, ""},
		{"cut-in-an-item", `{"value":[{"a":`, nil, ""},
		{"cut-in-a-string", `{"value":["a\`, nil, ""},
		{"cut-before-the-end", `{"value":[1]`, nil, ""},
		{"no-comma", `{"value":[1 2]}`, nil, ""},
		{"no-comma-after-a-list", `{"value":[] "nextLink":""}`, nil, ""},
		{"comma-at-the-end", `{"value":[1,]}`, nil, ""},
		{"more-behind-it", `{"value":[]}x`, nil, ""},
		{"html", `<html>`, nil, ""},
		{"bad-name", `{value:[]}`, nil, ""},
		{"bad-word", `{"value":[],"x":nul}`, nil, ""},
	}
	for _, tt := range tests {
		for how, reader := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "by-bytes": iotest.OneByteReader, "end-with-data": iotest.DataErrReader} {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				items, next, err := azure.ReadPage(reader(strings.NewReader(tt.text)))
				if tt.items == nil {
					if err == nil {
						t.Fatalf("ReadPage(%s) = %q, %q, nil", tt.text, items, next)
					}
					return
				}
				if err != nil || next != tt.next || strings.Join(items, "\n") != strings.Join(tt.items, "\n") {
					t.Errorf("ReadPage(%s) = %q, %q, %v; want %q, %q", tt.text, items, next, err, tt.items, tt.next)
				}
			})
		}
	}
}

// Whatever is a page to encoding/json is one here, with the same items.
func FuzzReadPage(f *testing.F) {
	for _, text := range []string{`{"value":[{"a":"x\\\""},1,"b"],"nextLink":"y"}`, `{"value":[[[]],{"b":{}}]}`, `{"VALUE":[true]}`, `{"value":[]} `, `{}`, `{"a":1,"value":["\u0022"]}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		items, next, err := azure.ReadPage(iotest.HalfReader(strings.NewReader(text)))
		var page struct {
			Value    []json.RawMessage `json:"value"`
			NextLink string            `json:"nextLink"`
		}
		if json.Unmarshal([]byte(text), &page) != nil || page.Value == nil || strings.Count(strings.ToLower(text), "value") > 1 || strings.Count(strings.ToLower(text), "nextlink") > 1 || strings.Contains(text, `\`) {
			return // members twice, or with escaped names, are not told apart
		}
		if err != nil || next != page.NextLink || len(items) != len(page.Value) {
			t.Fatalf("ReadPage(%q) = %q, %q, %v; want %q, %q", text, items, next, err, page.Value, page.NextLink)
		}
		for i, item := range items {
			if item != string(page.Value[i]) {
				t.Errorf("item %d is %q, want %q", i, item, page.Value[i])
			}
		}
	})
}

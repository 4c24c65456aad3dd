package funchost_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/funchost"
)

func TestStreamsBecomeLines(t *testing.T) {
	f := &fake{serve: answering(`{"Logs":["of the answer"]}`)}
	hosted(t, f, funchost.Options{}, func(t *testing.T, h *funchost.Host) {
		fmt.Fprint(f.starts[0].Stdout, "one\ntw")
		fmt.Fprint(f.starts[0].Stdout, "o\nLanguageWorkerConsoleLog hidden\n")
		fmt.Fprint(f.starts[0].Stderr, "an error\na Warning\n")
		if err := h.Timer(t.Context(), "Timer"); err != nil {
			t.Fatal(err)
		}
		want := []funchost.Line{
			{Level: funchost.Information, Text: "one"}, {Level: funchost.Information, Text: "two"}, {Level: funchost.Error, Text: "an error"},
			{Level: funchost.Warning, Text: "a Warning"}, {Level: funchost.Information, Text: "of the answer"},
		}
		if diff := cmp.Diff(want, h.Log()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

package funchost_test

import (
	"strings"
	"testing"

	"hopguard/internal/funchost"
)

func TestPackagesThatTheHostDoesNotLoad(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"no-host.json", "host.json", "", "host.json: no such file"},
		{"old-version", "host.json", `{"version":"1.0"}`, `version is "1.0"`},
		{"no-bundle", "host.json", `{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"}}}`, "no extensionBundle"},
		{"no-handler", "handler", "", "defaultExecutablePath"},
		{"bad-span", "host.json", `{"version":"2.0","functionTimeout":"5m"}`, `functionTimeout: "5m" is no span`},
		{"lock-too-short", "host.json", `{"version":"2.0","singleton":{"listenerLockPeriod":"00:00:05"}}`, "singleton.listenerLockPeriod is 5s"},
		{"bad-name", "1x/function.json", `{"bindings":[]}`, "the name is not allowed"},
		{"no-trigger", "X/function.json", `{"bindings":[]}`, "it has no trigger"},
		{"unknown-binding", "X/function.json", `{"bindings":[{"type":"blob","direction":"in","name":"x"}]}`, `type "blob"`},
		{"missing-setting", "X/function.json", `{"bindings":[{"type":"timerTrigger","direction":"in","name":"x","schedule":"%NOTHING%"}]}`, "'%NOTHING%' does not resolve"},
		{"schedule", "X/function.json", `{"bindings":[{"type":"timerTrigger","direction":"in","name":"x","schedule":"0 0 * * * *"}]}`, "not known here"},
		{"missing-connection", "X/function.json", `{"bindings":[{"type":"queueTrigger","direction":"in","name":"x","queueName":"work","connection":"Other"}]}`, `no setting "Other"`},
		{"bad-queue", "X/function.json", `{"bindings":[{"type":"queueTrigger","direction":"in","name":"x","queueName":"Work","connection":"Storage"}]}`, `"Work" is no name`},
		{"bad-level", "X/function.json", `{"bindings":[{"type":"httpTrigger","direction":"in","name":"x","authLevel":"open"}]}`, `authLevel is "open"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := small()
			if files[tt.file] = tt.text; tt.text == "" {
				delete(files, tt.file)
			}
			_, err := funchost.Start(t.Context(), funchost.Options{Root: folder(t, files), Settings: settings(), Worker: &fake{}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Start() = %v, want %q", err, tt.want)
			}
		})
	}
}

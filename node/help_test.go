package node

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var helpExample = regexp.MustCompile(`--data-binary '(.*)' http`)

// TestEveryMethodIsExplained asks for the help of all methods: each says what it
// does, names its parameters in words, and has an example that is a request.
func TestEveryMethodIsExplained(t *testing.T) {
	n := mustOpen(t, config(filepath.Join(t.TempDir(), "regtest"), "test"))
	for _, m := range n.link.host.server.Methods() {
		var text string
		if err := n.Client().Call(t.Context(), "help", &text, m.Name); err != nil {
			t.Fatal(err)
		}
		if m.Summary == "" || !strings.Contains(text, m.Summary) {
			t.Errorf("%s does not say what it does", m.Name)
		}
		for _, p := range m.Params {
			if p.Help == "" || p.Type == "" {
				t.Errorf("%s: parameter %s is not explained", m.Name, p.Name)
			}
		}
		example := helpExample.FindStringSubmatch(text)
		var request struct {
			Method string
			Params json.RawMessage
		}
		if example == nil || json.Unmarshal([]byte(example[1]), &request) != nil || request.Method != m.Name {
			t.Errorf("%s: the example %q is no request", m.Name, example)
			continue
		}
		if m.Own {
			var fields map[string]any
			if err := json.Unmarshal(request.Params, &fields); err != nil {
				t.Errorf("%s: the example's parameters %s are no object", m.Name, request.Params)
			}
			for _, p := range m.Params {
				if _, given := fields[p.Name]; !given && !p.Optional {
					t.Errorf("%s: the example lacks %s", m.Name, p.Name)
				}
				delete(fields, p.Name)
			}
			for name := range fields {
				t.Errorf("%s: the example has %s, which is no parameter", m.Name, name)
			}
			continue
		}
		var params []any
		if json.Unmarshal(request.Params, &params) != nil || len(params) > len(m.Params) {
			t.Errorf("%s: the example's parameters %s do not fit", m.Name, request.Params)
		}
		for i, p := range m.Params {
			if !p.Optional && i >= len(params) {
				t.Errorf("%s: the example lacks %s", m.Name, p.Name)
			}
		}
	}
}

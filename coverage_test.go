package lode_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCoverageNamesTests checks that docs/coverage.md names tests that exist, and
// that no line of it is without one.
func TestCoverageNamesTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "coverage.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]map[string]bool{} // package to its tests
	testsOf := func(pkg string) map[string]bool {
		if known[pkg] == nil {
			known[pkg] = map[string]bool{}
			files, err := filepath.Glob(filepath.Join(filepath.FromSlash(pkg), "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range files {
				file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range file.Decls {
					if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
						known[pkg][f.Name.Name] = true
					}
				}
			}
		}
		return known[pkg]
	}
	name := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)`")
	for _, m := range name.FindAllStringSubmatch(string(text), -1) {
		if !testsOf(m[1])[m[2]] {
			t.Errorf("there is no test %s.%s", m[1], m[2])
		}
	}
	for section := range strings.SplitSeq(string(text), "\n### ") {
		heading, body, _ := strings.Cut(section, "\n")
		if !strings.HasPrefix(heading, "#") && !name.MatchString(body) {
			t.Errorf("no test for %q", heading)
		}
	}
}

// Package lode_test holds the rules that span packages: who may import whom,
// and which packages stay free of clocks, randomness and the outside world.
package lode_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lode-chain/lode"

// floors lists the packages from the top of the house to its ground. A package
// may import those on lower floors, and never one on its own floor or above,
// except where a floor names the order within it.
var floors = [][]string{
	{"cmd/lode"},
	{"console"},
	{"node"},
	{"rpc"},
	{"backup"},
	{"miner"},
	{"template"},
	{"psbt"},
	{"wallet"},
	{"descriptor"},
	{"miniscript"},
	{"keys"},
	{"mempool"},
	{"index"},
	{"chain"},
	{"consensus"},
	{"pow"},
	{"address"},
	{"network"},
}

// pure lists the packages whose results depend on their arguments alone.
var pure = []string{"consensus", "pow", "address", "network"}

// deciding lists the packages that hold state, but decide without a clock,
// randomness or logging of their own.
var deciding = []string{"chain", "mempool", "wallet", "template", "keys", "index", "descriptor", "miniscript", "psbt"}

// source is one Go file outside the tests.
type source struct {
	pkg  string // folder, relative to the module
	path string
	file *ast.File
	fset *token.FileSet
}

// sources parses every Go file of the module that is not a test.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "tools") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{path.Dir(filepath.ToSlash(p)), p, file, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("found only %d Go files: is the test run from the module's root?", len(all))
	}
	return all
}

// imports returns the paths that a file imports.
func (s source) imports() []string {
	var list []string
	for _, i := range s.file.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		list = append(list, p)
	}
	return list
}

func floorOf(pkg string) int {
	return slices.IndexFunc(floors, func(f []string) bool { return slices.Contains(f, pkg) })
}

func TestImportsGoDownOnly(t *testing.T) {
	for _, s := range sources(t) {
		internal := strings.HasPrefix(s.pkg, "internal/")
		from := floorOf(s.pkg)
		if from < 0 && !internal {
			t.Errorf("%s: package %s stands on no floor: add it to the list in this test and to ARCHITECTURE.md", s.path, s.pkg)
			continue
		}
		for _, p := range s.imports() {
			to, ours := strings.CutPrefix(p, module+"/")
			if !ours || strings.HasPrefix(to, "internal/") {
				continue
			}
			if internal {
				t.Errorf("%s imports %s: internal packages are plumbing and import none of the floors", s.path, to)
			} else if floorOf(to) <= from {
				t.Errorf("%s imports %s, which is not below %s", s.path, to, s.pkg)
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	banned := []string{"os", "os/exec", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "net", "net/http", "syscall"}
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer", "NewTicker", "AfterFunc"}
	for _, s := range sources(t) {
		isPure := slices.Contains(pure, s.pkg)
		if !isPure && !slices.Contains(deciding, s.pkg) {
			continue
		}
		for _, p := range s.imports() {
			if slices.Contains(banned, p) {
				t.Errorf("%s imports %s: what it needs of the outside comes in as an argument", s.path, p)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clock, n.Sel.Name) {
					t.Errorf("%s: time.%s: the time comes in as an argument", s.fset.Position(n.Pos()), n.Sel.Name)
				}
			case *ast.GoStmt:
				if isPure {
					t.Errorf("%s: a goroutine in a pure package", s.fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

//go:build !windows

package vault

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// killedEnv makes the test program a process that changes the folder it names
// without end, and says what is done.
const killedEnv = "LODE_TEST_VAULT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killedEnv); dir != "" {
		if err := busy(dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// busy labels, adds descriptors, and changes the passphrase between "a" and "b".
func busy(dir string) error {
	v, err := Open(Config{Dir: dir, Network: testNetwork, KDF: cheap})
	if err != nil {
		return err
	}
	now, next := "a", "b"
	if v.Unlock([]byte(now)) != nil {
		now, next = next, now
		if err := v.Unlock([]byte(now)); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	for i := 0; ; i++ {
		text := fmt.Sprintf("label %d of %d", i, os.Getpid())
		if err := v.Wallet(2).SetLabel([]byte{2}, text); err != nil {
			return err
		}
		fmt.Println("label", text)
		if err := v.AddDescriptors(v.Wallet(3), []Descriptor{{Text: "d", Label: text}}, []string{text}, nil); err != nil {
			return err
		}
		fmt.Println("descriptor", text)
		if err := v.ChangePassphrase([]byte(now), []byte(next)); err != nil {
			return err
		}
		now, next = next, now
		fmt.Println("passphrase", now)
	}
}

// TestKilled kills a process that saves wallets and changes their passphrase, at
// moments of chance: afterwards all wallets are under one passphrase, and what
// it had said to be done is done.
func TestKilled(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	dir := filepath.Join(t.TempDir(), "w")
	folder(t, dir, "a")
	random := rand.New(rand.NewPCG(3, 4))
	for round := range rounds {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killedEnv+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		done := map[string]string{}
		ready := false
		for lines.Scan() {
			kind, text, _ := strings.Cut(lines.Text(), " ")
			if kind == "error" {
				t.Error(lines.Text())
			}
			done[kind] = text
			if kind == "ready" && !ready {
				ready = true
				time.AfterFunc(time.Duration(random.IntN(40))*time.Millisecond, func() { _ = child.Process.Kill() })
			}
		}
		_ = child.Wait()
		if !ready {
			t.Fatal("the process did not begin")
		}
		v := open(t, dir, nil)
		got := under(t, v, "a", "b")
		// A change that was said to be done is, and at most one more.
		s, err := v.Wallet(3).Secret(nil)
		if err != nil {
			t.Fatal(err)
		}
		label, _ := v.Wallet(2).Label([]byte{2})
		number := func(text string) (n int) {
			fmt.Sscanf(text, "label %d", &n)
			return n
		}
		if want := done["label"]; want != "" && number(label) < number(want) {
			t.Errorf("round %d: the label %q, acknowledged %q", round, label, want)
		}
		if want := done["descriptor"]; want != "" && (len(s.Descriptors) != 1 || number(s.Descriptors[0]) < number(want) || v.Wallet(3).Header().Descriptors[0].Label != s.Descriptors[0]) {
			t.Errorf("round %d: the descriptor %q, acknowledged %q", round, s.Descriptors, want)
		}
		// Behind the last acknowledgement at most one change is begun.
		if want := done["passphrase"]; want != "" && got != want && number(label) == 0 {
			t.Errorf("round %d: under %q, acknowledged %q", round, got, want)
		}
	}
}

//go:build !windows

package platform

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestModesWhateverTheUmask(t *testing.T) {
	dir := t.TempDir()
	for _, umask := range []int{0, 0o022, 0o777} {
		sub := filepath.Join(dir, "a", "b", "c"+string(rune('0'+umask%8)))
		old := syscall.Umask(umask)
		errDir := MakeDir(sub)
		errFile := WriteFile(filepath.Join(sub, "f"), []byte("x"))
		syscall.Umask(old)
		if errDir != nil || errFile != nil {
			t.Fatalf("umask %o: %v, %v", umask, errDir, errFile)
		}
		for name, want := range map[string]fs.FileMode{sub: DirMode, filepath.Dir(sub): DirMode, filepath.Join(sub, "f"): FileMode} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != want {
				t.Errorf("umask %o: %s has mode %o, want %o", umask, name, info.Mode().Perm(), want)
			}
		}
	}
}

func TestExistingFolders(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mode := func() fs.FileMode {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if err := MakeDir(dir); err != nil || mode() != 0o755 {
		t.Errorf("MakeDir on a folder of the user's: %v, mode %o", err, mode())
	}
	if err := MakePrivateDir(dir); err != nil || mode() != DirMode {
		t.Errorf("MakePrivateDir: %v, mode %o", err, mode())
	}
	file := filepath.Join(dir, "file")
	if err := WriteFile(file, nil); err != nil {
		t.Fatal(err)
	}
	if err := MakeDir(filepath.Join(file, "below")); err == nil {
		t.Error("a folder was made below a file")
	}
}

func TestWriteFileReplacesAsAWhole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	for _, text := range []string{"first, and longer", "second"} {
		if err := WriteFile(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFile(name, 100); err != nil || string(got) != text {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "taken"), []byte("x")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func TestReadFileRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, fifo, "/dev/zero"} {
		if _, err := ReadFile(name, 10); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := filepath.Join(dir, "big")
	if err := WriteFile(big, make([]byte, 11)); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(big, 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
	if _, err := ReadFile(filepath.Join(dir, "none"), 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := TryLock(name)
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if second, err := TryLock(name); second != nil || err != nil {
		t.Fatalf("locked twice: %v", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	again, err := TryLock(name)
	if err != nil || again == nil {
		t.Fatal(again, err)
	}
	defer again.Unlock()
	link := name + "link"
	if err := os.Symlink(name, link); err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(link); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a linked lock: %v", err)
	}
}

func TestProcessState(t *testing.T) {
	if s := ProcessState(os.Getpid()); s != Running {
		t.Errorf("this process: %v", s)
	}
	if s := ProcessState(1 << 30); s != Gone {
		t.Errorf("no process: %v", s)
	}
	if s := ProcessState(-1); s != Gone {
		t.Errorf("a process group: %v", s)
	}
}

// echo answers one line on l.
func echo(l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.Copy(conn, conn)
}

func roundTrip(t *testing.T, e Endpoint) error {
	t.Helper()
	conn, err := Dial(t.Context(), e)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != "hello" {
		t.Errorf("got %q", got)
	}
	return nil
}

func TestEndpoints(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	for name, listen := range map[string]func() (net.Listener, Endpoint, error){
		"socket":      func() (net.Listener, Endpoint, error) { return Listen(t.TempDir()) },
		"long folder": func() (net.Listener, Endpoint, error) { return Listen(long) },
		"loopback":    listenLoopback,
	} {
		t.Run(name, func(t *testing.T) {
			l, e, err := listen()
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go echo(l)
			if err := roundTrip(t, e); err != nil {
				t.Fatal(err)
			}
			if e.Socket != "" {
				if len(e.Socket) > maxSocketName {
					t.Errorf("socket name has %d bytes", len(e.Socket))
				}
				if info, err := os.Stat(filepath.Dir(e.Socket)); name != "socket" && (err != nil || info.Mode().Perm() != DirMode) {
					t.Errorf("the socket's folder: %v, %v", info.Mode(), err)
				}
			}
		})
	}
	if err := os.RemoveAll(mustShortDir(t, long)); err != nil {
		t.Error(err)
	}
}

func mustShortDir(t *testing.T, dir string) string {
	t.Helper()
	short, err := shortDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return short
}

func TestSocketLeftBehindIsReplaced(t *testing.T) {
	dir := t.TempDir()
	l, _, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as a killed process leaves it
	l.Close()
	l, e, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go echo(l)
	if err := roundTrip(t, e); err != nil {
		t.Fatal(err)
	}
}

// A stranger on the port is found out by the guest, and one who connects by the
// host; neither hears the secret.
func TestLoopbackProof(t *testing.T) {
	l, e, err := listenLoopback()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go echo(l)
	wrong := e
	wrong.Secret = strings.Repeat("00", proofSize)
	if _, err := Dial(t.Context(), wrong); err == nil {
		t.Error("a host without the secret was believed")
	}
	go echo(l)
	conn, err := net.Dial("tcp", e.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(make([]byte, 3*proofSize)); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	got, _ := io.ReadAll(conn)
	if len(got) > 2*proofSize {
		t.Errorf("a guest without the secret was served %d bytes", len(got)-2*proofSize)
	}
}

func TestDataDir(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("XDG_DATA_HOME", "")
	if dir, err := DataDir("lode"); err != nil || !strings.HasPrefix(dir, "/home/me/") || filepath.Base(dir) != "lode" {
		t.Errorf("%s, %v", dir, err)
	}
	t.Setenv("HOME", "")
	if dir, err := DataDir("lode"); err == nil {
		t.Errorf("without a home folder: %s", dir)
	}
}

func TestRemoveLeftOvers(t *testing.T) {
	dir := t.TempDir()
	left, err := createTemp(dir, ".cookie")
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	stay := []string{".cookie", ".other~0011223344556677.tmp", ".cookie~0011.tmp", ".cookie~0011223344556677"}
	for _, name := range stay {
		if err := WriteFile(filepath.Join(dir, name), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveLeftOvers(dir, "settings", ".cookie"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left.Name()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left over: %v", left.Name(), err)
	}
	for _, name := range stay {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

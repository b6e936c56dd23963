package node

import (
	"path/filepath"
	"testing"
)

// BenchmarkOpenEmpty is the way from nothing to the first answer.
func BenchmarkOpenEmpty(b *testing.B) {
	for b.Loop() {
		n, err := Open(b.Context(), config(filepath.Join(b.TempDir(), "regtest"), "bench"))
		if err != nil {
			b.Fatal(err)
		}
		if err := n.Client().Call(b.Context(), "getblockcount", nil); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := n.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkReopen10000 opens a chain of 10,000 blocks again, up to the first answer.
func BenchmarkReopen10000(b *testing.B) {
	c := config(filepath.Join(b.TempDir(), "regtest"), "bench")
	n, err := Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	if err := n.Client().Call(b.Context(), "generatetoaddress", nil, 10_000, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"); err != nil {
		b.Fatal(err)
	}
	if err := n.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n, err := Open(b.Context(), c)
		if err != nil {
			b.Fatal(err)
		}
		s, err := n.Client().Status(b.Context())
		if err != nil || s.Height != 10_000 {
			b.Fatal(s.Height, err)
		}
		b.StopTimer()
		if err := n.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkCall is one small call: of the host to itself, and of a guest.
func BenchmarkCall(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "regtest")
	for _, role := range []string{"host", "guest"} {
		n, err := Open(b.Context(), config(dir, role))
		if err != nil {
			b.Fatal(err)
		}
		defer n.Close()
		b.Run(role, func(b *testing.B) {
			for b.Loop() {
				if err := n.Client().Call(b.Context(), "getblockcount", nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTakeover is the time from the end of a host to the first answer that
// its guest gets from the next.
func BenchmarkTakeover(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "regtest")
	host, err := Open(b.Context(), config(dir, "bench"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		guest, err := Open(b.Context(), config(dir, "bench"))
		if err != nil {
			b.Fatal(err)
		}
		if err := host.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := guest.Client().Call(b.Context(), "getblockcount", nil); err != nil {
			b.Fatal(err)
		}
		host = guest
	}
	b.StopTimer()
	if err := host.Close(); err != nil {
		b.Fatal(err)
	}
}

package vault

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// BenchmarkCreate stores 1,000 wallets as one durable group, with and without
// a passphrase, and reports the time as a share of what 1,000 BIP39 seeds cost
// when they are spread over the cores.
func BenchmarkCreate(b *testing.B) {
	const n = 1_000
	news := make([]New, n)
	for i := range news {
		news[i] = words("abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about")
	}
	begin := time.Now()
	parallel(runtime.NumCPU(), n, func(int) error {
		_, err := pbkdf2.Key(sha512.New, "abandon", []byte("mnemonic"), 2048, 64)
		return err
	})
	seeds := time.Since(begin)
	for _, passphrase := range []string{"", "p"} {
		b.Run("passphrase="+passphrase, func(b *testing.B) {
			begin := time.Now()
			for range b.N {
				v := open(b, filepath.Join(b.TempDir(), "w"), nil)
				if passphrase != "" {
					if err := v.SetPassphrase([]byte(passphrase)); err != nil {
						b.Fatal(err)
					}
				}
				create(b, v, news...)
			}
			b.ReportMetric(float64(time.Since(begin))/float64(b.N)/float64(seeds), "of-1000-seeds")
		})
	}
}

// BenchmarkOpen reads a folder of 10,000 wallets.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "w")
	v := open(b, dir, nil)
	news := make([]New, 10_000)
	for i := range news {
		news[i] = words("abandon")
	}
	create(b, v, news...)
	for b.Loop() {
		open(b, dir, nil)
	}
}

// BenchmarkChangePassphrase seals 10,000 wallets anew, which share files, and
// 200 that have files of their own.
func BenchmarkChangePassphrase(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "w")
	v := open(b, dir, nil)
	if err := v.SetPassphrase([]byte("a")); err != nil {
		b.Fatal(err)
	}
	news := make([]New, 10_000)
	for i := range news {
		news[i] = words("abandon")
	}
	create(b, v, news...)
	for range 20 {
		create(b, v, news[:10]...)
	}
	now, next := []byte("a"), []byte("b")
	for b.Loop() {
		if err := v.ChangePassphrase(now, next); err != nil {
			b.Fatal(err)
		}
		now, next = next, now
	}
}

package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/lode-chain/lode/internal/platform"
)

const (
	logName = "lode.log"
	maxLog  = 8 << 20 // bytes before the log moves to lode.log.1 (policy)
)

// logFile is the host's log: a file that is moved aside once when it has grown
// to its bound, so that both together stay under twice that. Its mutex guards
// all fields.
type logFile struct {
	name string
	max  int64

	mu   sync.Mutex
	file *os.File
	size int64
}

func openLog(dir string, maxBytes int64) (*logFile, error) {
	l := &logFile{name: filepath.Join(dir, logName), max: maxBytes}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, platform.FileMode)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write appends a record. What cannot be written is lost: a full disk is to be
// reported by those whose data matters.
func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return 0, os.ErrClosed
	}
	if l.size+int64(len(b)) > l.max && l.size > 0 {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(b)
	l.size += int64(n)
	return n, err
}

func (l *logFile) rotate() error {
	l.file.Close()
	l.file = nil
	if err := os.Rename(l.name, l.name+".1"); err != nil {
		return err
	}
	return l.open()
}

// Close closes the file.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// logger writes to the host's log and to another logger, if there is one.
func (l *logFile) logger(other *slog.Logger) *slog.Logger {
	own := slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelInfo})
	if other == nil {
		return slog.New(own)
	}
	return slog.New(slog.NewMultiHandler(own, other.Handler()))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/lode-chain/lode/console"
	"github.com/lode-chain/lode/internal/platform"
	"github.com/lode-chain/lode/node"
	"github.com/lode-chain/lode/rpc"
)

// The exit codes. Interrupted is what a shell reports for Ctrl-C.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// exitCode says with which code a command ends.
func exitCode(ctx context.Context, err error) int {
	var usage usageError
	switch why, ok := interruption(ctx, err); {
	case ok:
		if errors.Is(err, errEnded) || err == nil && why.signal == syscall.SIGTERM {
			return exitOK // that is how a command that stays ends; or a service manager asked, and all went well
		}
		return exitInterrupted
	case err == nil, errors.Is(err, errEnded):
		return exitOK
	case errors.Is(err, console.ErrCancelled):
		return exitInterrupted
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitError
}

// interruption says whether a command ended because it was asked to, with no
// error but those that this makes. What else went wrong meanwhile, such as a disk
// that failed while the chain was closed, is no interruption.
func interruption(ctx context.Context, err error) (why interrupted, ok bool) {
	if !errors.As(context.Cause(ctx), &why) {
		return why, false
	}
	for _, own := range []error{errEnded, errDeclined, context.Canceled, console.ErrCancelled, why} {
		if errors.Is(err, own) {
			return why, true
		}
	}
	return why, err == nil
}

// errEnded reports that a command that stays was asked to end and has said so
// itself.
var errEnded = errors.New("ended")

// explain turns the error of a command into the one line that a person reads:
// what went wrong and what to do next. It is empty when nothing is left to say.
// Errors are translated here and nowhere else.
func (p *program) explain(ctx context.Context, err error) string {
	var refusal *rpc.Error
	var unknown *rpc.UnknownOutcomeError
	var path *fs.PathError
	if err == nil || errors.Is(err, errEnded) {
		return ""
	}
	if _, ok := interruption(ctx, err); ok {
		if p.lent != nil && errors.Is(err, console.ErrCancelled) {
			return "left; nothing was done" // a question at the console's prompt
		}
		return "interrupted; what was confirmed before is kept"
	}
	switch {
	case errors.Is(err, errLeftConsole):
		return "left the console; all is kept"
	case errors.Is(err, errLeftWallets):
		return "left the wallets; what was done is kept"
	case errors.Is(err, console.ErrCancelled):
		return "left; nothing was done"
	case errors.Is(err, console.ErrNoTerminal):
		return "nobody can be asked here: this needs a terminal, or the flags that answer (--help)"
	case errors.Is(err, node.ErrStopped):
		return "the chain was stopped (lode stop)"
	case errors.As(err, &refusal):
		return explainRefusal(refusal.Code, oneLine(err))
	case errors.As(err, &unknown):
		return fmt.Sprintf("the host went away during %s, and it is not known whether that was done: look (lode status, lode wallet list, lode mempool) before you repeat it", unknown.Method)
	case errors.Is(err, context.DeadlineExceeded):
		return "the time was up before an answer came"
	case errors.As(err, &path) && path.Op == "mkdir":
		return fmt.Sprintf("the folder %s cannot be made (%s); choose another place", path.Path, path.Err)
	case errors.As(err, &path) && errors.Is(err, syscall.ENOTDIR):
		return fmt.Sprintf("%s is no folder, or lies in something that is none", path.Path)
	case errors.Is(err, fs.ErrPermission):
		return oneLine(err) + ": this user may not; choose another place with --datadir or change the rights"
	case platform.DiskAdvice(err) != "":
		return oneLine(err) + ": " + platform.DiskAdvice(err)
	case errors.As(err, &path) && errors.Is(err, os.ErrNotExist):
		return path.Path + " does not exist"
	}
	return oneLine(err)
}

// explainRefusal adds the next step to what the chain answered.
func explainRefusal(code rpc.Code, text string) string {
	hint := ""
	switch code {
	case rpc.CodeUnlockNeeded:
		if strings.Contains(text, "walletpassphrase") { // Core's words, which every RPC client gets
			text = "the wallets are locked"
		}
		if !strings.Contains(text, "--passphrase-file") {
			hint = "lode wallet unlock opens them while lode up runs; or give their passphrase with --passphrase-file F"
		}
	case rpc.CodePassphrase:
		if strings.Contains(text, "backup") {
			return text
		}
		return "that is not the passphrase of the wallets: nothing was changed"
	case rpc.CodeWrongEncState:
		if strings.Contains(text, "walletpassphrase") {
			text = "these wallets are under no passphrase"
		}
	case rpc.CodeWalletNotFound:
		if !strings.Contains(text, "lode wallet") {
			hint = "lode wallet list shows all"
		}
	case rpc.CodeInWarmup:
		hint = "the chain is still being opened; try again in a moment"
	}
	if hint == "" || strings.Contains(text, hint) || strings.Contains(text, "--"+passphraseFlag) {
		return text
	}
	return text + ": " + hint
}

// oneLine returns an error's text with line breaks folded.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

package rpc

import (
	"context"
	"encoding/json"
)

// The helpers below call lode's own methods, one each.

func ask[T any](ctx context.Context, c *Client, method string, params any) (T, error) {
	var result T
	err := c.Call(ctx, method, &result, params)
	return result, err
}

// WalletRequest names a wallet: by name, number or address.
type WalletRequest struct {
	Wallet     string `json:"wallet"`
	Passphrase string `json:"passphrase,omitempty"` // of lode_walletkeys, when wallets are locked
}

// RenameWallet is the request of lode_renamewallet.
type RenameWallet struct {
	Wallet string `json:"wallet"`
	Name   string `json:"name"`
}

// Passphrase is the request of lode_unlock and lode_setpassphrase.
type Passphrase struct {
	Passphrase string `json:"passphrase"`
}

// StopRequest is the request of lode_stop: with All, long-lived guests end too
// instead of taking over.
type StopRequest struct {
	All bool `json:"all"`
}

// MineRequest is the request of lode_mine. To is a wallet or an address; empty
// is the default wallet.
type MineRequest struct {
	Blocks int    `json:"blocks"`
	To     string `json:"to,omitempty"`
}

// Mined is the reply of lode_mine.
type Mined struct {
	Hashes  []string `json:"hashes"`
	Height  int32    `json:"height"`
	To      string   `json:"to"`      // wallet name, or empty
	Address string   `json:"address"` // that was paid
	Reward  Amount   `json:"reward"`  // of all the blocks, fees included
}

// FileRequest is the request of lode_import, lode_export, lode_verifybackup and
// lode_restorebackup. File is absolute.
type FileRequest struct {
	File string `json:"file"`
}

// BackupsRequest is the request of lode_backups; an empty Dir is the backup
// folder in use.
type BackupsRequest struct {
	Dir string `json:"dir,omitempty"`
}

// JobRequest long-polls lode_job: it returns when the job has ended or its
// Done differs from SinceDone, at the latest after Timeout seconds (at most
// 60). It is also the request of lode_canceljob, which takes the ID alone.
type JobRequest struct {
	ID        string  `json:"id"`
	SinceDone *int64  `json:"since_done,omitempty"`
	Timeout   float64 `json:"timeout,omitempty"`
}

// Empty is the request of methods that need nothing.
type Empty struct{}

// Status calls lode_status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, "lode_status", Empty{})
}

// Events calls lode_events.
func (c *Client) Events(ctx context.Context, r EventsRequest) (Events, error) {
	return ask[Events](ctx, c, "lode_events", r)
}

// Stop calls lode_stop: the host ends, with all also everybody who would take over.
func (c *Client) Stop(ctx context.Context, all bool) error {
	return c.Call(ctx, "lode_stop", nil, StopRequest{All: all})
}

// Settings calls lode_settings: fields that are set in s are changed, and all
// are returned.
func (c *Client) Settings(ctx context.Context, s Settings) (Settings, error) {
	return ask[Settings](ctx, c, "lode_settings", s)
}

// ListWallets calls lode_wallets.
func (c *Client) ListWallets(ctx context.Context) ([]Wallet, error) {
	return ask[[]Wallet](ctx, c, "lode_wallets", Empty{})
}

// FindWallet calls lode_wallet: by name, number or address.
func (c *Client) FindWallet(ctx context.Context, wallet string) (Wallet, error) {
	return ask[Wallet](ctx, c, "lode_wallet", WalletRequest{Wallet: wallet})
}

// NewWallets calls lode_newwallets.
func (c *Client) NewWallets(ctx context.Context, r NewWallets) ([]WalletKeys, error) {
	return ask[[]WalletKeys](ctx, c, "lode_newwallets", r)
}

// WalletKeys calls lode_walletkeys.
func (c *Client) WalletKeys(ctx context.Context, r WalletRequest) (WalletKeys, error) {
	return ask[WalletKeys](ctx, c, "lode_walletkeys", r)
}

// RestoreWords calls lode_restorewords.
func (c *Client) RestoreWords(ctx context.Context, r RestoreWords) (Restored, error) {
	return ask[Restored](ctx, c, "lode_restorewords", r)
}

// ImportKey calls lode_importkey.
func (c *Client) ImportKey(ctx context.Context, r ImportKey) (ImportedKey, error) {
	return ask[ImportedKey](ctx, c, "lode_importkey", r)
}

// RenameWallet calls lode_renamewallet.
func (c *Client) RenameWallet(ctx context.Context, wallet, name string) (Wallet, error) {
	return ask[Wallet](ctx, c, "lode_renamewallet", RenameWallet{wallet, name})
}

// PrepareSend calls lode_preparesend.
func (c *Client) PrepareSend(ctx context.Context, r SendRequest) (SendPlan, error) {
	return ask[SendPlan](ctx, c, "lode_preparesend", r)
}

// Send calls lode_send.
func (c *Client) Send(ctx context.Context, r SendRequest) (SendPlan, error) {
	return ask[SendPlan](ctx, c, "lode_send", r)
}

// Unlock calls lode_unlock.
func (c *Client) Unlock(ctx context.Context, passphrase string) error {
	return c.Call(ctx, "lode_unlock", nil, Passphrase{passphrase})
}

// SetPassphrase calls lode_setpassphrase.
func (c *Client) SetPassphrase(ctx context.Context, passphrase string) error {
	return c.Call(ctx, "lode_setpassphrase", nil, Passphrase{passphrase})
}

// Mine calls lode_mine.
func (c *Client) Mine(ctx context.Context, r MineRequest) (Mined, error) {
	return ask[Mined](ctx, c, "lode_mine", r)
}

// Fund calls lode_fund.
func (c *Client) Fund(ctx context.Context, r FundRequest) (Funded, error) {
	return ask[Funded](ctx, c, "lode_fund", r)
}

// StartJob calls one of the methods that reply with a Job: lode_import,
// lode_export, lode_verify, lode_restorebackup.
func (c *Client) StartJob(ctx context.Context, method string, params any) (Job, error) {
	return ask[Job](ctx, c, method, params)
}

// Job calls lode_job.
func (c *Client) Job(ctx context.Context, r JobRequest) (Job, error) {
	return ask[Job](ctx, c, "lode_job", r)
}

// CancelJob calls lode_canceljob.
func (c *Client) CancelJob(ctx context.Context, id string) (Job, error) {
	return ask[Job](ctx, c, "lode_canceljob", JobRequest{ID: id})
}

// Backups calls lode_backups.
func (c *Client) Backups(ctx context.Context, dir string) ([]Backup, error) {
	return ask[[]Backup](ctx, c, "lode_backups", BackupsRequest{Dir: dir})
}

// VerifyBackup calls lode_verifybackup.
func (c *Client) VerifyBackup(ctx context.Context, file string) (Backup, error) {
	return ask[Backup](ctx, c, "lode_verifybackup", FileRequest{File: file})
}

// RunJob starts a job and follows it to its end, calling progress (which may be
// nil) for each step. When ctx ends first, the job is cancelled. The job's
// result is read into result unless that is nil.
func (c *Client) RunJob(ctx context.Context, method string, params, result any, progress func(Job)) error {
	job, err := c.StartJob(ctx, method, params)
	if err != nil {
		return err
	}
	for {
		if progress != nil {
			progress(job)
		}
		if job.Ended {
			break
		}
		next, err := c.Job(ctx, JobRequest{ID: job.ID, SinceDone: &job.Done, Timeout: 30})
		if err != nil {
			if ctx.Err() != nil {
				_, _ = c.CancelJob(context.WithoutCancel(ctx), job.ID)
			}
			return err
		}
		job = next
	}
	if job.Error != "" {
		return CodeMisc.New(job.Error)
	}
	if result == nil || len(job.Result) == 0 {
		return nil
	}
	return json.Unmarshal(job.Result, result)
}

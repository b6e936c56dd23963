package rpc

import "context"

// ListWallets is the request of lode_wallets.
type ListWallets struct {
	All bool `json:"all,omitempty"` // archived ones too
}

// Unlock is the request of lode_unlock.
type Unlock struct {
	Passphrase string  `json:"passphrase"`
	Seconds    float64 `json:"seconds,omitempty"` // 0: until the host ends or walletlock
}

// Passphrases is the request of lode_changepassphrase; an empty New of
// lode_removepassphrase.
type Passphrases struct {
	Passphrase string `json:"passphrase"`
	New        string `json:"new_passphrase,omitempty"`
}

// AdoptWallet is the request of lode_adoptwallet.
type AdoptWallet struct {
	Wallet        string `json:"wallet"`
	OldPassphrase string `json:"old_passphrase,omitempty"` // that its file is under
	Passphrase    string `json:"passphrase,omitempty"`     // of the wallets here, when they are locked
}

// ArchiveWallet is the request of lode_archivewallet.
type ArchiveWallet struct {
	Wallet   string `json:"wallet"`
	Archived bool   `json:"archived"`
}

// DeleteWallet is the request of lode_deletewallet. Whoever asks shows that the
// wallet can be brought back: with its words, its key, or a backup of it.
type DeleteWallet struct {
	Wallet           string `json:"wallet"`
	Passphrase       string `json:"passphrase,omitempty"`        // of the wallets, when they are under one
	Words            string `json:"words,omitempty"`             //
	BIP39Passphrase  string `json:"bip39_passphrase,omitempty"`  // of the words, if they have one
	Path             string `json:"path,omitempty"`              // of a wallet of one key of the words
	Type             string `json:"type,omitempty"`              // goes with Path
	Key              string `json:"key,omitempty"`               // of a wallet of one key, hex or WIF
	Backup           []byte `json:"backup,omitempty"`            // a backup's file
	BackupPassphrase string `json:"backup_passphrase,omitempty"` // that it is under
	WithCoins        bool   `json:"with_coins,omitempty"`        // although it has coins
}

// BackupWallet is the request of lode_backupwallet.
type BackupWallet struct {
	Wallet           string `json:"wallet"`
	Passphrase       string `json:"passphrase,omitempty"` // of the wallets, when they are under one
	BackupPassphrase string `json:"backup_passphrase"`    // that the file will be under
}

// WalletBackup is a wallet's backup: an encrypted file.
type WalletBackup struct {
	Wallet Wallet `json:"wallet"`
	Data   []byte `json:"data"`
	Name   string `json:"suggested_name"` // of a file
}

// RestoreBackup is the request of lode_restorewallet.
type RestoreBackup struct {
	Data             []byte `json:"data"`
	BackupPassphrase string `json:"backup_passphrase"`
	Name             string `json:"name,omitempty"`        // empty: the one that it had
	Passphrase       string `json:"passphrase,omitempty"`  // of the wallets here, when they are locked
	File             bool   `json:"file,omitempty"`        // Data is a wallet's own file of another folder
	OtherChain       bool   `json:"other_chain,omitempty"` // although it was made on another chain
	Merge            bool   `json:"merge,omitempty"`       // take what the wallet that is here lacks: labels, notes, indexes given out
}

// RestoredBackup is the result of lode_restorewallet.
type RestoredBackup struct {
	Wallet   Wallet   `json:"wallet"`
	Merged   bool     `json:"merged"` // it was here already
	Warnings []string `json:"warnings"`
}

// ListAllWallets calls lode_wallets, archived ones included.
func (c *Client) ListAllWallets(ctx context.Context) ([]Wallet, error) {
	return ask[[]Wallet](ctx, c, "lode_wallets", ListWallets{All: true})
}

// UnlockFor calls lode_unlock for a time in seconds; 0 for no limit.
func (c *Client) UnlockFor(ctx context.Context, passphrase string, seconds float64) error {
	return c.Call(ctx, "lode_unlock", nil, Unlock{Passphrase: passphrase, Seconds: seconds})
}

// Lock calls walletlock.
func (c *Client) Lock(ctx context.Context) error { return c.Call(ctx, "walletlock", nil) }

// ChangePassphrase calls lode_changepassphrase.
func (c *Client) ChangePassphrase(ctx context.Context, r Passphrases) error {
	return c.Call(ctx, "lode_changepassphrase", nil, r)
}

// RemovePassphrase calls lode_removepassphrase.
func (c *Client) RemovePassphrase(ctx context.Context, passphrase string) error {
	return c.Call(ctx, "lode_removepassphrase", nil, Passphrase{Passphrase: passphrase})
}

// AdoptWallet calls lode_adoptwallet.
func (c *Client) AdoptWallet(ctx context.Context, r AdoptWallet) (Wallet, error) {
	return ask[Wallet](ctx, c, "lode_adoptwallet", r)
}

// ArchiveWallet calls lode_archivewallet.
func (c *Client) ArchiveWallet(ctx context.Context, r ArchiveWallet) (Wallet, error) {
	return ask[Wallet](ctx, c, "lode_archivewallet", r)
}

// DeleteWallet calls lode_deletewallet and returns the wallet as it was.
func (c *Client) DeleteWallet(ctx context.Context, r DeleteWallet) (Wallet, error) {
	return ask[Wallet](ctx, c, "lode_deletewallet", r)
}

// BackupWallet calls lode_backupwallet.
func (c *Client) BackupWallet(ctx context.Context, r BackupWallet) (WalletBackup, error) {
	return ask[WalletBackup](ctx, c, "lode_backupwallet", r)
}

// RestoreBackup calls lode_restorewallet.
func (c *Client) RestoreBackup(ctx context.Context, r RestoreBackup) (RestoredBackup, error) {
	return ask[RestoredBackup](ctx, c, "lode_restorewallet", r)
}

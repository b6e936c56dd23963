package rpc

import (
	"context"
	"encoding/json"
)

// DescriptorImport is a descriptor to import, as Core's importdescriptors has it.
type DescriptorImport struct {
	Desc      *string         `json:"desc"`
	Active    bool            `json:"active,omitempty"`
	Internal  bool            `json:"internal,omitempty"`
	Range     json.RawMessage `json:"range,omitempty"`
	NextIndex *int64          `json:"next_index,omitempty"`
	Timestamp json.RawMessage `json:"timestamp,omitempty"` // Unix seconds or "now"; lode's own methods take none as 0
	Label     *string         `json:"label,omitempty"`
}

// NewDescriptorWallet asks for a wallet of descriptors: lode_importwallet.
type NewDescriptorWallet struct {
	Name        string             `json:"name,omitempty"`
	Descriptors []DescriptorImport `json:"descriptors"`
	Watch       bool               `json:"watch,omitempty"`      // refuse private keys
	Type        string             `json:"type,omitempty"`       // of the addresses of an extended key that does not say it
	Passphrase  string             `json:"passphrase,omitempty"` // as in NewWallets
}

// DescriptorWallet is the reply of lode_importwallet and lode_multisig.
type DescriptorWallet struct {
	Wallet
	Already  bool     `json:"already"`
	Warnings []string `json:"warnings,omitempty"`
}

// ImportWallet calls lode_importwallet.
func (c *Client) ImportWallet(ctx context.Context, r NewDescriptorWallet) (DescriptorWallet, error) {
	return ask[DescriptorWallet](ctx, c, "lode_importwallet", r)
}

// WatchRequest asks for a wallet that only watches: lode_watch.
type WatchRequest struct {
	What []string `json:"what"` // extended public keys, descriptors, addresses
	Name string   `json:"name,omitempty"`
	Type string   `json:"type,omitempty"` // of the addresses, where an extended key does not say it
}

// Watch calls lode_watch.
func (c *Client) Watch(ctx context.Context, r WatchRequest) (DescriptorWallet, error) {
	return ask[DescriptorWallet](ctx, c, "lode_watch", r)
}

// SharedKeyRequest asks for a wallet's key for multisigs: lode_xpub.
type SharedKeyRequest struct {
	Wallet     string `json:"wallet,omitempty"`
	Form       string `json:"form,omitempty"`       // as in MultisigRequest
	Account    bool   `json:"account,omitempty"`    // the key of its own account instead
	Passphrase string `json:"passphrase,omitempty"` // as in NewWallets
}

// SharedKey is a wallet's key for multisigs.
type SharedKey struct {
	Wallet      string `json:"wallet"`
	Number      int    `json:"number"`
	Key         string `json:"key"` // the key expression to hand out
	XPub        string `json:"xpub"`
	Fingerprint string `json:"fingerprint"` // of the master key
	Path        string `json:"path"`
}

// SharedKey calls lode_xpub.
func (c *Client) SharedKey(ctx context.Context, r SharedKeyRequest) (SharedKey, error) {
	return ask[SharedKey](ctx, c, "lode_xpub", r)
}

// MultisigRequest asks for the wallet of a multisig: lode_multisig.
type MultisigRequest struct {
	Name       string   `json:"name,omitempty"`
	Required   int      `json:"required"`
	Keys       []string `json:"keys"`
	SignWith   string   `json:"sign_with,omitempty"` // wallet whose key signs; its key is added if it is not among Keys
	Form       string   `json:"form,omitempty"`      // wsh (default), sh-wsh, sh or tr
	Old        bool     `json:"old,omitempty"`       // it may have been paid before
	Passphrase string   `json:"passphrase,omitempty"`
}

// Multisig calls lode_multisig.
func (c *Client) Multisig(ctx context.Context, r MultisigRequest) (DescriptorWallet, error) {
	return ask[DescriptorWallet](ctx, c, "lode_multisig", r)
}

// DescriptorsRequest asks for a wallet's descriptors: lode_descriptors.
type DescriptorsRequest struct {
	Wallet     string `json:"wallet,omitempty"`
	Private    bool   `json:"private,omitempty"`
	Passphrase string `json:"passphrase,omitempty"` // of the wallets, when they are under one and Private is set
}

// Descriptors is the reply of lode_descriptors.
type Descriptors struct {
	Wallet      string             `json:"wallet"`
	Number      int                `json:"number"`
	Private     bool               `json:"private"`
	Descriptors []WalletDescriptor `json:"descriptors"`
}

// WalletDescriptor is one descriptor of a wallet, in the form that
// importdescriptors takes.
type WalletDescriptor struct {
	Desc      string  `json:"desc"`
	Active    bool    `json:"active"`
	Internal  bool    `json:"internal"`
	Timestamp int64   `json:"timestamp"`
	Range     []int64 `json:"range,omitempty"`
	Next      *uint32 `json:"next_index,omitempty"`
}

// Descriptors calls lode_descriptors.
func (c *Client) Descriptors(ctx context.Context, r DescriptorsRequest) (Descriptors, error) {
	return ask[Descriptors](ctx, c, "lode_descriptors", r)
}

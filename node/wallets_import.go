package node

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lode-chain/lode/descriptor"
	"github.com/lode-chain/lode/internal/vault"
	"github.com/lode-chain/lode/rpc"
)

// importRange is how many indexes of an imported descriptor are watched at
// least when its range is not given; policy (Core has a thousand).
const importRange = 100

// maxImport bounds what one call imports, in descriptors; policy.
const maxImport = 1_000

// timestampWindow is how much older than its stated time a payment may be, in
// seconds (Core's TIMESTAMP_WINDOW).
const timestampWindow = 7200

// importing is one descriptor on its way into a wallet.
type importing struct {
	vault.Descriptor
	private  string // with its private keys; empty when it has none
	complete bool   // none of them lacks
	parsed   *descriptor.Descriptor
	warnings []string
}

// descriptorError gives the error of a descriptor its code. The hint says where
// a checksum is wrong and what to do about it.
func descriptorError(err error, hints bool) *rpc.Error {
	if e, ok := errors.AsType[*descriptor.Error](err); ok && !hints {
		return rpc.CodeInvalidAddress.New(e.Message)
	}
	return rpc.CodeInvalidAddress.New(err.Error())
}

// readImport reads one descriptor to import, with the refusals of Core's
// ProcessDescriptorImport. Checked wants its checksum to be there; hints are told
// to people.
func (w *wallets) readImport(r *rpc.DescriptorImport, checked, hints bool) (*importing, error) {
	if r.Desc == nil {
		return nil, rpc.CodeInvalidParameter.New("Descriptor not found.")
	}
	if checked && !strings.Contains(*r.Desc, "#") {
		return nil, rpc.CodeInvalidAddress.New("Missing checksum")
	}
	d, err := descriptor.Parse(*r.Desc, w.host.params)
	if err != nil {
		return nil, descriptorError(err, hints)
	}
	i := &importing{parsed: d, Descriptor: vault.Descriptor{Internal: r.Internal, Active: r.Active}}
	if err := i.readRange(r); err != nil {
		return nil, err
	}
	switch {
	case r.Active && !d.Ranged():
		return nil, rpc.CodeInvalidParameter.New("Active descriptors must be ranged")
	case r.Range != nil && r.Label != nil && d.Ranged():
		return nil, rpc.CodeInvalidParameter.New("Ranged descriptors should not have a label")
	case r.Internal && r.Label != nil:
		return nil, rpc.CodeInvalidParameter.New("Internal addresses should not have a label")
	case r.Active && !d.Single():
		return nil, rpc.CodeWallet.New("Combo descriptors cannot be set to active")
	}
	if r.Label != nil {
		i.Label = *r.Label
	}
	if i.Label == "*" {
		return nil, rpc.CodeInvalidLabel.New("Invalid label name")
	}
	if _, typed := d.Type(); r.Active && !typed {
		i.Active = false
		i.warnings = append(i.warnings, "Unknown output type, cannot set descriptor to active.")
	}
	return i, i.normalize(w)
}

// readRange reads the range and the next index.
func (i *importing) readRange(r *rpc.DescriptorImport) error {
	if !i.parsed.Ranged() {
		if r.Range != nil {
			return rpc.CodeInvalidParameter.New("Range should not be specified for an un-ranged descriptor")
		}
		return nil
	}
	if r.Range == nil {
		i.End = importRange
		i.warnings = append(i.warnings, "Range not given, using default keypool range")
	} else {
		begin, last, err := parseRange(r.Range)
		if err != nil {
			return err
		}
		i.Begin, i.End = begin, last+1
	}
	i.Next = i.Begin
	if r.NextIndex != nil {
		if *r.NextIndex < int64(i.Begin) || *r.NextIndex >= int64(i.End) {
			return rpc.CodeInvalidParameter.New("next_index is out of range")
		}
		i.Next = uint32(*r.NextIndex)
	}
	return nil
}

// parseRange reads a range as Core's ParseDescriptorRange: its end, or [begin,
// end]; both are part of it.
func parseRange(raw json.RawMessage) (begin, last uint32, err error) {
	var low, high int64
	var pair []int64
	switch {
	case json.Unmarshal(raw, &high) == nil:
	case json.Unmarshal(raw, &pair) == nil && len(pair) == 2:
		low, high = pair[0], pair[1]
		if low > high {
			return 0, 0, rpc.CodeInvalidParameter.New("Range specified as [begin,end] must not have begin after end")
		}
	default:
		return 0, 0, rpc.CodeInvalidParameter.New("Range must be specified as end or as [begin,end]")
	}
	switch {
	case low < 0:
		return 0, 0, rpc.CodeInvalidParameter.New("Range should be greater or equal than 0")
	case high>>31 != 0:
		return 0, 0, rpc.CodeInvalidParameter.New("End of range is too high")
	case high >= low+1_000_000:
		return 0, 0, rpc.CodeInvalidParameter.New("Range is too large")
	}
	return uint32(low), uint32(high), nil
}

// normalize finds the form that is stored: public, with hardened steps folded into
// where the key comes from, so that scripts can be derived while the wallets are
// locked.
func (i *importing) normalize(w *wallets) error {
	errExpand := rpc.CodeWallet.New("Cannot expand descriptor. Probably because of hardened derivations without private keys provided")
	text, err := i.parsed.Normalized()
	if err != nil {
		return errExpand
	}
	public, err := descriptor.Parse(text, w.host.params)
	if err != nil {
		return descriptorError(err, true)
	}
	if _, err := public.Scripts(i.Begin); err != nil {
		return errExpand
	}
	i.Text = public.String()
	if i.parsed.HasPrivate() {
		i.private, i.complete, err = i.parsed.Private()
	}
	return err
}

// born reads the time from which on the descriptor may have been paid.
func (w *wallets) born(i *importing, raw json.RawMessage) error {
	var seconds int64
	var word string
	switch {
	case len(raw) == 0:
		return rpc.CodeType.New("Missing required timestamp field for key")
	case json.Unmarshal(raw, &seconds) == nil:
		i.Time = seconds
	case json.Unmarshal(raw, &word) == nil && word == "now":
		tip := w.host.chain.Tip()
		i.Time, i.Birth = tip.MedianTimePast(), tip.Height
		return nil
	case json.Unmarshal(raw, &word) == nil:
		return rpc.CodeType.New(`Expected number or "now" timestamp value for key. got type string`)
	default:
		return rpc.Errorf(rpc.CodeType, `Expected number or "now" timestamp value for key. got type %s`, rpc.KindOf(raw))
	}
	i.Birth = w.heightOf(seconds - timestampWindow)
	return nil
}

// heightOf is the height of the first block of a time, or of the tip.
func (w *wallets) heightOf(seconds int64) int32 {
	tip := w.host.chain.Tip().Height
	for h := int32(0); h < tip; h++ {
		if e := w.host.chain.ByHeight(h); e != nil && e.Time() >= seconds {
			return h
		}
	}
	return tip
}

// fits holds a descriptor against the wallet that it is to be part of.
func (i *importing) fits(head vault.Header) error {
	switch {
	case head.WatchOnly && i.private != "":
		return rpc.CodeWallet.New("Cannot import private keys to a wallet with private keys disabled")
	case !head.WatchOnly && i.private == "":
		return rpc.CodeWallet.New("Cannot import descriptor without private keys to a wallet with private keys enabled")
	case !head.WatchOnly && !i.complete:
		i.warnings = append(i.warnings, "Not all private keys provided. Some wallet functionality may return unexpected errors")
	}
	for _, d := range head.Descriptors {
		if d.Text == i.Text && (i.Begin > d.Begin || i.End < d.End) {
			return rpc.Errorf(rpc.CodeInvalidParameter, "new range must include current range = [%d,%d]", d.Begin, d.End-1)
		}
	}
	return nil
}

// importResult is one row of importdescriptors.
type importResult struct {
	Success  bool       `json:"success"`
	Warnings []string   `json:"warnings,omitempty"`
	Error    *rpc.Error `json:"error,omitempty"`
}

// importDescriptors is Core's: each row succeeds or fails for itself.
func (c *coreWallet) importDescriptors(ctx context.Context, r *rpc.Request) (any, error) {
	var requests []rpc.DescriptorImport
	if err := r.Decode(0, &requests); err != nil {
		return nil, err
	}
	if len(requests) > maxImport {
		return nil, rpc.Errorf(rpc.CodeInvalidParameter, "%d descriptors at once are too many: at most %d", len(requests), maxImport)
	}
	if c.file.Encrypted() && c.vault.Locked() {
		return nil, errLocked
	}
	results := make([]importResult, len(requests))
	var good []*importing
	for n := range requests {
		i, err := c.readImport(&requests[n], true, false)
		if err == nil {
			err = i.fits(c.file.Header())
		}
		if i != nil {
			if terr := c.born(i, requests[n].Timestamp); terr != nil {
				return nil, terr
			}
		}
		if err != nil {
			e, ok := errors.AsType[*rpc.Error](err)
			if !ok {
				return nil, err
			}
			results[n].Error = e
			continue
		}
		results[n] = importResult{Success: true, Warnings: i.warnings}
		good = append(good, i)
	}
	return results, c.takeIn(ctx, c.file, good, nil)
}

// takeIn adds what was read to a wallet.
func (w *wallets) takeIn(ctx context.Context, file *vault.Wallet, list []*importing, key *vault.Key) error {
	own := publicTexts(file.Header())[:ownChains(file.Header())]
	for n, text := range own {
		if d, err := descriptor.Parse(text, w.host.params); err == nil {
			own[n] = d.String()
		}
	}
	var descs []vault.Descriptor
	var private []string
	for _, i := range list {
		if !slices.Contains(own, i.Text) {
			descs, private = append(descs, i.Descriptor), append(private, i.private)
		}
	}
	if err := w.setLabels(file, list); err != nil || len(descs) == 0 {
		return err
	}
	return w.addDescriptors(ctx, file, descs, private, key)
}

// setLabels gives the addresses of descriptors their labels.
func (w *wallets) setLabels(file *vault.Wallet, list []*importing) error {
	for _, i := range list {
		if i.parsed.Ranged() || i.Internal {
			continue
		}
		scripts, err := i.parsed.Scripts(0)
		if err != nil {
			return err
		}
		for _, script := range scripts {
			if _, known := file.Label(script); known && i.Label == "" {
				continue
			}
			if err := setLabel(file, script, i.Label); err != nil {
				return err
			}
		}
	}
	return nil
}

// descriptorWallet makes a wallet of descriptors: with those private keys that
// they have, or to watch.
func (w *wallets) descriptorWallet(ctx context.Context, r rpc.NewDescriptorWallet) (rpc.DescriptorWallet, error) {
	var reply rpc.DescriptorWallet
	if err := w.checkNewName(r.Name); err != nil {
		return reply, err
	}
	if n := len(r.Descriptors); n == 0 || n > maxImport {
		return reply, rpc.Errorf(rpc.CodeInvalidParameter, "%d descriptors are not within 1 to %d", n, maxImport)
	}
	var list []*importing
	for n := range r.Descriptors {
		d := &r.Descriptors[n]
		i, err := w.readImport(d, false, true)
		if err != nil {
			return reply, numbered(err, n, len(r.Descriptors))
		}
		if len(d.Timestamp) == 0 {
			d.Timestamp = json.RawMessage("0")
		}
		if err := w.born(i, d.Timestamp); err != nil {
			return reply, numbered(err, n, len(r.Descriptors))
		}
		list = append(list, i)
	}
	head, secret, err := describeSet(w, list)
	if err != nil {
		return reply, err
	}
	if r.Watch && !head.WatchOnly {
		return reply, rpc.CodeWallet.New("Cannot import private keys to a wallet with private keys disabled")
	}
	defer secret.Wipe()
	head.Name = r.Name
	var key *vault.Key
	if !head.WatchOnly {
		opener, done, err := w.keyFor(r.Passphrase)
		if err != nil {
			return reply, err
		}
		defer done()
		key = opener
	}
	made, already, err := w.create(ctx, []vault.New{{Header: head, Secret: secret}}, key)
	if err != nil {
		return reply, err
	}
	reply.Already = len(already) > 0
	file := append(made, already...)[0]
	if !reply.Already {
		if err := w.setLabels(file, list); err != nil {
			return reply, err
		}
	}
	for _, i := range list {
		for _, warning := range i.warnings {
			if !slices.Contains(reply.Warnings, warning) {
				reply.Warnings = append(reply.Warnings, warning)
			}
		}
	}
	reply.Wallet, err = w.show(ctx, file)
	return reply, err
}

// numbered says which of several descriptors an error is about.
func numbered(err error, n, of int) error {
	if e, ok := errors.AsType[*rpc.Error](err); ok && of > 1 {
		return rpc.Errorf(e.Code, "descriptor %d of %d: %s", n+1, of, e.Message)
	}
	return err
}

// describeSet describes the wallet of a set of descriptors.
func describeSet(w *wallets, list []*importing) (vault.Header, *vault.Secret, error) {
	head := vault.Header{Source: vault.SourceDescriptors, WatchOnly: true, Created: w.host.now().Unix(), Birth: -1}
	secret := new(vault.Secret)
	first := list[0]
	for _, i := range list {
		head.WatchOnly = head.WatchOnly && i.private == ""
		if head.Birth < 0 || i.Birth < head.Birth {
			head.Birth = i.Birth
		}
		if i.Active && !i.Internal && !(first.Active && !first.Internal) {
			first = i
		}
		head.Descriptors = append(head.Descriptors, i.Descriptor)
		secret.Descriptors = append(secret.Descriptors, i.private)
	}
	for _, i := range list {
		if !head.WatchOnly && !i.complete {
			i.warnings = append(i.warnings, "Not all private keys provided. Some wallet functionality may return unexpected errors")
		}
	}
	if head.WatchOnly {
		secret.Descriptors = nil
	}
	t, _ := first.parsed.Type()
	head.Type = string(t)
	scripts, err := first.parsed.Scripts(first.Begin)
	if err != nil || len(scripts) == 0 {
		return head, secret, fmt.Errorf("first address of the wallet: %w", err)
	}
	head.Script = hex.EncodeToString(scripts[0])
	return head, secret, nil
}

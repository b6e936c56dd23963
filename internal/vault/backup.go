package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// A backup of one wallet is a file of age (age-encryption.org/v1) under a
// passphrase of its own, in which there is one JSON object. It can be opened with
// the age tool as well.

const (
	backupFormat = 1
	// MaxBackup is the most bytes of a backup file; policy.
	MaxBackup = 16 << 20
	// backupWork is the work factor of new backups, log2 of scrypt's N: age's own
	// choice, about a second. mostBackupWork bounds what a file may ask for, 1 GiB
	// of memory; policy.
	backupWork     = 18
	mostBackupWork = 20
)

// Backup is all that makes up a wallet but what blocks tell. It hides its secret
// from package fmt and from JSON other than its own file.
type Backup struct {
	Network     string // fingerprint of the rules, hex
	NetworkName string
	Made        int64  // Unix seconds
	Height      int32  // of the best block then
	Block       string // its hash, hex as shown

	Header    Header
	Secret    *Secret
	Name      string
	Archived  bool
	Issued    map[uint32]uint32
	Labels    map[string]string // of scripts in hex
	Notes     map[string]string // of transactions
	Locked    []Outpoint
	Abandoned []string
	Flags     []string // settings that are on
}

// backupFile is the JSON of a backup.
type backupFile struct {
	Format      int               `json:"lode_wallet_backup"`
	Network     string            `json:"network"`
	NetworkName string            `json:"network_name"`
	Made        int64             `json:"made"`
	Height      int32             `json:"height"`
	Block       string            `json:"block"`
	Header      Header            `json:"wallet"`
	Secret      secretBody        `json:"secret"`
	Name        string            `json:"name"`
	Archived    bool              `json:"archived,omitempty"`
	Issued      map[uint32]uint32 `json:"issued,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Notes       map[string]string `json:"notes,omitempty"`
	Locked      []Outpoint        `json:"locked,omitempty"`
	Abandoned   []string          `json:"abandoned,omitempty"`
	Flags       []string          `json:"flags,omitempty"`
}

// Backup collects what a backup of a wallet holds; the caller fills in the
// network's name and the chain, and wipes it. Kinds: ErrLocked, ErrForeign,
// ErrDamaged.
func (w *Wallet) Backup(key *Key) (*Backup, error) {
	secret, err := w.Secret(key)
	if err != nil {
		return nil, err
	}
	b := w.Facts()
	b.Secret = secret
	return b, nil
}

// facts fills in what the journal tells.
func (w *Wallet) facts(b *Backup) {
	w.journal.ask(func(s *state) {
		b.Archived, b.Issued, b.Labels, b.Notes = s.archived, maps.Clone(s.next), maps.Clone(s.labels), maps.Clone(s.notes)
		b.Locked, b.Abandoned = slices.Sorted(maps.Keys(s.locked)), slices.Sorted(maps.Keys(s.abandoned))
		b.Flags = slices.Sorted(maps.Keys(s.flags))
	})
}

// Wipe overwrites the secret as far as it can be.
func (b *Backup) Wipe() {
	if b != nil {
		b.Secret.Wipe()
	}
}

// Format hides the backup under every verb of package fmt.
func (*Backup) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue hides the backup.
func (*Backup) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the backup: Encode writes its file.
func (*Backup) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// Encode returns the backup's file, encrypted under a passphrase of its own. work
// is the work factor, log2 of scrypt's N; 0 chooses. Kind: ErrBadPassphrase.
func (b *Backup) Encode(passphrase []byte, work int) ([]byte, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(b.file())
	if err != nil {
		return nil, err
	}
	defer wipe(plain)
	normal := normalize(passphrase)
	defer wipe(normal)
	recipient, err := age.NewScryptRecipient(string(normal))
	if err != nil {
		return nil, err
	}
	if work == 0 {
		work = backupWork
	}
	recipient.SetWorkFactor(work)
	var out bytes.Buffer
	sealed, err := age.Encrypt(&out, recipient)
	if err == nil {
		_, err = sealed.Write(plain)
	}
	if err == nil {
		err = sealed.Close()
	}
	if err == nil && out.Len() > MaxBackup {
		err = fmt.Errorf("the backup would have %d bytes, over the limit of %d", out.Len(), MaxBackup)
	}
	return out.Bytes(), err
}

// file is the backup's JSON.
func (b *Backup) file() *backupFile {
	head := b.Header
	head.KDF = nil // that of the folder it comes from means nothing elsewhere
	return &backupFile{
		Format: backupFormat, Network: b.Network, NetworkName: b.NetworkName, Made: b.Made, Height: b.Height, Block: b.Block,
		Header: head, Secret: bodyOf(b.Secret), Name: b.Name, Archived: b.Archived, Issued: b.Issued, Labels: b.Labels,
		Notes: b.Notes, Locked: b.Locked, Abandoned: b.Abandoned, Flags: b.Flags,
	}
}

// backup undoes file; it takes the secret over.
func (f *backupFile) backup(secret *Secret) (*Backup, error) {
	if f.Format > backupFormat {
		secret.Wipe()
		return nil, errNewerBackup(f.Format)
	}
	if err := checkSecret(&f.Header, secret); err != nil {
		secret.Wipe()
		return nil, damaged(err)
	}
	return &Backup{
		Network: f.Network, NetworkName: f.NetworkName, Made: f.Made, Height: f.Height, Block: f.Block,
		Header: f.Header, Secret: secret, Name: f.Name, Archived: f.Archived, Issued: f.Issued, Labels: f.Labels,
		Notes: f.Notes, Locked: f.Locked, Abandoned: f.Abandoned, Flags: f.Flags,
	}, nil
}

func errNewerBackup(format int) error {
	return fmt.Errorf("%w (format %d, this one reads up to %d)", ErrNewer, format, backupFormat)
}

// IsBackup says whether data begins as a file of age does.
func IsBackup(data []byte) bool {
	return bytes.HasPrefix(data, []byte("age-encryption.org/")) || bytes.HasPrefix(data, []byte(armor.Header)) || IsCopy(data)
}

// DecodeBackup opens a backup's file or a copy; the caller wipes what it returns.
// Kinds: ErrNoBackup, ErrPassphrase, ErrDamaged, ErrNewer.
func DecodeBackup(data, passphrase []byte) (*Backup, error) {
	switch {
	case !IsBackup(data):
		return nil, ErrNoBackup
	case len(data) > MaxBackup:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrNoBackup, MaxBackup)
	case IsCopy(data):
		return decodeCopy(data, false, keyUnder(passphrase))
	case checkPassphrase(passphrase) != nil:
		return nil, ErrPassphrase
	}
	plain, err := openAge(data, passphrase)
	if err != nil {
		return nil, err
	}
	defer wipe(plain)
	var f backupFile
	// Errors of JSON may quote what they read: left out.
	if json.Unmarshal(plain, &struct {
		Format *int `json:"lode_wallet_backup"`
	}{&f.Format}) != nil || f.Format < 1 {
		return nil, fmt.Errorf("%w: something else is encrypted in it", ErrNoBackup)
	}
	if f.Format > backupFormat {
		return nil, errNewerBackup(f.Format)
	}
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.DisallowUnknownFields()
	if dec.Decode(&f) != nil {
		return nil, fmt.Errorf("%w: what is encrypted in it is not readable", ErrDamaged)
	}
	secret, err := f.Secret.secret()
	if err != nil {
		return nil, err
	}
	return f.backup(secret)
}

// DecodeFile opens a wallet's own file of another folder, which one wallet has for
// itself; the caller wipes what it returns. Kinds as of DecodeBackup.
func DecodeFile(data, passphrase []byte) (*Backup, error) {
	if !IsCopy(data) || sealedSize(data) != len(data) {
		return nil, ErrNoBackup
	}
	return decodeCopy(data, true, keyUnder(passphrase))
}

// keyUnder derives the key of a passphrase.
func keyUnder(passphrase []byte) func(KDF) (*Key, error) {
	return func(kdf KDF) (*Key, error) {
		if checkPassphrase(passphrase) != nil {
			return nil, ErrPassphrase
		}
		return derive(passphrase, kdf)
	}
}

func openAge(data, passphrase []byte) ([]byte, error) {
	normal := normalize(passphrase)
	defer wipe(normal)
	identity, err := age.NewScryptIdentity(string(normal))
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(mostBackupWork)
	var in io.Reader = bytes.NewReader(data)
	if bytes.HasPrefix(data, []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	r, err := age.Decrypt(in, identity)
	var noMatch *age.NoIdentityMatchError
	switch {
	case err == nil:
	case errors.As(err, &noMatch) && slices.Contains(noMatch.StanzaTypes, "scrypt"):
		return nil, ErrPassphrase
	case errors.As(err, &noMatch):
		return nil, fmt.Errorf("%w: it is not under a passphrase", ErrNoBackup)
	default:
		return nil, damaged(err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxBackup))
	if err != nil {
		wipe(plain)
		return nil, damaged(err)
	}
	return plain, nil
}

// Same says whether the backup has the very secret of a wallet.
func (b *Backup) Same(s *Secret) bool {
	return bytes.Equal(b.Secret.Mnemonic, s.Mnemonic) && bytes.Equal(b.Secret.BIP39Passphrase, s.BIP39Passphrase) &&
		bytes.Equal(b.Secret.Key, s.Key) && slices.Equal(withoutTail(b.Secret.Descriptors), withoutTail(s.Descriptors))
}

func withoutTail(list []string) []string {
	for len(list) > 0 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}

// Missing returns what the backup knows of a wallet and the wallet's own files do
// not: indexes further on, labels and notes of what has none. Nothing that is
// there is ever replaced by the backup's.
func (b *Backup) Missing(w *Wallet) *Backup {
	m := &Backup{Issued: make(map[uint32]uint32), Labels: make(map[string]string), Notes: make(map[string]string)}
	w.journal.ask(func(s *state) {
		for chain, next := range b.Issued {
			if next > s.next[chain] {
				m.Issued[chain] = next
			}
		}
		for script, text := range b.Labels {
			if _, ok := s.labels[script]; !ok {
				m.Labels[script] = text
			}
		}
		for txid, text := range b.Notes {
			if _, ok := s.notes[txid]; !ok {
				m.Notes[txid] = text
			}
		}
	})
	return m
}

// Empty says whether a backup tells nothing.
func (b *Backup) Empty() bool {
	return len(b.Issued)+len(b.Labels)+len(b.Notes)+len(b.Locked)+len(b.Abandoned)+len(b.Flags) == 0 && !b.Archived
}

// Take writes what a backup tells beside keys and name into the wallet's
// journal, in one write.
func (w *Wallet) Take(b *Backup) error {
	if b.Empty() {
		return nil
	}
	from := journal{state: state{archived: b.Archived, next: b.Issued, labels: b.Labels, notes: b.Notes}}
	for _, coin := range b.Locked {
		set(&from.locked, coin, true)
	}
	for _, txid := range b.Abandoned {
		set(&from.abandoned, txid, true)
	}
	for _, name := range b.Flags {
		set(&from.flags, name, true)
	}
	recs, _, err := from.live()
	if err != nil {
		return err
	}
	return w.journal.append(recs...)
}

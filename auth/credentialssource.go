package auth

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// CredentialsSource says where certificate and key are. What several fields
// name is put together. It prints as a mask.
type CredentialsSource struct {
	// Files are read again when they change; what is wrong with them then is
	// tried again each minute, for a certificate may become valid. A name that
	// is no regular file, such as a pipe, is read once.
	Files []string
	// FS is where Files are; nil means the operating system's files.
	FS fs.FS
	// Env are names of environment variables that hold PEM, or base64 of DER
	// or PKCS#12. They are read once.
	Env []string
	// Data are texts in memory, as files would hold them. They may be wiped
	// after Load.
	Data [][]byte
	// Password opens an encrypted PKCS#8 key or a PKCS#12 bundle. It is asked at
	// each reading, and what it gives is wiped after use. nil means that there
	// is none.
	Password func() ([]byte, error)
	// Signer is the private key in a device; nil means that it is in one of
	// the others. The OpenSSL engine needs a key in memory.
	Signer crypto.Signer
	// Now is the clock that a certificate must be valid by when it is read;
	// nil means time.Now. A handshake judges by its own.
	Now func() time.Time
}

// Load reads the credentials. The error is that of [LoadCredentials].
func (s CredentialsSource) Load() (*Credentials, error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	c := &Credentials{notices: &notices{}, now: s.Now}
	still, err := s.once()
	if err != nil {
		return nil, fmt.Errorf("auth: %w: %w", ErrCredentials, err)
	}
	parse := func(src []source) (pairs, error) { return s.pairs(slices.Concat(still, src)) }
	if len(s.Files) == 0 {
		if len(still) == 0 {
			return nil, fmt.Errorf("auth: %w: no file was given", ErrCredentials)
		}
		all, err := parse(nil)
		if err != nil {
			return nil, err
		}
		c.pairs = fixed(all)
		return c, nil
	}
	c.pairs, err = newReread(files{s.FS, s.Files}, parse)
	if err != nil {
		return nil, credentialsError(err)
	}
	c.pairs.changed = c.heard
	c.pairs.part = func(old, all pairs) bool {
		now := s.Now()
		return len(all.at(now).Certificate) < len(old.at(now).Certificate)
	}
	return c, nil
}

// credentialsError wraps ErrCredentials around what is not yet of its kind.
func credentialsError(err error) error {
	if errors.Is(err, ErrCredentials) {
		return err
	}
	return fmt.Errorf("auth: %w: %w", ErrCredentials, err)
}

// heard tells the listeners of a reading.
func (c *Credentials) heard(all pairs, err error) {
	n := Notice{Kind: Reloaded}
	if err != nil {
		n.Err = credentialsError(err)
		n.Kind, all = ReloadFailed, *c.pairs.current.Load()
	}
	leaf := all.at(c.now()).Leaf
	n.FQDN, n.Expires = fqdn(leaf), leaf.NotAfter
	c.notices.say(n)
}

// pairs finds certificates and key in what was read; the error wraps
// ErrCredentials.
func (s CredentialsSource) pairs(src []source) (pairs, error) {
	b := bundle{password: s.Password}
	for _, one := range src {
		if err := b.parse(one); err != nil {
			return nil, fmt.Errorf("auth: %w: %w", ErrCredentials, err)
		}
	}
	if s.Signer != nil {
		b.keys, b.kept = append(b.keys, s.Signer), append(b.kept, "")
	}
	all, err := b.pairs()
	if err != nil {
		return nil, fmt.Errorf("auth: %w: %w", ErrCredentials, err)
	}
	if err := usable(all.at(s.Now()).Leaf, s.Now()); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return all, nil
}

// once reads what does not change.
func (s CredentialsSource) once() ([]source, error) {
	src := memorySources(s.Data)
	for i := range src { // its owner may wipe it, and files that change are parsed together with it
		src[i].data = bytes.Clone(src[i].data)
	}
	for _, name := range s.Env {
		text, ok := os.LookupEnv(name)
		if !ok || text == "" {
			return nil, fmt.Errorf("variable %q is not set", name)
		}
		data := []byte(text)
		if !strings.Contains(text, string(begin)) {
			der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
			if err != nil {
				return nil, fmt.Errorf("variable %q holds neither PEM nor base64", name)
			}
			data = der
		}
		src = append(src, source{"$" + name, data})
	}
	return src, nil
}

// String says how many sources there are and nothing of them.
func (s CredentialsSource) String() string {
	return fmt.Sprintf("credentials source (%d files, contents hidden)", len(s.Files))
}

// Format writes String() for every verb.
func (s CredentialsSource) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String().
func (s CredentialsSource) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes String().
func (s CredentialsSource) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%q", s.String()), nil
}

package auth_test

import (
	"bytes"
	"crypto/x509"
	"strings"
	"testing"
	"unicode"

	"github.com/nrlgo/nrlgo/auth"
)

// FuzzParsePEM: whatever a file holds, no panic, and nothing of it in errors.
func FuzzParsePEM(f *testing.F) {
	k := assets(f)
	cert, key, root := k.client.CertPEM(), k.client.KeyPEM(), k.pki.Root.PEM()
	for _, seed := range [][]byte{
		cert, key, root, k.client.PKCS1PEM(), append(cert, key...), append(root, k.pki.Sub.PEM()...), key[:len(key)/2],
		block("CERTIFICATE REQUEST", []byte{1}), block("RSA PRIVATE KEY", []byte{0x30, 0}), []byte("-----BEGIN CERTIFICATE-----\n"),
		{},
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, parse := range map[string]func() error{
			"credentials":             func() error { _, err := auth.ParseCredentials(data); return err },
			"key for a certificate":   func() error { _, err := auth.ParseCredentials(cert, data); return err },
			"certificate for a key":   func() error { _, err := auth.ParseCredentials(key, data); return err },
			"trust":                   func() error { _, err := auth.ParseTrust(data); return err },
			"trust beside a good one": func() error { _, err := auth.ParseTrust(root, data); return err },
		} {
			err := parse()
			if err == nil {
				continue
			}
			text := err.Error()
			if len(text) > 400 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("%s: an error of %d bytes: %q", name, len(text), text)
			}
			for line := range bytes.Lines(data) {
				if line = bytes.TrimSpace(line); len(line) >= 8 && strings.Contains(text, string(line)) {
					t.Errorf("%s: the error %q holds the input %q", name, text, line)
				}
			}
		}
	})
}

// FuzzVerify: no change to a certificate on the path is accepted.
func FuzzVerify(f *testing.F) {
	k := assets(f)
	chain := k.under(f, nil)
	trust := k.off()
	if _, err := trust.Verify(f.Context(), "localhost", chain, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(false, uint16(4), byte(1))
	f.Add(true, uint16(40), byte(0x80))
	f.Fuzz(func(t *testing.T, ca bool, at uint16, flip byte) {
		i := 0
		if ca {
			i = 1
		}
		der := bytes.Clone(chain[i].Raw)
		der[int(at)%len(der)] ^= flip
		changed, err := x509.ParseCertificate(der)
		if err != nil || flip == 0 {
			return
		}
		sent := []*x509.Certificate{chain[0], chain[1]}
		sent[i] = changed
		if _, err := trust.Verify(t.Context(), "localhost", sent, nil); err == nil {
			t.Errorf("byte %d of certificate %d changed by %#x: accepted", int(at)%len(der), i, flip)
		} else if text := err.Error(); len(text) > 600 || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("an error of %d bytes: %q", len(text), text)
		}
	})
}

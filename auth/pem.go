package auth

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxFile bounds a certificate or key file.
const maxFile = 1 << 20

// source is PEM text and the name that errors use for it: a file's base name,
// or a word for bytes in memory.
type source struct {
	name string
	data []byte
}

func readSources(files []string) ([]source, error) {
	if len(files) == 0 {
		return nil, errors.New("no file was given")
	}
	out := make([]source, 0, len(files))
	for _, f := range files {
		name := filepath.Base(f)
		data, err := readFile(f)
		if err != nil {
			return nil, fmt.Errorf("file %q: %w", name, bare(err))
		}
		out = append(out, source{name, data})
	}
	return out, nil
}

// readFile reads at most maxFile bytes, of a pipe or device too.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, errors.New("longer than 1 MiB")
	}
	return data, nil
}

// bare takes the path off a file error: the base name says enough.
func bare(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// bundle is what a set of PEM sources holds.
type bundle struct {
	certs []*x509.Certificate
	from  []string // the source of each certificate
	keys  []crypto.Signer
}

// begin starts a PEM block.
var begin = []byte("-----BEGIN")

// parse reads every PEM block of s. pem.Decode passes over a block that is
// damaged; here that is an error, because it may be the one that counts. No
// error holds the content of a block.
func (b *bundle) parse(s source) error {
	rest, found := bytes.TrimPrefix(s.data, []byte("\ufeff")), false
	for {
		block, after := pem.Decode(rest)
		if bytes.Count(rest[:len(rest)-len(after)], begin) > 1 || block == nil && bytes.Contains(rest, begin) {
			return fmt.Errorf("file %q: a PEM block is damaged or not closed", s.name)
		}
		if block == nil {
			break
		}
		rest, found = after, true
		if err := b.add(s.name, block); err != nil {
			return fmt.Errorf("file %q: %w", s.name, err)
		}
	}
	if !found {
		return fmt.Errorf("file %q: no PEM block in it", s.name)
	}
	return nil
}

func (b *bundle) add(name string, block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return errors.New("a certificate in it is malformed")
		}
		b.certs, b.from = append(b.certs, c), append(b.from, name)
	case "PRIVATE KEY", "RSA PRIVATE KEY":
		key, err := parseKey(block)
		if err != nil {
			return err
		}
		b.keys = append(b.keys, key)
	case "ENCRYPTED PRIVATE KEY":
		return errors.New("the private key is encrypted, which is not supported yet: decrypt it first (openssl pkcs8)")
	case "EC PARAMETERS", "EC PRIVATE KEY":
		return errors.New("an elliptic-curve key: Spine certificates have RSA keys")
	case "TRUSTED CERTIFICATE":
		return errors.New("a certificate with OpenSSL's trust settings, which are not supported: convert it first (openssl x509)")
	case "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return errors.New("a certificate request: the certificate that was issued for it is needed")
	default: // passing over it could leave out what its owner believes is in force, such as a CRL
		return errors.New("a PEM block that is neither a certificate nor a private key")
	}
	return nil
}

// parseKey reads an RSA key in PKCS#8 or PKCS#1. The errors of crypto/x509
// are dropped: some of them quote their input.
func parseKey(block *pem.Block) (crypto.Signer, error) {
	if block.Headers["DEK-Info"] != "" {
		return nil, errors.New("the private key is encrypted, which is not supported yet: decrypt it first (openssl rsa)")
	}
	var key any
	var err error
	if block.Type == "RSA PRIVATE KEY" {
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	} else {
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, errors.New("the private key in it is malformed")
	}
	k, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the private key is not RSA: Spine certificates have RSA keys")
	}
	if err := k.Validate(); err != nil {
		return nil, errors.New("the private key in it is inconsistent")
	}
	return k, nil
}

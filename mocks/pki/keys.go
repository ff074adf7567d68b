package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
)

// ErrBits is wrapped when an RSA key of an unusable length is asked for.
var ErrBits = errors.New("RSA keys have 512 to 8192 bits")

// keys are the RSA keys of the process by name and length, each made once.
var keys struct {
	sync.Mutex
	made map[string]func() (*rsa.PrivateKey, error)
}

// key is the RSA key of that name and length, made at the first call.
func key(name string, bits int) (*rsa.PrivateKey, error) {
	if bits < 512 || bits > 8192 {
		return nil, fmt.Errorf("pki: %w", ErrBits)
	}
	id := fmt.Sprint(bits, name)
	keys.Lock()
	if keys.made == nil {
		keys.made = map[string]func() (*rsa.PrivateKey, error){}
	}
	once, ok := keys.made[id]
	if !ok {
		once = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, bits) })
		keys.made[id] = once
	}
	keys.Unlock()
	k, err := once()
	if err != nil {
		return nil, fmt.Errorf("pki: no RSA key: %w", err)
	}
	return k, nil
}

// warm makes the keys of a set side by side.
func warm(set string) {
	var group sync.WaitGroup
	for _, name := range []string{"root", "sub", "server", "client"} {
		group.Go(func() { _, _ = key(set+"/"+name, 2048) })
	}
	group.Wait()
}

// KeyOption chooses the key of a certificate.
type KeyOption func(*keyChoice)

type keyChoice struct {
	set, name string
	bits      int
	signer    crypto.Signer
}

// RSA takes a shared RSA key of that many bits. 1024 bits work as they are, for
// handshakes too; less needs the test to say t.Setenv("GODEBUG", "rsa1024min=0"),
// without which crypto/rsa makes no such key.
func RSA(bits int) KeyOption { return func(c *keyChoice) { c.bits = bits } }

// Named takes the shared RSA key of that name, for leaves whose keys must
// differ.
func Named(name string) KeyOption { return func(c *keyChoice) { c.name = name } }

// Key takes the caller's own key, such as an ECDSA key.
func Key(k crypto.Signer) KeyOption { return func(c *keyChoice) { c.signer = k } }

func choose(set, name string, options []KeyOption) (crypto.Signer, error) {
	c := keyChoice{set: set, name: name, bits: 2048}
	for _, o := range options {
		o(&c)
	}
	if c.signer != nil {
		return c.signer, nil
	}
	return key(c.set+"/"+c.name, c.bits)
}

package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"hash"
)

// What is said of an encrypted key.
var (
	errPassword   = errors.New("the password does not open the private key, or the key is damaged")
	errNoPassword = errors.New("the private key is encrypted, and no password was given")
	errScheme     = errors.New("the private key is encrypted in a way that is not supported: convert it first (openssl pkcs8 -topk8 -v2 aes-256-cbc)")
)

// maxIterations bounds the computing for a password: a handshake may wait for it.
const maxIterations = 5_000_000

// Object identifiers of RFC 8018 and NIST.
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}

	prfs = map[string]func() hash.Hash{
		"":                    sha1.New, // the default
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
	ciphers = map[string]struct {
		size int
		make func([]byte) (cipher.Block, error)
	}{
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher}, // as OpenSSL before 1.1 wrote
	}
)

// encryptedKey is EncryptedPrivateKeyInfo (RFC 5958).
type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	KDF, Cipher pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// readEncrypted takes an encrypted PKCS#8 apart, ok is false for anything else.
func readEncrypted(der []byte) (k encryptedKey, ok bool) {
	rest, err := asn1.Unmarshal(der, &k)
	return k, err == nil && len(rest) == 0 && len(k.Data) > 0 && len(k.Algorithm.Algorithm) > 0
}

// open decrypts the key: PBES2 with PBKDF2 and AES or Triple DES in CBC mode
// (RFC 8018).
func (k encryptedKey) open(password []byte) ([]byte, error) {
	var p pbes2Params
	if !k.Algorithm.Algorithm.Equal(oidPBES2) || !whole(k.Algorithm.Parameters.FullBytes, &p) {
		return nil, errScheme
	}
	var kdf pbkdf2Params
	if !p.KDF.Algorithm.Equal(oidPBKDF2) || !whole(p.KDF.Parameters.FullBytes, &kdf) {
		return nil, errScheme
	}
	prf, c := prfs[kdf.PRF.Algorithm.String()], ciphers[p.Cipher.Algorithm.String()]
	var iv []byte
	if prf == nil || c.make == nil || kdf.Iterations < 1 || kdf.Iterations > maxIterations ||
		kdf.KeyLength != 0 && kdf.KeyLength != c.size || !whole(p.Cipher.Parameters.FullBytes, &iv) {
		return nil, errScheme
	}
	key, err := pbkdf2.Key(prf, string(password), kdf.Salt, kdf.Iterations, c.size)
	if err != nil {
		return nil, errScheme
	}
	defer clear(key)
	block, err := c.make(key)
	if err != nil || len(iv) != block.BlockSize() || len(k.Data)%block.BlockSize() != 0 {
		return nil, errScheme
	}
	plain := make([]byte, len(k.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, k.Data)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > block.BlockSize() || !bytes.Equal(plain[len(plain)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		clear(plain)
		return nil, errPassword
	}
	return plain[:len(plain)-pad], nil
}

// whole reads one DER value and nothing behind it.
func whole(der []byte, v any) bool {
	rest, err := asn1.Unmarshal(der, v)
	return err == nil && len(rest) == 0
}

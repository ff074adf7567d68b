package auth

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"testing"
)

var (
	oidSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

// sealed is a text behind the password "open", as edit has it.
func sealed(tb testing.TB, text string, edit func(kdf *pbkdf2Params, iv *[]byte, data *[]byte)) []byte {
	tb.Helper()
	encode := func(v any) asn1.RawValue {
		der, err := asn1.Marshal(v)
		if err != nil {
			tb.Fatal(err)
		}
		return asn1.RawValue{FullBytes: der}
	}
	kdf := pbkdf2Params{Salt: []byte("salt and pepper"), Iterations: 2, PRF: pkix.AlgorithmIdentifier{Algorithm: oidSHA256}}
	iv := bytes.Repeat([]byte{7}, aes.BlockSize)
	key, err := pbkdf2.Key(sha256.New, "open", kdf.Salt, kdf.Iterations, 32)
	if err != nil {
		tb.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		tb.Fatal(err)
	}
	pad := aes.BlockSize - len(text)%aes.BlockSize
	data := append([]byte(text), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	if edit != nil {
		edit(&kdf, &iv, &data)
	}
	return encode(encryptedKey{pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: encode(pbes2Params{
		pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: encode(kdf)},
		pkix.AlgorithmIdentifier{Algorithm: oidAES256, Parameters: encode(iv)},
	})}, data}).FullBytes
}

func unseal(der, password []byte) (string, error) {
	k, ok := readEncrypted(der)
	if !ok {
		return "", errMalformedKey
	}
	text, err := k.open(password)
	return string(text), err
}

func TestEncryptedKeyParameters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(kdf *pbkdf2Params, iv, data *[]byte)
		want error
	}{
		{"usual", nil, nil},
		{"the key length, which may be said", func(k *pbkdf2Params, _, _ *[]byte) { k.KeyLength = 32 }, nil},
		{"another key length than the cipher's", func(k *pbkdf2Params, _, _ *[]byte) { k.KeyLength = 16 }, errScheme},
		{"no iteration", func(k *pbkdf2Params, _, _ *[]byte) { k.Iterations = 0 }, errScheme},
		{"iterations that take hours", func(k *pbkdf2Params, _, _ *[]byte) { k.Iterations = 1 << 31 }, errScheme},
		{"an unknown hash", func(k *pbkdf2Params, _, _ *[]byte) { k.PRF.Algorithm = oidAES256 }, errScheme},
		{"a short initial vector", func(_ *pbkdf2Params, iv, _ *[]byte) { *iv = (*iv)[1:] }, errScheme},
		{"a part of a block", func(_ *pbkdf2Params, _, d *[]byte) { *d = (*d)[1:] }, errScheme},
		{"no data", func(_ *pbkdf2Params, _, d *[]byte) { *d = nil }, errMalformedKey},
		{"a damaged end", func(_ *pbkdf2Params, _, d *[]byte) { (*d)[len(*d)-1] ^= 1 }, errPassword},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := unseal(sealed(t, "the text of a key", tt.edit), []byte("open"))
			if !errors.Is(err, tt.want) || (err == nil) != (got == "the text of a key") {
				t.Errorf("got %q, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// FuzzEncryptedKey: no panic, no error of another kind, and nothing that was
// not behind the password.
func FuzzEncryptedKey(f *testing.F) {
	f.Add(sealed(f, "the text of a key", nil), []byte("open"))
	f.Add(sealed(f, "", func(k *pbkdf2Params, _, _ *[]byte) { k.KeyLength = 32 }), []byte("shut"))
	f.Add([]byte("0\x00"), []byte{})
	f.Fuzz(func(t *testing.T, der, password []byte) {
		text, err := unseal(der, password)
		switch {
		case err == nil && len(text) >= len(der):
			t.Errorf("%d bytes out of %d", len(text), len(der))
		case err != nil && !errors.Is(err, errMalformedKey) && !errors.Is(err, errScheme) && !errors.Is(err, errPassword):
			t.Errorf("an error of another kind: %v", err)
		}
	})
}

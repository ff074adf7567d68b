package revocation

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"fmt"
)

// minRSABits is the least RSA key that may sign anything here (security page).
const minRSABits = 2048

// signed is what lists, OCSP answers and certificates have in common.
type signed struct {
	body      []byte // what is signed
	algorithm []byte // AlgorithmIdentifier
	signature []byte
}

// signedParts reads a list, an answer or a certificate; what follows the
// signature is left in the reader that is returned.
func signedParts(r *reader) (signed, reader) {
	outer := r.in(tagSequence)
	s := signed{body: outer.sequence(), algorithm: outer.sequence(), signature: outer.bits()}
	return s, outer
}

// algorithms are the accepted ones by their AlgorithmIdentifier in DER: RSA
// and ECDSA with SHA-2. SHA-1 and MD5 are absent.
var algorithms = map[string]x509.SignatureAlgorithm{
	unhex("300d06092a864886f70d01010b0500"): x509.SHA256WithRSA,
	unhex("300d06092a864886f70d01010c0500"): x509.SHA384WithRSA,
	unhex("300d06092a864886f70d01010d0500"): x509.SHA512WithRSA,
	pss("01", "20"):                         x509.SHA256WithRSAPSS,
	pss("02", "30"):                         x509.SHA384WithRSAPSS,
	pss("03", "40"):                         x509.SHA512WithRSAPSS,
	unhex("300a06082a8648ce3d040302"):       x509.ECDSAWithSHA256,
	unhex("300a06082a8648ce3d040303"):       x509.ECDSAWithSHA384,
	unhex("300a06082a8648ce3d040304"):       x509.ECDSAWithSHA512,
}

// pss is RSASSA-PSS with one hash of SHA-2 throughout and a salt as long as it.
func pss(hash, salt string) string {
	h := "300d06096086480165030402" + hash + "0500"
	return unhex("304106092a864886f70d01010a3034" +
		"a00f" + h + "a11c301a06092a864886f70d010108" + h + "a2030201" + salt)
}

func unhex(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // the literals above are wrong
	}
	return string(b)
}

// by checks the signature with the signer's key. The error wraps ErrSignature.
func (s signed) by(signer *x509.Certificate) error {
	algorithm, ok := algorithms[string(s.algorithm)]
	if !ok {
		return fmt.Errorf("%w: neither RSA nor ECDSA with SHA-2", ErrSignature)
	}
	switch key := signer.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return fmt.Errorf("%w: an RSA key of less than %d bits", ErrSignature, minRSABits)
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < 256 {
			return fmt.Errorf("%w: a curve of less than 256 bits", ErrSignature)
		}
	default:
		return fmt.Errorf("%w: a key that is neither RSA nor ECDSA", ErrSignature)
	}
	if signer.CheckSignature(algorithm, s.body, s.signature) != nil {
		return fmt.Errorf("%w: not by the key of its signer", ErrSignature)
	}
	return nil
}

package mocks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFiles writes ca.pem, client.pem, client.key, public-ca.pem and the lists
// sub.crl and root.crl (DER, as they are now) into dir, each readable by its
// owner only, over those of the same names.
func (s *Spine) WriteFiles(dir string) error {
	sub, subErr := s.CRL()
	root, rootErr := s.RootCRL()
	if err := errors.Join(subErr, rootErr); err != nil {
		return fmt.Errorf("mocks: %w", err)
	}
	for name, content := range map[string][]byte{
		"ca.pem": s.CAPEM(), "client.pem": s.ClientCertPEM(), "client.key": s.ClientKeyPEM(), "public-ca.pem": s.PublicCAPEM(),
		"sub.crl": sub, "root.crl": root,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			if pathError, ok := errors.AsType[*fs.PathError](err); ok {
				err = pathError.Err
			}
			return fmt.Errorf("mocks: %s: %w", name, err)
		}
	}
	return nil
}

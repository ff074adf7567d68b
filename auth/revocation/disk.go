package revocation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// disk keeps what was fetched, as it came, for the next process. What is read
// is verified like what comes from the network: the folder proves nothing. The
// empty disk keeps nothing.
type disk struct{ dir string }

// name is that of the file for k: letters and digits only.
func (d disk) name(k key, kind string) string {
	h := sha256.New()
	for _, part := range []string{kind, k.url, string(k.issuer[:]), k.serial} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // never fails
	}
	return filepath.Join(d.dir, hex.EncodeToString(h.Sum(nil))+"."+kind)
}

// load gives what was saved and when; nil when there is nothing to read.
func (d disk) load(k key, kind string, limit int64) ([]byte, time.Time) {
	if d.dir == "" {
		return nil, time.Time{}
	}
	data, info, err := readFile(d.name(k, kind), limit)
	if err != nil {
		return nil, time.Time{}
	}
	return data, info.ModTime()
}

// save replaces the file as one step: a reader finds the old one or the new.
func (d disk) save(k key, kind string, data []byte) error {
	if d.dir == "" {
		return nil
	}
	f, err := os.CreateTemp(d.dir, "new-*.tmp") // mode 0600
	if err != nil {
		return pathless(err)
	}
	_, err = io.Copy(f, bytes.NewReader(data))
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), d.name(k, kind))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return pathless(err)
}

// usable makes the folder when it is missing, and tries to write in it.
func (d disk) usable() error {
	if d.dir == "" {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return pathless(err)
	}
	f, err := os.CreateTemp(d.dir, "new-*.tmp")
	if err != nil {
		return pathless(err)
	}
	_ = f.Close()
	return pathless(os.Remove(f.Name()))
}

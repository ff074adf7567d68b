package ssp

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Save reads the record to its end into a new file in dir, which must exist,
// and returns the file's path. The file is readable by its owner only and has
// its name only when it is whole and on disk: before, it is a hidden file
// ending in ".part", and on any error there is none.
//
// The name says the kind and the pointer's id, with characters that could harm
// replaced, the content's index when it is not the first, and an extension for
// the content type: never a title or what a server says.
//
// The error is that of Read, or wraps [ErrPartRead], [ErrExists] (also noticed
// before anything is read) or the error of the file system, without the path.
// The caller still closes the record.
func (r *Record) Save(dir string) (path string, err error) {
	switch {
	case r.failed():
		return "", r.err
	case r.whole || r.read > 0:
		return "", unsaved(ErrPartRead)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", unsaved(err)
	}
	defer func() { _ = root.Close() }()
	name := fileName(r.kind, r.pointerID, r.index, r.want.mediaType)
	if _, err := root.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = ErrExists
		}
		return "", unsaved(err)
	}
	if err := r.saveAs(root, name); err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

// saveAs writes a temporary file and gives it its name.
func (r *Record) saveAs(root *os.Root, name string) error {
	temp := ".nrlgo-" + rand.Text() + ".part"
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return unsaved(err)
	}
	_, err = r.WriteTo(f)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = publish(root, temp, name)
	}
	if err == nil {
		return nil
	}
	_ = root.Remove(temp)
	if r.failed() {
		return r.err
	}
	return unsaved(err)
}

// failed reports whether the record, rather than its file, is the trouble.
func (r *Record) failed() bool { return r.err != nil && !r.whole }

// publish gives a file its name, unless the name is taken. On an error the
// name is not there, or is another's.
func publish(root *os.Root, temp, name string) error {
	err := root.Link(temp, name) // never replaces
	switch {
	case errors.Is(err, fs.ErrExist):
		return ErrExists
	case err != nil:
		err = renameNew(root, temp, name)
	default:
		err = root.Remove(temp)
		if err != nil {
			_ = root.Remove(name)
		}
	}
	if err != nil {
		return err
	}
	if err := syncFolder(root); err != nil {
		_ = root.Remove(name)
		return err
	}
	return nil
}

// renameNew is for file systems without hard links, such as FAT. Rename
// replaces, so the name is taken first.
func renameNew(root *os.Root, temp, name string) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	err = f.Close()
	if err == nil {
		err = root.Rename(temp, name)
	}
	if err != nil {
		_ = root.Remove(name)
	}
	return err
}

// syncFolder makes a new name durable. Windows cannot sync a folder.
func syncFolder(root *os.Root) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// maxID is how long an id may be to stand in a file name to the letter.
const maxID = 100

// fileName is safe on every file system. Ids are opaque: one with other
// characters, or too long, is made safe and told apart by its hash. The word
// in front keeps the names of devices (NUL) and options (-rf) harmless, and
// "~" is in no id that stands to the letter.
func fileName(k Kind, id string, index int, mediaType string) string {
	name := strings.Map(func(c rune) rune {
		if c < 0x80 && (alphanumeric(byte(c)) || c == '-' || c == '_' || c == '.') {
			return c
		}
		return '_'
	}, id)
	if name != id || len(id) > maxID {
		sum := sha256.Sum256([]byte(id))
		name = fmt.Sprintf("%.60s~%x", name, sum[:8])
	}
	if index > 0 {
		name += "~" + strconv.Itoa(index)
	}
	return k.String() + "-" + name + extension(mediaType)
}

// unsaved is the error of a Save. Those of the file system are freed of the
// path, which holds the pointer's id.
func unsaved(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	} else if e, ok := errors.AsType[*os.LinkError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("ssp: the record was not saved: %w", err)
}

package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxFile bounds a certificate or key file.
const maxFile = 1 << 20

// source is a text with certificates or keys, and the name that errors use for
// it: a file's base name, or a word for bytes in memory.
type source struct {
	name string
	data []byte
}

// files are where sources are read from; a nil fsys is the operating system.
type files struct {
	fsys  fs.FS
	names []string
}

// stamp is what tells that a file was changed, without reading it.
type stamp struct {
	info fs.FileInfo // nil when it cannot be looked at
}

func (s stamp) same(o stamp) bool {
	if s.info == nil || o.info == nil {
		return s.info == nil && o.info == nil
	}
	return s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime()) &&
		(os.SameFile(s.info, o.info) || s.info.Sys() == nil)
}

// stamps look at each file. What is no regular file, such as a pipe, can be
// read once only, and counts as never changed.
func (f files) stamps() []stamp {
	out := make([]stamp, len(f.names))
	for i, name := range f.names {
		var info fs.FileInfo
		var err error
		if f.fsys != nil {
			info, err = fs.Stat(f.fsys, name)
		} else {
			info, err = os.Stat(name)
		}
		if err == nil && info.Mode().IsRegular() {
			out[i] = stamp{info}
		}
	}
	return out
}

func (f files) read() ([]source, error) {
	if len(f.names) == 0 {
		return nil, errors.New("no file was given")
	}
	out := make([]source, 0, len(f.names))
	for _, path := range f.names {
		name := filepath.Base(path)
		data, err := f.readOne(path)
		if err != nil {
			return nil, fmt.Errorf("file %q: %w", name, bare(err))
		}
		out = append(out, source{name, data})
	}
	return out, nil
}

// readOne reads at most maxFile bytes, of a pipe or device too.
func (f files) readOne(path string) ([]byte, error) {
	var file fs.File
	var err error
	if f.fsys != nil {
		file, err = f.fsys.Open(path)
	} else {
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
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
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// settling is how long files that changed may still be written to: what is
// read in that time and broken is looked at again.
const settling = 2 * time.Second

// reread is a value that was read from files, and is read again when they
// change. What is broken, such as half of a pair that is being replaced, leaves
// the old value in force. Safe for concurrent use.
type reread[T any] struct {
	from  files
	parse func([]source) (T, error)
	// changed hears of each new value, and, once for each change of the
	// files, of one that could not be read.
	changed func(value T, err error)
	// settle is for a value of which a part would pass for the whole: files
	// count once nothing was written to them for a while.
	settle bool

	current atomic.Pointer[T]
	seen    atomic.Pointer[[]stamp]
	mu      sync.Mutex // held by who reads again
}

// newReread reads files for the first time. The error is that of reading or
// parsing.
func newReread[T any](from files, parse func([]source) (T, error)) (*reread[T], error) {
	r := &reread[T]{from: from, parse: parse}
	seen := from.stamps() // before reading: what changes meanwhile is read again
	src, err := from.read()
	if err != nil {
		return nil, err
	}
	value, err := parse(src)
	if err != nil {
		return nil, err
	}
	r.current.Store(&value)
	r.seen.Store(&seen)
	return r, nil
}

// fixed is a value that never changes.
func fixed[T any](value T) *reread[T] {
	r := &reread[T]{}
	r.current.Store(&value)
	return r
}

// get is the value of now. It costs a stat for each file; of many callers who
// see a change one reads, and the others go on with the old value.
func (r *reread[T]) get() T {
	if len(r.from.names) > 0 {
		if now := r.from.stamps(); !slices.EqualFunc(now, *r.seen.Load(), stamp.same) && r.mu.TryLock() {
			r.again()
			r.mu.Unlock()
		}
	}
	return *r.current.Load()
}

// again reads the files. A pair is replaced file by file: what does not fit
// together while the files are young is not reported yet, and looked at again
// at the next call.
func (r *reread[T]) again() {
	now := r.from.stamps()
	if r.settle && young(now) {
		return
	}
	src, err := r.from.read()
	if r.settle && !slices.EqualFunc(now, r.from.stamps(), stamp.same) {
		return // it was written to meanwhile
	}
	var value T
	if err == nil {
		value, err = r.parse(src)
	}
	if err != nil {
		if young(now) {
			return
		}
		r.seen.Store(&now)
		r.report(value, err)
		return
	}
	r.seen.Store(&now)
	r.current.Store(&value)
	r.report(value, nil)
}

func (r *reread[T]) report(value T, err error) {
	if r.changed != nil {
		r.changed(value, err)
	}
}

// young reports that a file was written to a moment ago.
func young(all []stamp) bool {
	for _, s := range all {
		if s.info == nil {
			continue
		}
		if age := time.Since(s.info.ModTime()); 0 <= age && age < settling { // not a date in the future
			return true
		}
	}
	return false
}

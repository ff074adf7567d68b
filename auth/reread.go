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
// it: a file's base name, a variable's behind a $, or a word for bytes in memory.
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
		(os.SameFile(s.info, o.info) || !os.SameFile(s.info, s.info)) // false of what is not the operating system's
}

// special reports whether it is no regular file, such as a pipe.
func (s stamp) special() bool { return s.info != nil && !s.info.Mode().IsRegular() }

// watched are files that are read more than once.
type watched struct {
	files
	// once are those that were special when they were first read: a pipe has
	// nothing to say the second time, and opening it may wait for ever.
	once map[int]source
}

// stamps look at each file that may change.
func (w watched) stamps() []stamp {
	out := make([]stamp, len(w.names))
	for i, name := range w.names {
		if _, ok := w.once[i]; ok {
			continue
		}
		var info fs.FileInfo
		var err error
		if w.fsys != nil {
			info, err = fs.Stat(w.fsys, name)
		} else {
			info, err = os.Stat(name)
		}
		if err == nil {
			out[i] = stamp{info}
		}
	}
	return out
}

// again reads all files, whose stamps are now, but not what can be read once.
func (w watched) again(now []stamp) ([]source, error) {
	out := make([]source, len(w.names))
	for i, path := range w.names {
		s, ok := w.once[i]
		var err error
		switch {
		case ok:
		case now[i].special():
			err = fmt.Errorf("file %q: it is no regular file any more", filepath.Base(path))
		default:
			s, err = w.source(path)
		}
		if err != nil {
			return nil, err
		}
		out[i] = s
	}
	return out, nil
}

// source reads one of the files; the error names it.
func (f files) source(path string) (source, error) {
	name := filepath.Base(path)
	data, err := f.readOne(path)
	if err != nil {
		return source{}, fmt.Errorf("file %q: %w", name, bare(err))
	}
	return source{name, data}, nil
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

// retrying is how often files that could not be used are read again although
// nobody changed them: a certificate becomes valid, a permission is given.
const retrying = time.Minute

// reread is a value that was read from files, and is read again when they
// change. What is broken, such as half of a pair that is being replaced, leaves
// the old value in force. Safe for concurrent use.
type reread[T any] struct {
	from  watched
	parse func([]source) (T, error)
	// changed hears of each new value, and, once for each change of the
	// files, of one that could not be read.
	changed func(value T, err error)
	// settle is for a value of which a part would pass for the whole: files
	// count once nothing was written to them for a while.
	settle bool
	// part is for a value of which only some parts would: it reports that
	// value, beside old, may be one. nil means that none would.
	part func(old, value T) bool

	current atomic.Pointer[T]
	seen    atomic.Pointer[look]
	mu      sync.Mutex // held by who reads again
}

// look is the last one at the files.
type look struct {
	stamps []stamp
	failed time.Time // when they could not be used, else zero
}

// newReread reads files for the first time. The error is that of reading or
// parsing.
func newReread[T any](from files, parse func([]source) (T, error)) (*reread[T], error) {
	if len(from.names) == 0 {
		return nil, errors.New("no file was given")
	}
	from.names = slices.Clone(from.names)
	r := &reread[T]{from: watched{from, map[int]source{}}, parse: parse}
	seen := r.from.stamps() // before reading: what changes meanwhile is read again
	src := make([]source, len(from.names))
	for i, path := range from.names {
		var err error
		if src[i], err = from.source(path); err != nil {
			return nil, err
		}
		if seen[i].special() {
			r.from.once[i], seen[i] = src[i], stamp{}
		}
	}
	value, err := parse(src)
	if err != nil {
		return nil, err
	}
	r.current.Store(&value)
	r.seen.Store(&look{stamps: seen})
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
	if len(r.from.names) > 0 && r.due(r.from.stamps()) && r.mu.TryLock() {
		r.again()
		r.mu.Unlock()
	}
	return *r.current.Load()
}

// due reports whether the files, whose stamps are now, are to be read.
func (r *reread[T]) due(now []stamp) bool {
	last := r.seen.Load()
	return !equal(now, last.stamps) || !last.failed.IsZero() && time.Since(last.failed) >= retrying
}

// again reads the files. A pair is replaced file by file: what does not fit
// together while the files are young or change is not reported yet, and looked
// at again at the next call.
func (r *reread[T]) again() {
	now := r.from.stamps()
	if !r.due(now) { // another caller was first
		return
	}
	if r.settle && young(now) {
		return
	}
	src, err := r.from.again(now)
	if !equal(now, r.from.stamps()) {
		return // they were written to meanwhile
	}
	var value T
	if err == nil {
		value, err = r.parse(src)
	}
	if young(now) && (err != nil || r.part != nil && r.part(*r.current.Load(), value)) {
		return
	}
	known := equal(now, r.seen.Load().stamps)
	if err != nil {
		r.seen.Store(&look{now, time.Now()})
		if !known {
			r.report(value, err)
		}
		return
	}
	r.seen.Store(&look{stamps: now})
	r.current.Store(&value)
	r.report(value, nil)
}

func equal(a, b []stamp) bool { return slices.EqualFunc(a, b, stamp.same) }

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

package revocation

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// lookAgain is how often list files are looked at for changes.
const lookAgain = 30 * time.Second

// files are the lists that the user gave. They are read again when they
// change; one that then cannot be read is reported, and what it held before
// stays until its next update. Safe for concurrent use.
type files struct {
	paths []string
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	next  time.Time
	known map[string]*file
	by    map[place][]*list
}

// place is what a list is looked up by, so that one of thousands of partitions
// costs no more than one: the issuer's Name and that of the distribution
// point; "" is a list for all points.
type place struct{ issuer, point string }

type file struct {
	size  int64
	at    time.Time
	lists []*list
}

// openFiles reads everything once and reports all faults.
func openFiles(paths []string, now func() time.Time, log *slog.Logger) (*files, error) {
	f := &files{paths: paths, now: now, log: log, known: map[string]*file{}}
	faults := f.look()
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() && !f.holds(p) {
			faults = append(faults, fmt.Errorf("folder %q holds no list (*.crl, *.der, *.pem)", filepath.Base(p)))
		}
	}
	f.next = now().Add(lookAgain)
	return f, errors.Join(faults...)
}

func (f *files) holds(dir string) bool {
	for name := range f.known {
		if filepath.Dir(name) == filepath.Clean(dir) {
			return true
		}
	}
	return false
}

// of are the lists of the certificate's issuer, apart from those for points
// that it does not name.
func (f *files) of(s *subject) (found []*list) {
	if f == nil || len(f.paths) == 0 {
		return nil
	}
	issuer := string(s.cert.RawIssuer)
	places := []place{{issuer, ""}, {issuer, string(directoryName(s.cert.RawIssuer, nil))}}
	for _, p := range s.points {
		for _, n := range p.names {
			places = append(places, place{issuer, string(n)})
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); !now.Before(f.next) {
		f.next = now.Add(lookAgain)
		for _, fault := range f.look() {
			f.log.Warn("a CRL file cannot be used; what it held before stays", "fault", fault)
		}
	}
	for _, p := range places {
		found = append(found, f.by[p]...)
	}
	return found
}

// look reads what is new or changed, and forgets what is gone.
func (f *files) look() (faults []error) {
	seen := map[string]bool{}
	for _, p := range f.paths {
		names, err := listNames(p)
		if err != nil {
			faults = append(faults, fmt.Errorf("list file %q: %w", filepath.Base(p), pathless(err)))
			for name := range f.known { // what is out of reach is not gone
				if name == p || filepath.Dir(name) == filepath.Clean(p) {
					seen[name] = true
				}
			}
		}
		for _, name := range names {
			seen[name] = true
			if err := f.read(name); err != nil {
				faults = append(faults, fmt.Errorf("list file %q: %w", filepath.Base(name), err))
			}
		}
	}
	f.by = map[place][]*list{}
	for _, name := range slices.Sorted(maps.Keys(f.known)) {
		if !seen[name] {
			delete(f.known, name)
			continue
		}
		for _, l := range f.known[name].lists {
			for _, p := range l.places() {
				f.by[p] = append(f.by[p], l)
			}
		}
	}
	return faults
}

func (l *list) places() []place {
	if l.point == nil || len(l.point.names) == 0 {
		return []place{{string(l.issuer), ""}}
	}
	var all []place
	for _, n := range l.point.names {
		all = append(all, place{string(l.issuer), string(n)})
	}
	return all
}

func (f *files) read(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return pathless(err)
	}
	old := f.known[name]
	if old != nil && old.size == info.Size() && old.at.Equal(info.ModTime()) {
		return nil
	}
	data, info, err := readFile(name, maxList)
	if err != nil {
		return err
	}
	lists, err := readLists(data)
	if err != nil {
		return err
	}
	for _, l := range lists {
		l.source = printable(filepath.Base(name))
	}
	f.known[name] = &file{size: info.Size(), at: info.ModTime(), lists: lists}
	return nil
}

// listNames are the files of a path: itself, or those in a folder that are
// named like lists.
func listNames(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".crl", ".der", ".pem":
			names = append(names, filepath.Join(path, e.Name()))
		}
	}
	return names, nil
}

// readFile reads a regular file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, nil, pathless(err)
	case !info.Mode().IsRegular(): // to open one might wait for ever
		return nil, nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, pathless(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, nil, pathless(err)
	case int64(len(data)) > limit:
		return nil, nil, fmt.Errorf("more than %d bytes", limit)
	}
	return data, info, nil
}

// pathless takes the path out of an error of the file system.
func pathless(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/client/spine"
)

func callIDs(entries []spine.AuditEntry) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.CallID
	}
	return ids
}

func named(id string) spine.AuditEntry {
	return changed(func(e *spine.AuditEntry) { e.CallID = id })
}

func TestOpenFileJudgesTheFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(path string) error
		ok   bool
		want error
	}{
		{"a new file", func(string) error { return nil }, true, nil},
		{"owner only", func(p string) error { return os.WriteFile(p, nil, 0o600) }, true, nil},
		{"readable by the group", func(p string) error { return chmod(p, 0o640) }, false, ErrPermissions},
		{"readable by all", func(p string) error { return chmod(p, 0o604) }, false, ErrPermissions},
		{"writable by the group", func(p string) error { return chmod(p, 0o620) }, false, ErrPermissions},
		{"writable by all", func(p string) error { return chmod(p, 0o602) }, false, ErrPermissions},
		{"a folder", func(p string) error { return os.Mkdir(p, 0o700) }, false, nil},
		{"a link to a device", func(p string) error { return os.Symlink(os.DevNull, p) }, false, nil},
		{"a folder that is not there", func(p string) error { return os.Remove(filepath.Dir(p)) }, false, os.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sub", "audit.jsonl")
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), tt.make(path)); err != nil {
				t.Fatal(err)
			}
			f, err := OpenFile(path)
			if tt.ok != (err == nil) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v, success %t", err, tt.want, tt.ok)
			}
			if err != nil {
				if !strings.HasPrefix(err.Error(), "audit: ") {
					t.Errorf("error %q does not name the package", err)
				}
				return
			}
			defer func() { _ = f.Close() }()
			if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, error %v; want 0600", fi.Mode(), err)
			}
		})
	}
}

// chmod makes a file with a mode whatever the umask.
func chmod(path string, mode os.FileMode) error {
	return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, mode))
}

func TestFileAppends(t *testing.T) {
	t.Parallel()
	f, path := open(t)
	write1(t, f, named("1"))
	write1(t, f, named("2"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	write1(t, reopen(t, path), named("3"))
	entries, damaged := trail(t, path)
	if diff := cmp.Diff([]string{"1", "2", "3"}, callIDs(entries)); diff != "" || damaged != nil {
		t.Errorf("damaged %v, calls (-want +got):\n%s", damaged, diff)
	}
}

func TestHalfALineOfACrashIsEnded(t *testing.T) {
	t.Parallel()
	_, path := open(t)
	whole := lineOf(t, named("1"))
	if err := os.WriteFile(path, []byte(whole+whole[:len(whole)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	f := reopen(t, path)
	write1(t, f, named("2"))
	write1(t, f, named("3"))
	entries, damaged := trail(t, path)
	if diff := cmp.Diff([]string{"1", "2", "3"}, callIDs(entries)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{2}, damaged); diff != "" {
		t.Errorf("damaged lines (-want +got):\n%s", diff)
	}
}

// Several Files on one path stand for several processes: the lock is the
// open file's, not the process's.
func TestConcurrentWritersLoseNothing(t *testing.T) {
	t.Parallel()
	const files, writers, lines = 3, 8, 10
	_, path := open(t)
	var want []string
	var wg sync.WaitGroup
	for i := range files {
		f := reopen(t, path)
		for w := range writers {
			for l := range lines {
				want = append(want, fmt.Sprintf("%d-%d-%d", i, w, l))
			}
			wg.Go(func() {
				for l := range lines {
					e := named(fmt.Sprintf("%d-%d-%d", i, w, l))
					e.Body = bytes.Repeat([]byte("é\n"), 1+w*1000)
					if err := f.WriteAudit(t.Context(), e); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	entries, damaged := trail(t, path)
	got := callIDs(entries)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || damaged != nil {
		t.Errorf("damaged %v, calls (-want +got):\n%s", damaged, diff)
	}
}

func TestReopenFollowsARotation(t *testing.T) {
	t.Parallel()
	f, path := open(t)
	var wg sync.WaitGroup
	var want []string
	for w := range 4 {
		for l := range 25 {
			want = append(want, fmt.Sprintf("%d-%02d", w, l))
		}
		wg.Go(func() {
			for l := range 25 {
				if err := f.WriteAudit(t.Context(), named(fmt.Sprintf("%d-%02d", w, l))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 5 {
		if err := os.Rename(path, fmt.Sprintf("%s.%d", path, i)); err != nil {
			t.Fatal(err)
		}
		if err := f.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	write1(t, f, named("last"))
	var got []string
	for i := range 5 {
		entries, damaged := trail(t, fmt.Sprintf("%s.%d", path, i))
		if damaged != nil {
			t.Errorf("damaged lines %v", damaged)
		}
		got = append(got, callIDs(entries)...)
	}
	now, _ := trail(t, path)
	if len(now) == 0 || now[len(now)-1].CallID != "last" {
		t.Error("the new file does not have the last line")
	}
	got = append(got, callIDs(now)...)
	slices.Sort(got)
	if diff := cmp.Diff(append(want, "last"), got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestReopenThatFailsLeavesTheSinkAsItWas(t *testing.T) {
	t.Parallel()
	f, path := open(t)
	moved := path + ".1"
	if err := errors.Join(os.Rename(path, moved), chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); !errors.Is(err, ErrPermissions) {
		t.Fatalf("error %v, want ErrPermissions", err)
	}
	write1(t, f, named("1"))
	if entries, _ := trail(t, moved); len(entries) != 1 {
		t.Errorf("%d lines, want 1", len(entries))
	}
}

func TestEndedContextWritesNothing(t *testing.T) {
	t.Parallel()
	f, path := open(t)
	err := f.WriteAudit(ended(t), full())
	if err == nil {
		t.Fatal("no error")
	}
	noSecrets(t, err)
	if entries, _ := trail(t, path); len(entries) != 0 {
		t.Error("a line was written")
	}
}

func TestClosedFile(t *testing.T) {
	t.Parallel()
	f, _ := open(t)
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	for name, err := range map[string]error{"WriteAudit": f.WriteAudit(t.Context(), full()), "Reopen": f.Reopen()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: error %v, want ErrClosed", name, err)
		}
	}
}

func TestCloseWaitsForLinesUnderWay(t *testing.T) {
	t.Parallel()
	f, path := open(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	kept := 0
	for range 20 {
		wg.Go(func() {
			switch err := f.WriteAudit(t.Context(), full()); {
			case err == nil:
				mu.Lock()
				kept++
				mu.Unlock()
			case !errors.Is(err, ErrClosed):
				t.Error(err)
			}
		})
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if entries, damaged := trail(t, path); len(entries) != kept || damaged != nil {
		t.Errorf("%d lines, %d confirmed, damaged %v", len(entries), kept, damaged)
	}
}

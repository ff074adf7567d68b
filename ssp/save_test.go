package ssp_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/ssp"
)

// files are the names in a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

func TestSaveWritesTheRecord(t *testing.T) {
	t.Parallel()
	b := setup(t, settings{})
	b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
	dir := t.TempDir()
	p := pointer(contact("https://p1.nhs.uk/c"), pdf(recordURL))
	p.ID = "../RR8|x"
	rec := b.mustGet(t, p)
	path, err := rec.Save(dir)
	if err != nil || rec.Close() != nil {
		t.Fatal(err)
	}
	const name = "record-.._RR8_x~3de5ca983e9386df~1.pdf"
	if diff := cmp.Diff([]string{name}, files(t, dir)); diff != "" || path != filepath.Join(dir, name) {
		t.Errorf("path %q, files (-want +got)\n%s", path, diff)
	}
	body, err := os.ReadFile(path)
	if err != nil || string(body) != string(document) || rec.BytesRead() != int64(len(document)) {
		t.Errorf("%d bytes, %d read, %v", len(body), rec.BytesRead(), err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if end := b.trail.end(t); end.Outcome != "ok" {
		t.Errorf("audit: %s", end.Outcome)
	}
	if _, err := rec.Save(t.TempDir()); !errors.Is(err, ssp.ErrPartRead) {
		t.Errorf("again: %v", err)
	}
}

func TestSaveLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault mocks.Fault
		opts  []ssp.Option
		audit bool // the end line is lost
		err   error
		code  spine.Code
	}{
		{name: "cut", fault: mocks.Truncate(100), err: ssp.ErrIntegrity, code: spine.CodeIntegrity},
		{name: "cut by a bare FIN", fault: mocks.BareFIN(100), err: ssp.ErrIntegrity, code: spine.CodeIntegrity},
		{name: "reset", fault: mocks.ResetAfter(100), err: ssp.ErrIntegrity, code: spine.CodeIntegrity},
		{name: "stalled", fault: mocks.StallAfter(100), err: nil, code: spine.CodeTimeout},
		{name: "too large", fault: mocks.CloseDelimited(), opts: []ssp.Option{ssp.MaxBytes(100)}, err: ssp.ErrTooLarge, code: spine.CodeUnexpected},
		{name: "not audited", audit: true, err: spine.ErrAudit, code: spine.CodeAudit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{limits: impatient(tt.code)})
			b.trail.fail = func(e spine.AuditEntry) error {
				if tt.audit && e.Kind == spine.AuditEnd {
					return io.ErrClosedPipe
				}
				return nil
			}
			b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
			b.sp.Fault(tt.fault)
			dir := t.TempDir()
			path, err := b.mustGet(t, pointer(pdf(recordURL)), tt.opts...).Save(dir)
			if path != "" || spine.CodeOf(err) != tt.code || tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("%q, %v", path, err)
			}
			if diff := cmp.Diff([]string{}, files(t, dir)); diff != "" {
				t.Errorf("files (-want +got)\n%s", diff)
			}
		})
	}
}

// What Save refuses before it reads can still be read otherwise.
func TestSaveRefuses(t *testing.T) {
	t.Parallel()
	const name = "record-pointer-1.pdf"
	for _, tt := range []struct {
		name string
		dir  func(t *testing.T) string
		err  error // nil: any
	}{
		{"a name that is taken", func(t *testing.T) string {
			t.Helper()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o400); err != nil {
				t.Fatal(err)
			}
			return dir
		}, ssp.ErrExists},
		{"a folder that is missing", func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), "pointer-1") }, fs.ErrNotExist},
		{"no folder", func(*testing.T) string { return "" }, fs.ErrNotExist},
		{"a file for a folder", func(t *testing.T) string {
			t.Helper()
			file := filepath.Join(t.TempDir(), "pointer-1")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}, nil},
		{"a folder that takes no files, even of root", func(*testing.T) string { return "/proc" }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, settings{})
			b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
			dir := tt.dir(t)
			rec := b.mustGet(t, pointer(pdf(recordURL)))
			path, err := rec.Save(dir)
			if err == nil || path != "" || tt.err != nil && !errors.Is(err, tt.err) {
				t.Fatalf("%q, %v; want %v", path, err, tt.err)
			}
			if strings.Contains(err.Error(), "pointer-1") {
				t.Errorf("the error shows the id: %v", err)
			}
			if tt.err == ssp.ErrExists { //nolint:errorlint // of the table
				if old, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(old) != "old" || len(files(t, dir)) != 1 {
					t.Errorf("%q, %v, %q", old, err, files(t, dir))
				}
			}
			if n, err := io.Copy(io.Discard, rec); err != nil || n != int64(len(document)) {
				t.Errorf("read afterwards: %d bytes, %v", n, err)
			}
		})
	}
	t.Run("a record read in part", func(t *testing.T) {
		t.Parallel()
		b := setup(t, settings{})
		b.sp.Serve(mocks.Record{URL: recordURL, Body: document})
		rec, dir := b.mustGet(t, pointer(pdf(recordURL))), t.TempDir()
		if _, err := io.ReadFull(rec, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := rec.Save(dir); !errors.Is(err, ssp.ErrPartRead) || len(files(t, dir)) != 0 {
			t.Errorf("%v, %q", err, files(t, dir))
		}
	})
}

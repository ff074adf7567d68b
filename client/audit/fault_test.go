package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// faulty is a disk that fails on request. Its embedded file is real.
type faulty struct {
	*os.File
	room      atomic.Int64 // bytes that still fit, when limited
	limited   atomic.Bool
	syncFails atomic.Bool
	noCut     atomic.Bool
	syncs     atomic.Int64
	hang      chan struct{} // Sync waits for it when not nil
}

func (d *faulty) Write(p []byte) (int, error) {
	if !d.limited.Load() {
		return d.File.Write(p)
	}
	n, err := d.File.Write(p[:min(int64(len(p)), d.room.Load())])
	d.room.Add(-int64(n))
	if err == nil && n < len(p) {
		err = &os.PathError{Op: "write", Path: d.Name(), Err: syscall.ENOSPC}
	}
	return n, err
}

func (d *faulty) Sync() error {
	d.syncs.Add(1)
	if d.hang != nil {
		<-d.hang
	}
	if d.syncFails.Load() {
		return syscall.EIO
	}
	return d.File.Sync()
}

func (d *faulty) Truncate(size int64) error {
	if d.noCut.Load() {
		return syscall.EPERM
	}
	return d.File.Truncate(size)
}

// openFaulty gives a sink on a faulty disk.
func openFaulty(tb testing.TB) (*File, *faulty, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "audit.jsonl")
	out, err := openDisk(path)
	if err != nil {
		tb.Fatal(err)
	}
	d := &faulty{File: out.(*os.File)}
	f := newFile(path, d)
	tb.Cleanup(func() { _ = f.Close() })
	return f, d, path
}

func TestFullDiskFailsClosed(t *testing.T) {
	t.Parallel()
	f, d, path := openFaulty(t)
	write1(t, f, named("1"))
	d.limited.Store(true)
	d.room.Store(100)
	first := f.WriteAudit(t.Context(), named("2"))
	if !errors.Is(first, ErrFailed) || !errors.Is(first, syscall.ENOSPC) {
		t.Fatalf("error %v, want ErrFailed and ENOSPC", first)
	}
	noSecrets(t, first)
	text, err := os.ReadFile(path)
	if diff := cmp.Diff(lineOf(t, named("1")), string(text)); diff != "" || err != nil {
		t.Errorf("the half line was not taken back (-want +got), %v:\n%s", err, diff)
	}

	d.limited.Store(false) // room again: the sink stays closed all the same
	if err := f.WriteAudit(t.Context(), named("3")); !errors.Is(err, ErrFailed) {
		t.Errorf("error %v, want ErrFailed", err)
	}
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	write1(t, f, named("4"))
	entries, damaged := trail(t, path)
	if diff := cmp.Diff([]string{"1", "4"}, callIDs(entries)); diff != "" || damaged != nil {
		t.Errorf("damaged %v, calls (-want +got):\n%s", damaged, diff)
	}
}

func TestHalfLineThatCannotBeTakenBackIsEnded(t *testing.T) {
	t.Parallel()
	f, d, path := openFaulty(t)
	d.limited.Store(true)
	d.noCut.Store(true)
	d.room.Store(100)
	if err := f.WriteAudit(t.Context(), named("1")); !errors.Is(err, ErrFailed) {
		t.Fatalf("error %v, want ErrFailed", err)
	}
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	write1(t, f, named("2"))
	entries, damaged := trail(t, path)
	if diff := cmp.Diff([]string{"2"}, callIDs(entries)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{1}, damaged); diff != "" {
		t.Errorf("damaged (-want +got):\n%s", diff)
	}
}

func TestFailedSyncFailsClosed(t *testing.T) {
	t.Parallel()
	f, d, _ := openFaulty(t)
	d.syncFails.Store(true)
	for range 2 {
		err := f.WriteAudit(t.Context(), full())
		if !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
			t.Fatalf("error %v, want ErrFailed and EIO", err)
		}
		noSecrets(t, err)
		d.syncFails.Store(false)
	}
}

// While one fsync runs, all lines that come meanwhile wait for one more.
func TestWritersShareAnFsync(t *testing.T) {
	t.Parallel()
	const writers = 50
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		out, err := openDisk(filepath.Join(dir, "audit.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		d := &faulty{File: out.(*os.File), hang: make(chan struct{})}
		f := newFile("", d)
		var wg sync.WaitGroup
		put := func() {
			wg.Go(func() {
				if err := f.WriteAudit(t.Context(), full()); err != nil {
					t.Error(err)
				}
			})
		}
		put()
		synctest.Wait() // its fsync hangs
		for range writers {
			put()
		}
		synctest.Wait() // they have joined the next batch
		close(d.hang)
		wg.Wait()
		if got := d.syncs.Load(); got != 2 {
			t.Errorf("%d fsyncs for %d lines, want 2", got, 1+writers)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	entries, damaged := trail(t, filepath.Join(dir, "audit.jsonl"))
	if len(entries) != 1+writers || damaged != nil {
		t.Errorf("%d lines, damaged %v", len(entries), damaged)
	}
}

func TestContextEndsTheWaitForAHungDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		out, err := openDisk(filepath.Join(dir, "audit.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		d := &faulty{File: out.(*os.File), hang: make(chan struct{})}
		f := newFile("", d)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- f.WriteAudit(ctx, full()) }()
		}
		synctest.Wait()
		cancel()
		for range 2 {
			err := <-errs
			if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "audit: ") {
				t.Errorf("error %v, want context.Canceled", err)
			}
		}
		close(d.hang)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What waits behind a disk that hangs is bounded.
func TestFullBatchTakesNoMore(t *testing.T) {
	t.Parallel()
	b := &batch{lines: make([]byte, maxLine), done: make(chan struct{})}
	f := &File{next: b}
	got, joined, err := f.join([]byte("{}\n"))
	if got != b || joined || err != nil || len(b.lines) != maxLine {
		t.Errorf("joined %t, error %v", joined, err)
	}
}

func BenchmarkFile(b *testing.B) {
	for _, parallel := range []struct {
		name string
		n    int
	}{{"alone", 0}, {"100 writers", 50}} { // times GOMAXPROCS
		b.Run(parallel.name, func(b *testing.B) {
			f, d, _ := openFaulty(b)
			put := func() {
				if err := f.WriteAudit(b.Context(), full()); err != nil {
					b.Error(err)
				}
			}
			if parallel.n == 0 {
				for b.Loop() {
					put()
				}
			} else {
				b.SetParallelism(parallel.n)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						put()
					}
				})
			}
			b.ReportMetric(float64(d.syncs.Load())/float64(b.N), "fsyncs/line")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	e := full()
	e.Body = []byte(strings.Repeat(`{"resourceType":"DocumentReference"},`, 1000))
	b.SetBytes(int64(len(e.Body)))
	for b.Loop() {
		if _, err := encode(&e); err != nil {
			b.Fatal(err)
		}
	}
}

package audit

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// limitEnv names the file in the process that has no room for it.
const limitEnv = "NRLGO_AUDIT_TEST_LIMIT"

// The kernel itself cuts the second line: RLIMIT_FSIZE, in a process of its own.
func TestKernelLimitFailsClosed(t *testing.T) {
	t.Parallel()
	if path := os.Getenv(limitEnv); path != "" {
		limited(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKernelLimitFailsClosed$", "-test.v")
	child.Env = append(os.Environ(), limitEnv+"="+path)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	entries, damaged := trail(t, path)
	if len(entries) != 1 || damaged != nil {
		t.Errorf("%d lines, damaged %v; want the first line whole and nothing else", len(entries), damaged)
	}
}

func limited(t *testing.T, path string) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	size := uint64(len(lineOf(t, full())))
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size + size/2, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) }() // a profile is written at the exit
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	write1(t, f, full())
	for range 2 {
		err := f.WriteAudit(t.Context(), full())
		if !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EFBIG) {
			t.Fatalf("error %v, want ErrFailed and EFBIG", err)
		}
		noSecrets(t, err)
	}
}

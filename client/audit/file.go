package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/nrlgo/nrlgo/client/spine"
)

var (
	// ErrPermissions is wrapped by the error for a file that others than its
	// owner may read or write.
	ErrPermissions = errors.New("others than its owner may read or write the audit file: chmod 600 it")
	// ErrFailed is wrapped by the errors of a sink that could not make a line
	// durable, from then on.
	ErrFailed = errors.New("the audit file failed and takes no more lines until it is reopened")
	// ErrClosed is wrapped by the errors after Close.
	ErrClosed = errors.New("the audit file is closed")
)

// File is a sink that appends JSON lines to a file; the package documentation
// has the table. Safe for concurrent use, and on Linux, macOS and the BSDs
// several Files, of several processes too, may share a path. Close it.
type File struct {
	path    string
	writers sync.WaitGroup
	turn    chan struct{} // of one place, taken by who writes or exchanges out

	mu     sync.Mutex // guards what follows
	out    disk
	next   *batch // collects lines while another batch is being written
	failed error
	closed bool
}

var _ spine.AuditSink = (*File)(nil)

// disk is what a File needs of an *os.File.
type disk interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Fd() uintptr
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// OpenFile opens the file to append, or makes it, for its owner only (mode
// 0600). It refuses what is not a regular file, and a file that others than
// its owner may read or write ([ErrPermissions]; on Windows access lists
// decide, which it does not judge). The folder must be there.
//
// A half last line, as a crash leaves it, is ended when the next line is
// written, so that one is whole; [Read] reports the half.
func OpenFile(path string) (*File, error) {
	out, err := openDisk(path)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return newFile(path, out), nil
}

func newFile(path string, out disk) *File {
	return &File{path: path, out: out, turn: make(chan struct{}, 1)}
}

func openDisk(path string) (disk, error) {
	// To read too: the last byte tells of a half line, and a pipe without a
	// reader does not block.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := fit(f, path); err != nil {
		_ = f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}

// fit refuses a file that cannot keep a trail.
func fit(f *os.File, path string) error {
	fi, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !fi.Mode().IsRegular():
		return errors.New("not a regular file: only that can be made durable")
	case runtime.GOOS != "windows" && fi.Mode().Perm()&0o077 != 0:
		return ErrPermissions
	}
	if err := lock(f); err != nil { // better now than at the first call
		return err
	}
	if err := unlock(f); err != nil {
		return err
	}
	if fi.Size() > 0 || runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync() // the name of a new file is durable too
}

// WriteAudit appends e as one line and returns when the line is durable
// (fsync). Lines that come while another is being made durable share the next
// fsync.
//
// When the file cannot be written or synced the line is taken back where that
// can be done, and this call and all later ones fail with [ErrFailed] until
// Reopen succeeds. When ctx ends first its error comes, and the line may be
// there all the same. No error holds anything of e.
func (f *File) WriteAudit(ctx context.Context, e spine.AuditEntry) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	line, err := encode(&e)
	if err != nil {
		return err
	}
	for {
		b, joined, err := f.join(line)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		select {
		case <-b.done:
			if !joined {
				continue
			}
			if b.err != nil {
				return fmt.Errorf("audit: %w", b.err)
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("audit: %w", ctx.Err())
		}
	}
}

// Reopen opens the path again, for log rotation: rename the file, then call
// it. It also puts a sink that failed back to work. Lines under way go whole
// to the one or to the other file. On an error the sink stays as it was.
func (f *File) Reopen() error {
	out, err := openDisk(f.path)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	f.turn <- struct{}{}
	defer func() { <-f.turn }()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = out.Close()
		return fmt.Errorf("audit: %w", ErrClosed)
	}
	_ = f.out.Close() // each line in it is durable already, or was reported
	f.out, f.failed = out, nil
	return nil
}

// Close waits for the lines under way and closes the file; later calls of
// WriteAudit and Reopen fail with [ErrClosed]. Closing again does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	again := f.closed
	f.closed = true
	f.mu.Unlock()
	if again {
		return nil
	}
	f.writers.Wait()
	f.turn <- struct{}{}
	defer func() { <-f.turn }()
	if err := f.out.Close(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

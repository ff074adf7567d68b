package audit

import (
	"fmt"
	"io"
)

// batch is lines that one write and one fsync make durable.
type batch struct {
	lines []byte
	done  chan struct{} // closed when err holds for all of them
	err   error
}

// join puts line into the batch that is written next. A batch that is full is
// given back without it: the caller tries again when that one is done, so that
// a disk that hangs fills no memory with what callers have given up.
func (f *File) join(line []byte) (b *batch, joined bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil, false, ErrClosed
	case f.failed != nil:
		return nil, false, f.failed
	}
	if f.next == nil {
		f.next = &batch{done: make(chan struct{})}
		b := f.next
		f.writers.Go(func() { f.commit(b) })
	}
	if len(f.next.lines) > 0 && len(f.next.lines)+len(line) > maxLine {
		return f.next, false, nil
	}
	f.next.lines = append(f.next.lines, line...)
	return f.next, true, nil
}

// commit makes b durable. It runs apart from the callers, of whom none may
// leave with the lines of the others when their context ends.
func (f *File) commit(b *batch) {
	f.turn <- struct{}{}
	defer func() { <-f.turn }()
	f.mu.Lock()
	f.next = nil // b gets no more lines
	out, err := f.out, f.failed
	f.mu.Unlock()
	if err == nil {
		if err = write(out, b.lines); err != nil {
			err = fmt.Errorf("%w: %w", ErrFailed, err)
			f.mu.Lock()
			f.failed = err
			f.mu.Unlock()
		}
	}
	b.err = err
	close(b.done)
}

// write appends lines in one write and syncs. The lock keeps other processes
// out while an end of the file is judged, and perhaps taken back.
func write(out disk, lines []byte) error {
	if err := lock(out); err != nil {
		return err
	}
	err := appendLines(out, lines)
	if e := unlock(out); err == nil {
		err = e
	}
	if e := out.Sync(); err == nil {
		err = e
	}
	return err
}

// appendLines writes whole lines or, as far as it can be done, nothing.
func appendLines(out disk, lines []byte) error {
	fi, err := out.Stat()
	if err != nil {
		return err
	}
	end := fi.Size()
	if end > 0 {
		var last [1]byte
		if _, err := out.ReadAt(last[:], end-1); err != nil {
			return err
		}
		if last[0] != '\n' { // half a line, of a crash
			lines = append([]byte{'\n'}, lines...)
		}
	}
	n, err := out.Write(lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err == nil {
		return nil
	}
	// A file that shrank meanwhile must not grow to its old size in zeros.
	if fi, e := out.Stat(); e == nil && fi.Size() > end {
		_ = out.Truncate(end) // else the half stays, and is ended by the next line
	}
	return err
}

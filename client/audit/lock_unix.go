//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package audit

import (
	"errors"
	"syscall"
)

// lock waits until no other File, of this or another process, writes.
func lock(f interface{ Fd() uintptr }) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func unlock(f interface{ Fd() uintptr }) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

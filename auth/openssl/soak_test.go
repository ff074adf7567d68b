//go:build cgo && linux && !asan

package openssl_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/openssl"
)

// resident is the memory of this process in bytes, garbage apart.
func resident(t *testing.T) int {
	t.Helper()
	for range 3 { // what is dropped needs a cycle to be cleaned up
		runtime.GC()
		<-time.After(10 * time.Millisecond)
	}
	debug.FreeOSMemory()
	fields := bytes.Fields(must[[]byte](t)(os.ReadFile("/proc/self/statm")))
	return must[int](t)(strconv.Atoi(string(fields[1]))) * os.Getpagesize()
}

// TestMemoryStaysFlat over handshakes, full and resumed, that end in every
// way: closed, dropped, refused. A connection holds tens of KiB outside Go's
// heap. NRL_SOAK is the number of rounds, 100 without.
//
// It is not parallel: the other tests' memory would count. AddressSanitizer,
// which looks for leaks itself, keeps what was freed.
func TestMemoryStaysFlat(t *testing.T) {
	rounds := 100
	if n := os.Getenv("NRL_SOAK"); n != "" {
		rounds = must[int](t)(strconv.Atoi(n))
	}
	k := assets(t)
	_, port, _ := net.SplitHostPort(listenOn(t, "0.0.0.0:0", echoing(k.config(t))))
	good := net.JoinHostPort("localhost", port)
	otherName := net.JoinHostPort("127.0.0.2", port) // not in the certificate
	d := engine(t, k.policy)
	round := func() {
		fresh := must[auth.Dialer](t)(openssl.NewEngine(k.policy))
		c := must[net.Conn](t)(fresh.DialTLSContext(t.Context(), "tcp", good))
		exchange(t, c, 20<<10)
		_ = c.Close()
		_ = fresh.Close()
		if _, err := d.DialTLSContext(t.Context(), "tcp", good); err != nil { // and dropped
			t.Fatal(err)
		}
		if _, err := d.DialTLSContext(t.Context(), "tcp", otherName); !errors.Is(err, auth.ErrUntrusted) {
			t.Fatalf("another name: %v", err)
		}
	}
	for range 50 {
		round()
	}
	before := resident(t)
	for range rounds {
		round()
	}
	after := resident(t)
	t.Logf("%d rounds: %d KiB before, %d KiB after", rounds, before>>10, after>>10)
	if grown := after - before; grown > 4<<20+rounds*2<<10 {
		t.Errorf("memory grew by %d KiB in %d rounds", grown>>10, rounds)
	}
}

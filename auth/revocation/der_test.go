package revocation

import (
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// derRules are one element each, to accept and to refuse.
func derRules() []derRule {
	element := func(r *reader) { r.element() }
	integer := func(r *reader) { r.integer() }
	small := func(r *reader) { r.small(tagEnumerated) }
	flag := func(r *reader) { r.flag(r.take(tagBoolean)) }
	bits := func(r *reader) { r.bits() }
	clock := func(r *reader) { r.time() }
	flags := func(r *reader) { readReasons(r, r.take(implicit(1))) }
	return []derRule{
		{"a short element", "\x04\x01a", element, true},
		{"nothing", "", element, false},
		{"a tag alone", "\x04", element, false},
		{"less than its length", "\x04\x02a", element, false},
		{"more than its length", "\x04\x01ab", element, false},
		{"a long length", "\x04\x81\x80" + string(make([]byte, 0x80)), element, true},
		{"a long length that could be short", "\x04\x81\x01a", element, false},
		{"a long length with a leading zero", "\x04\x82\x00\x80" + string(make([]byte, 0x80)), element, false},
		{"a length of five octets", "\x04\x85\x00\x00\x00\x00\x01a", element, false},
		{"a length of which half is missing", "\x04\x82\x01", element, false},
		{"an indefinite length", "\x30\x80\x00\x00", element, false},
		{"a length far beyond the end", "\x04\x84\xff\xff\xff\xff", element, false},
		{"a high tag", "\x1f\x81\x01\x00", element, false},

		{"a number", "\x02\x02\x00\x80", integer, true},
		{"a number below zero", "\x02\x01\x80", integer, true},
		{"a number with a leading zero", "\x02\x02\x00\x7f", integer, false},
		{"a number with leading ones", "\x02\x02\xff\x80", integer, false},
		{"a number of no octets", "\x02\x00", integer, false},
		{"another tag than a number", "\x04\x01\x01", integer, false},

		{"a small number", "\x0a\x01\x7f", small, true},
		{"a small number below zero", "\x0a\x01\x80", small, false},
		{"a small number of two octets", "\x0a\x02\x01\x00", small, false},

		{"true", "\x01\x01\xff", flag, true},
		{"false", "\x01\x01\x00", flag, true},
		{"neither true nor false", "\x01\x01\x01", flag, false},

		{"whole octets", "\x03\x02\x00a", bits, true},
		{"odd bits", "\x03\x02\x01a", bits, false},
		{"no bits", "\x03\x00", bits, false},

		{"reasons", "\x81\x02\x01\x7e", flags, true},
		{"reasons with nine odd bits", "\x81\x02\x09\x7e", flags, false},
		{"no reasons", "\x81\x00", flags, false},

		{"a time", "\x17\x0d260302090000Z", clock, true},
		{"a long time", "\x18\x0f20260302090000Z", clock, true},
		{"a time without seconds", "\x17\x0b2603020900Z", clock, false},
		{"a time of a zone", "\x17\x11260302090000+0100", clock, false},
		{"a time with fractions", "\x18\x1120260302090000.1Z", clock, false},
		{"a day that is none", "\x17\x0d260230090000Z", clock, false},
	}
}

type derRule struct {
	name string
	der  string
	read func(*reader)
	ok   bool
}

// TestReaderIsStrict holds every rule of the reader.
func TestReaderIsStrict(t *testing.T) {
	t.Parallel()
	for _, tt := range derRules() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := read([]byte(tt.der))
			tt.read(&r)
			r.end()
			if ok := r.err("it") == nil; ok != tt.ok {
				t.Errorf("read %v, want %v", ok, tt.ok)
			}
		})
	}
}

// TestTwoDigitYears are of the years 1950 to 2049 (RFC 5280, 4.1.2.5.1).
func TestTwoDigitYears(t *testing.T) {
	t.Parallel()
	var got []int
	for _, y := range []string{"50", "99", "00", "49"} {
		r := read([]byte("\x17\x0d" + y + "0302090000Z"))
		got = append(got, r.time().Year())
	}
	if diff := cmp.Diff([]int{1950, 1999, 2000, 2049}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestWrapReadsBack holds the lengths of DER.
func TestWrapReadsBack(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000} {
		r := read(wrap(tagOctets, make([]byte, n)))
		got := r.take(tagOctets)
		r.end()
		if r.err("") != nil || len(got) != n {
			t.Errorf("%d bytes read back as %d: %v", n, len(got), r.err(""))
		}
	}
}

// TestSerialNumbersAreThoseOfDER compares with what a list has.
func TestSerialNumbersAreThoseOfDER(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "\x00", 1: "\x01", 127: "\x7f", 128: "\x00\x80", 255: "\x00\xff", 256: "\x01\x00"} {
		if diff := cmp.Diff(want, string(integerOctets(big.NewInt(n)))); diff != "" {
			t.Errorf("%d: -want +got\n%s", n, diff)
		}
	}
}

type stamp struct{ from, to time.Time }

func (s *stamp) span() (from, to time.Time) { return s.from, s.to }

// TestStoreIsBounded keeps what is within its dates when there is no room.
func TestStoreIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	s := newStore[*stamp](newLife(func() time.Time { return now }, time.Second), time.Hour)
	fresh := key{url: "fresh"}
	s.put(fresh, &stamp{now, now.Add(time.Hour)})
	for i := range 2 * maxEntries {
		s.put(key{serial: string(rune(i + 0x10000))}, &stamp{now.Add(-time.Hour), now})
	}
	if n := len(s.entries); n > maxEntries || s.atHand(fresh, origin[*stamp]{}) == nil {
		t.Errorf("%d entries, want at most %d and the fresh one among them", n, maxEntries)
	}
}

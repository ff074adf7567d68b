package revocation

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// Tags of DER.
const (
	tagBoolean     = 0x01
	tagInteger     = 0x02
	tagBits        = 0x03
	tagOctets      = 0x04
	tagNull        = 0x05
	tagOID         = 0x06
	tagEnumerated  = 0x0a
	tagUTCTime     = 0x17
	tagGeneralTime = 0x18
	tagSequence    = 0x30
	tagSet         = 0x31
)

// implicit is the tag of a primitive [n], explicit that of a constructed one.
func implicit(n byte) byte { return 0x80 | n }
func explicit(n byte) byte { return 0xa0 | n }

// reader reads DER strictly: definite and shortest lengths, low tag numbers.
// The first fault sticks, also in the readers of what is inside; everything
// read after it is empty. What it returns points into the input.
type reader struct {
	rest []byte
	bad  *bool
}

func read(der []byte) reader { return reader{der, new(bool)} }

func (r *reader) fail() {
	*r.bad = true
	r.rest = nil
}

// err is nil as long as nothing was wrong. It holds nothing of the input.
func (r *reader) err(what string) error {
	if *r.bad {
		return fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	return nil
}

func (r *reader) more() bool { return !*r.bad && len(r.rest) > 0 }

// end fails when anything is left.
func (r *reader) end() {
	if len(r.rest) > 0 {
		r.fail()
	}
}

func (r *reader) next(tag byte) bool { return r.more() && r.rest[0] == tag }

// element reads whatever comes next: the whole of it, and what is inside.
func (r *reader) element() (whole, content []byte) {
	if *r.bad || len(r.rest) < 2 || r.rest[0]&0x1f == 0x1f {
		r.fail()
		return nil, nil
	}
	header, length := 2, int(r.rest[1])
	if length >= 0x80 {
		n := length & 0x7f
		if n == 0 || n > 4 || len(r.rest) < 2+n {
			r.fail()
			return nil, nil
		}
		long := uint64(0)
		for _, b := range r.rest[2 : 2+n] {
			long = long<<8 | uint64(b)
		}
		if long < 0x80 || long>>(8*(n-1)) == 0 || long > uint64(len(r.rest)) {
			r.fail()
			return nil, nil
		}
		header, length = 2+n, int(long)
	}
	if length > len(r.rest)-header {
		r.fail()
		return nil, nil
	}
	whole, content = r.rest[:header+length], r.rest[header:header+length]
	r.rest = r.rest[header+length:]
	return whole, content
}

// take reads what is inside an element of that tag, which must come next.
func (r *reader) take(tag byte) []byte {
	if !r.next(tag) {
		r.fail()
		return nil
	}
	_, content := r.element()
	return content
}

// sequence reads a SEQUENCE with its header.
func (r *reader) sequence() []byte {
	if !r.next(tagSequence) {
		r.fail()
		return nil
	}
	whole, _ := r.element()
	return whole
}

// in reads an element of that tag and gives a reader of what is inside.
func (r *reader) in(tag byte) reader { return reader{r.take(tag), r.bad} }

// integer reads the octets of an INTEGER, which DER keeps shortest.
func (r *reader) integer() []byte {
	b := r.take(tagInteger)
	if len(b) == 0 || len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		r.fail()
	}
	return b
}

// small reads a number of one octet, not below zero.
func (r *reader) small(tag byte) int {
	b := r.take(tag)
	if len(b) != 1 || b[0] >= 0x80 {
		r.fail()
		return 0
	}
	return int(b[0])
}

// flag is the value of a BOOLEAN. DER leaves a false one out; issuers that
// write it are understood.
func (r *reader) flag(content []byte) bool {
	if len(content) != 1 || content[0] != 0 && content[0] != 0xff {
		r.fail()
		return false
	}
	return content[0] == 0xff
}

// bits reads a BIT STRING of whole octets.
func (r *reader) bits() []byte {
	b := r.take(tagBits)
	if len(b) == 0 || b[0] != 0 {
		r.fail()
		return nil
	}
	return b[1:]
}

// time reads a UTCTime or GeneralizedTime as certificates have them: with
// seconds and in UTC (RFC 5280, 4.1.2.5).
func (r *reader) time() time.Time {
	if r.next(tagUTCTime) {
		t := r.clock("060102150405Z", r.take(tagUTCTime))
		if t.Year() >= 2050 {
			t = t.AddDate(-100, 0, 0)
		}
		return t
	}
	return r.clock("20060102150405Z", r.take(tagGeneralTime))
}

func (r *reader) clock(layout string, content []byte) time.Time {
	t, err := time.Parse(layout, string(content))
	if err != nil || t.Format(layout) != string(content) {
		r.fail() // the error of time.Parse holds the input
		return time.Time{}
	}
	return t
}

// extensions reads an Extensions sequence. each is called for every one, in
// order; one that comes twice is a fault, and so are more than 32.
func (r *reader) extensions(each func(oid []byte, critical bool, value []byte)) {
	list := r.in(tagSequence)
	var room [32][]byte
	seen := room[:0]
	for list.more() {
		one := list.in(tagSequence)
		oid := one.take(tagOID)
		critical := one.next(tagBoolean) && one.flag(one.take(tagBoolean))
		value := one.take(tagOctets)
		one.end()
		twice := slices.ContainsFunc(seen, func(s []byte) bool { return bytes.Equal(s, oid) })
		if twice || len(seen) == len(room) {
			one.fail()
		}
		if *r.bad {
			return
		}
		seen = append(seen, oid)
		each(oid, critical, value)
	}
}

// Object identifiers, as DER writes their content.
const (
	oidCRLNumber      = "\x55\x1d\x14"
	oidReason         = "\x55\x1d\x15"
	oidInvalidity     = "\x55\x1d\x18"
	oidDelta          = "\x55\x1d\x1b"
	oidIssuingPoint   = "\x55\x1d\x1c"
	oidEntryIssuer    = "\x55\x1d\x1d"
	oidAuthorityKeyID = "\x55\x1d\x23"
	oidBasicOCSP      = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01"
	oidNonce          = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02"
	oidSHA1           = "\x2b\x0e\x03\x02\x1a"
	oidSHA256         = "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
)

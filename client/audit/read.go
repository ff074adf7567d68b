package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/nrlgo/nrlgo/client/spine"
)

// ErrLine is wrapped by every [*LineError].
var ErrLine = errors.New("damaged audit line")

// LineError is a line that [File] did not write, or not to its end: a crash or
// a full disk leaves half a line, whose writer was told that it failed. Its
// text holds nothing of the line.
type LineError struct {
	// Number is the line's, 1 for the first.
	Number int
	// Reason says what is wrong.
	Reason string
}

// Error is one line.
func (e *LineError) Error() string {
	return fmt.Sprintf("audit: line %d: %s: %s", e.Number, ErrLine, e.Reason)
}

// Unwrap gives ErrLine.
func (e *LineError) Unwrap() error { return ErrLine }

// Line is one line of a trail. It holds patients' identifiers; it prints as
// its entry does, masked.
type Line struct {
	// Number is its place in the file, 1 for the first.
	Number int
	Entry  spine.AuditEntry
}

// Read goes through a trail as [File] wrote it. It is strict: a line with an
// unknown member, a member twice, of another type or out of its range, or
// without one that must be there, is damaged.
//
// A damaged line comes as a [*LineError], and the reading goes on behind it.
// Any other error, of r or of a line over 256 MiB, is the last thing that
// comes: the trail was not read whole then.
func Read(r io.Reader) iter.Seq2[Line, error] { return read(r, maxLine) }

func read(r io.Reader, limit int) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			raw, whole, err := readLine(br, limit)
			if err != nil {
				yield(Line{}, fmt.Errorf("audit: line %d: %w", n, err))
				return
			}
			if !whole && len(raw) == 0 {
				return
			}
			line := Line{Number: n}
			why := "it has no end"
			if whole {
				why = decode(raw, &line.Entry)
			}
			var fault error
			if why != "" {
				line, fault = Line{}, &LineError{Number: n, Reason: why}
			}
			if !yield(line, fault) || !whole {
				return
			}
		}
	}
}

var errTooLong = errors.New("the line is too long")

// readLine gives a line without its line feed, or, not whole, what follows
// the last line feed. Only the bare io.EOF is the end of a trail.
func readLine(br *bufio.Reader, limit int) (line []byte, whole bool, err error) {
	for {
		part, err := br.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, false, errTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], true, nil
		case err == io.EOF:
			return line, false, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
	}
}

// decode fills e, and says why the line is damaged, "" when it is not.
func decode(line []byte, e *spine.AuditEntry) string {
	values, why := tokens(line)
	if why != "" {
		return why
	}
	for _, m := range members {
		v, ok := values[m.name]
		switch {
		case !ok && m.must:
			return "member " + m.name + " is missing"
		case ok && !m.set(e, v):
			return "member " + m.name + " is not what it should be"
		}
	}
	if why := unfit(e); why != "" {
		return why
	}
	if values["user"] != userKind(e.Requester.User) {
		return "member user contradicts the others"
	}
	return ""
}

// tokens reads a flat object of known members: strings, and numbers as int64.
// encoding/json's Unmarshal would let through repeated names, names in other
// case and bytes that are no UTF-8.
func tokens(line []byte) (map[string]any, string) {
	if !utf8.Valid(line) {
		return nil, "it is not UTF-8"
	}
	const malformed = "it is not one JSON object"
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, malformed
	}
	values := map[string]any{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, malformed
		}
		name, _ := key.(string)
		if !known[name] {
			return nil, "it has an unknown member"
		}
		if _, twice := values[name]; twice {
			return nil, "member " + name + " is there twice"
		}
		v, err := dec.Token()
		if err != nil {
			return nil, malformed
		}
		if n, ok := v.(json.Number); ok {
			if v, err = n.Int64(); err != nil {
				return nil, "member " + name + " is not a whole number"
			}
		}
		values[name] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, malformed
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, malformed
	}
	return values, ""
}

// known are the names of the members.
var known = func() map[string]bool {
	names := make(map[string]bool, len(members))
	for _, m := range members {
		names[m.name] = true
	}
	return names
}()

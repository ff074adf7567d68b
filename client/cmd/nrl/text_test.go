package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
)

func TestSentenceIsOneLineWithoutPackageNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"nrlgo: search: certificate: auth: refused": "search: certificate: refused",
		"client: auth: spine: x":                    "x",
		"status 403 from the SSP: denied":           "status 403 from the SSP: denied",
		"a\nauth: b\nc":                             "a; auth: b; c",
		"read: no record":                           "read: no record",
	} {
		if diff := cmp.Diff(want, sentence(errors.New(text))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestSplitTakesJoinedErrorsApart(t *testing.T) {
	t.Parallel()
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	wrapped := fmt.Errorf("both %w and %w", a, b)
	for _, tt := range []struct {
		name string
		err  error
		want []error
	}{
		{"none", nil, nil},
		{"one", a, []error{a}},
		{"joined", errors.Join(a, errors.Join(b, c)), []error{a, b, c}},
		{"wrapped with a text of its own", errors.Join(wrapped, c), []error{wrapped, c}},
	} {
		if diff := cmp.Diff(tt.want, split(tt.err), cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTextOfAServerDoesNotReachTheTerminalAsIs(t *testing.T) {
	t.Parallel()
	hostile := "plan\x1b[2J\u202e\t\x00 é \"a\\b\""
	p := nrl.Pointer{ID: "id\r\x1b]0;x\x07", Type: nrl.Coding{Display: hostile}, Contents: []nrl.Content{{ContentType: "a\nb", URL: "u\x9b"}}}
	for name, show := range map[string]func(io.Writer) error{
		"table": func(w io.Writer) error { return table(w, []nrl.Pointer{p}) },
		"page":  func(w io.Writer) error { return page(w, p) },
	} {
		var out bytes.Buffer
		if err := show(&out); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(out.String(), "\x00\x07\x1b\r\t\u202e\u009b") {
			t.Errorf("%s: %q", name, out.String())
		}
		if !strings.Contains(out.String(), `plan�[2J��� é "a\b"`) {
			t.Errorf("%s loses what can be shown: %q", name, out.String())
		}
		if name == "table" && strings.Count(out.String(), "\n") != 2 {
			t.Errorf("a table of one content has not two lines: %q", out.String())
		}
	}
}

// interrupter cancels when the first record is said to be saved, as somebody
// who presses ^C does.
type interrupter struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (i *interrupter) Write(p []byte) (int, error) {
	i.cancel()
	return i.Buffer.Write(p)
}

func TestInterruptedRetrievalStopsAndSaysWhatIsSaved(t *testing.T) {
	t.Parallel()
	sp, env := withMock(t)
	for i := range 3 {
		sp.AddRecord(nhs.MustParseNumber(canaryNumber), mocks.Record{URL: fmt.Sprintf("https://p1.nhs.uk/%d", i), Body: []byte("%PDF-")})
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := &interrupter{cancel: cancel}
	var errout bytes.Buffer
	status := run(ctx, []string{"retrieve", "--patient", canaryNumber, "--out", t.TempDir()}, out, &errout,
		func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if status != statusIncomplete || strings.Count(out.String(), "\n") != 1 || errout.String() != "nrl: incomplete: 1 of 3 records saved\n" {
		t.Errorf("exit status %d\n%s%s", status, out.String(), errout.String())
	}
	if n := len(sp.Requests()); n != 2 {
		t.Errorf("%d requests, want a search and one record", n)
	}
}

// full is a standard output that takes nothing.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestDataThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	sp, env := withMock(t)
	id := sp.AddRecord(nhs.MustParseNumber(canaryNumber), mocks.Record{URL: canaryURL, Body: []byte("%PDF-")})
	commands := calls(id, t.TempDir())
	for name, args := range commands {
		for _, form := range []string{"table", "json", "ndjson"} {
			if name == "retrieve" {
				args[len(args)-1] = t.TempDir()
			}
			var errout bytes.Buffer
			status := run(t.Context(), append(args, "-o", form), full{}, &errout, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
			if status != statusOther || errout.String() != "nrl: no space left\n" {
				t.Errorf("%s -o %s: exit status %d: %q", name, form, status, errout.String())
			}
		}
	}
}

package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/client/spine"
)

func lineOf(tb testing.TB, e spine.AuditEntry) string {
	tb.Helper()
	line, err := encode(&e)
	if err != nil {
		tb.Fatal(err)
	}
	return string(line)
}

func TestReadEnds(t *testing.T) {
	t.Parallel()
	one := lineOf(t, full())
	broken := errors.New("the disk broke")
	tests := []struct {
		name    string
		in      io.Reader
		lines   int
		damaged int
		want    error
	}{
		{name: "empty trail", in: strings.NewReader("")},
		{name: "last line whole", in: strings.NewReader(one + one), lines: 2},
		{name: "last line without its end", in: strings.NewReader(one + one[:len(one)-1]), lines: 1, damaged: 1},
		{name: "byte by byte", in: iotest.OneByteReader(strings.NewReader(one)), lines: 1},
		{name: "reader fails", in: io.MultiReader(strings.NewReader(one+one[:9]), iotest.ErrReader(broken)), lines: 1, want: broken},
		{name: "a wrapped io.EOF is no end", in: io.MultiReader(strings.NewReader(one), iotest.ErrReader(fmt.Errorf("cut: %w", io.EOF))), lines: 1, want: io.EOF},
		{name: "line too long", in: io.MultiReader(strings.NewReader(one), endless{}), lines: 1, want: errTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got struct{ lines, damaged int }
			var last error
			for _, err := range read(tt.in, 1<<20) {
				if last != nil {
					t.Fatal("something came after the error")
				}
				switch {
				case err == nil:
					got.lines++
				case errors.Is(err, ErrLine):
					got.damaged++
				default:
					last = err
				}
			}
			if got.lines != tt.lines || got.damaged != tt.damaged || !errors.Is(last, tt.want) || (tt.want == nil) != (last == nil) {
				t.Errorf("%d lines, %d damaged, error %v", got.lines, got.damaged, last)
			}
		})
	}
}

// endless is one line without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestReadStopsWhenTheLoopDoes(t *testing.T) {
	t.Parallel()
	r := strings.NewReader(strings.Repeat(lineOf(t, full()), 2000))
	for _, err := range Read(r) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if r.Len() == 0 {
		t.Error("the whole trail was read for one line")
	}
}

func TestLinePrintsMasked(t *testing.T) {
	t.Parallel()
	line := Line{Number: 7, Entry: full()}
	var b strings.Builder
	for _, v := range []any{line, &line, []Line{line}, struct{ l Line }{line}.l} {
		fmt.Fprintf(&b, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "line", v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("m", "line", v)
		if err := json.NewEncoder(&b).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	noSecrets(t, errors.New(b.String()))
}

func TestMemoryKeepsCopies(t *testing.T) {
	t.Parallel()
	var m Memory
	e := full()
	want := full()
	write1(t, &m, e)
	clear(e.Body)
	got := m.Entries()
	if diff := cmp.Diff([]plain{plain(want)}, []plain{plain(got[0])}); diff != "" || len(got) != 1 {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	clear(got[0].Body)
	if diff := cmp.Diff(plain(want), plain(m.Entries()[0])); diff != "" {
		t.Errorf("a reader changed what is kept (-want +got):\n%s", diff)
	}
	if err := m.WriteAudit(ended(t), e); err == nil || len(m.Entries()) != 1 {
		t.Error("an ended context was not honoured")
	}
	m.Reset()
	if len(m.Entries()) != 0 {
		t.Error("Reset kept something")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(lineOf(f, full()))
	f.Add(lineOf(f, least()) + lineOf(f, full())[:99])
	f.Add("{}\n\n[\n{\"v\":1}\n\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for line, err := range Read(strings.NewReader(s)) {
			if err != nil {
				if !errors.Is(err, ErrLine) || len(err.Error()) > 120 {
					t.Fatalf("error %v", err)
				}
				continue
			}
			// What is accepted can be written, and comes back as it was.
			got, damaged := readAll(t, strings.NewReader(lineOf(t, line.Entry)))
			if diff := cmp.Diff([]plain{plain(line.Entry)}, []plain{plain(got[0])}); diff != "" || damaged != nil {
				t.Fatalf("again (-want +got):\n%s", diff)
			}
		}
	})
}

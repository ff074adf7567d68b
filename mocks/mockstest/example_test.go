package mockstest_test

import (
	"context"
	"fmt"
	"io"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/mocks/mockstest"
	"github.com/nrlgo/nrlgo/nrl"
)

// plan is code under test: it takes what it needs of a client.
func plan(ctx context.Context, c mockstest.Consumer, patient nhs.Number) string {
	for p, err := range c.Search(ctx, nrl.Query{Patient: patient}) {
		if err != nil {
			return "plans are not available: " + client.CodeOf(err).String()
		}
		r, err := c.Retrieve(ctx, p)
		if err != nil {
			return "the plan is not available: " + client.CodeOf(err).String()
		}
		return whole(r)
	}
	return "no pointer: there may be a plan all the same"
}

func whole(r io.ReadCloser) string {
	text, err := io.ReadAll(r)
	_ = r.Close()
	if err != nil {
		return "the plan is not whole"
	}
	return string(text)
}

func ExampleFake() {
	t, end := scratch() // in a test: its own t
	defer end()
	patient := nhs.MustParseNumber("9462205957")
	f := mockstest.NewFake(t)
	fmt.Println(plan(context.Background(), f, patient))
	f.Add(mockstest.Pointer(t, mocks.Pointer{Patient: patient, Contents: []mocks.Content{{URL: "https://p1.nhs.uk/plan"}}}))
	fmt.Println(plan(context.Background(), f, patient))
	f.Serve("https://p1.nhs.uk/plan", "application/pdf", []byte("%PDF-1.4"))
	fmt.Println(plan(context.Background(), f, patient))
	f.Fail(spine.OpSearch, mockstest.NewError(spine.OpSearch, client.CodeUnavailable, nil))
	fmt.Println(plan(context.Background(), f, patient))
	// Output:
	// no pointer: there may be a plan all the same
	// the plan is not available: no record
	// %PDF-1.4
	// plans are not available: unavailable
}

// scratch is a T for an Example.
func scratch() (t *exampleT, end func()) {
	t = new(exampleT)
	return t, func() {
		for _, f := range t.cleanups {
			f()
		}
	}
}

type exampleT struct{ cleanups []func() }

func (*exampleT) Helper()                           {}
func (t *exampleT) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }
func (*exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

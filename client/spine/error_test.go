package spine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nrlgo/nrlgo/client/spine"
)

func TestCodeOf(t *testing.T) {
	t.Parallel()
	denied := &spine.Error{Code: spine.CodeDenied, Err: context.Canceled}
	for name, tt := range map[string]struct {
		err  error
		want spine.Code
	}{
		"nil":                      {nil, spine.CodeUnknown},
		"any other":                {errors.New("x"), spine.CodeUnknown},
		"an *Error, not its cause": {denied, spine.CodeDenied},
		"wrapped":                  {fmt.Errorf("x: %w", denied), spine.CodeDenied},
		"the first of several":     {errors.Join(errors.New("x"), denied, &spine.Error{Code: spine.CodeAudit}), spine.CodeDenied},
		"a bare deadline":          {context.DeadlineExceeded, spine.CodeTimeout},
		"a bare cancel":            {fmt.Errorf("x: %w", context.Canceled), spine.CodeCanceled},
	} {
		if got := spine.CodeOf(tt.err); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*spine.Error{
		"nrlgo: search: invalid request: x": {Op: spine.OpSearch, Code: spine.CodeInvalid, Origin: spine.OriginLocal, Err: errors.New("x")},
		"nrlgo: retrieve: unavailable: status 429 BUSY from the SSP: x (retry after 8s) (attempts 2, trace t-1)": {Op: spine.OpRetrieve, Code: spine.CodeUnavailable, Status: 429, SpineCode: "BUSY", Origin: spine.OriginProxy, RetryAfter: 7600 * time.Millisecond, Attempts: 2, TraceID: "t-1", Err: errors.New("x")},
		"nrlgo: : unknown":     {},
		"nrlgo: read: code 99": {Op: spine.OpRead, Code: 99},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestEachCodeHasAName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for c := spine.CodeUnknown; c <= spine.CodeConfig; c++ {
		if s := c.String(); seen[s] || len(s) > 4 && s[:5] == "code " {
			t.Errorf("code %d is %q", int(c), s)
		} else {
			seen[s] = true
		}
	}
}

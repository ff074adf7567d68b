package auth_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// TestTrustIsReadAgain: what changes is in force without a restart, and what
// is broken or may still be written to is not.
func TestTrustIsReadAgain(t *testing.T) {
	t.Parallel()
	k := assets(t)
	other := must[*pki.PKI](t)(pki.New(pki.Options{KeySet: "foreign", Name: "Another"}))
	const before, after = "NHS Test Root Authority, NHS Test Authentication", "Another Root Authority, Another Authentication"
	for _, tt := range []struct {
		name string
		data []byte        // nil: gone
		age  time.Duration // of the file
		want string
		kind auth.NoticeKind // 0: none
		text string
	}{
		{name: "nothing changed", data: k.pki.BundlePEM(), age: time.Minute, want: before},
		{name: "another PKI", data: other.BundlePEM(), age: time.Hour, want: after, kind: auth.Reloaded},
		{name: "dated in the future", data: other.BundlePEM(), age: -24 * time.Hour, want: after, kind: auth.Reloaded},
		{name: "written to a moment ago", data: other.BundlePEM(), want: before},
		{name: "the first half of it a moment ago", data: k.pki.Root.PEM(), want: before},
		{name: "damaged", data: other.BundlePEM()[:1500], age: time.Hour, want: before, kind: auth.ReloadFailed, text: `"ca.pem": a PEM block is damaged`},
		{name: "no root in it", data: other.Sub.PEM(), age: time.Hour, want: before, kind: auth.ReloadFailed, text: "no usable trust anchor"},
		{name: "gone", want: before, kind: auth.ReloadFailed, text: `"ca.pem": file does not exist`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			dir := fstest.MapFS{"ca.pem": {Data: k.pki.BundlePEM(), ModTime: now.Add(-time.Minute)}}
			trust := must[*auth.Trust](t)(auth.LoadTrustFS(dir, "ca.pem"))
			var heard []auth.Notice
			stop := trust.OnNotice(func(n auth.Notice) { heard = append(heard, n) })
			delete(dir, "ca.pem")
			if tt.data != nil {
				dir["ca.pem"] = &fstest.MapFile{Data: tt.data, ModTime: now.Add(-tt.age)}
			}
			got := names(trust.WithCNHosts("a.nhs.uk")) // copies see it too
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			_ = names(trust) // said once
			if tt.kind == 0 {
				if len(heard) != 0 {
					t.Errorf("heard %v", heard)
				}
				return
			}
			if len(heard) != 1 || heard[0].Kind != tt.kind || !strings.Contains(text(heard[0].Err), tt.text) {
				t.Errorf("heard %v, want one that it %s: %q", heard, tt.kind, tt.text)
			}
			stop()
			dir["ca.pem"] = &fstest.MapFile{Data: k.pki.Root.PEM(), ModTime: now.Add(-2 * time.Hour)}
			if names(trust) != "NHS Test Root Authority" || len(heard) != 1 {
				t.Error("what follows is not read, or heard after the end")
			}
		})
	}
}

func names(trust *auth.Trust) string {
	var all []string
	for _, c := range append(trust.Anchors(), trust.SubCAs()...) {
		all = append(all, c.Subject.CommonName)
	}
	return strings.Join(all, ", ")
}

func TestLoadTrustFSRefuses(t *testing.T) {
	t.Parallel()
	if _, err := auth.LoadTrustFS(fstest.MapFS{}, "ca.pem"); err == nil || !strings.Contains(err.Error(), `auth: CA certificates: file "ca.pem": file does not exist`) {
		t.Errorf("a file that is missing: %v", err)
	}
	if _, err := auth.LoadTrustFS(fstest.MapFS{"ca.pem": {Data: assets(t).pki.Sub.PEM()}}, "ca.pem"); !errors.Is(err, auth.ErrNoAnchor) {
		t.Errorf("no root: %v", err)
	}
}

package spine_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/mocks"
)

// withdrawing is a dialer whose connections fail in the middle of an answer as
// they do when their server is no longer accepted.
type withdrawing struct{ auth.Dialer }

func (d withdrawing) DialTLSContext(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := d.Dialer.DialTLSContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &withdrawn{Conn: c.(auth.Conn)}, nil
}

type withdrawn struct {
	auth.Conn
	read bool
}

func (c *withdrawn) Read(p []byte) (int, error) {
	if c.read {
		return 0, &auth.VerifyError{Stage: auth.StageRevocation, Host: "127.0.0.1", Reason: "revoked"}
	}
	c.read = true
	return c.Conn.Read(p)
}

// Fault 7: a server that is revoked while it answers is a certificate's
// matter, and no answer.
func TestServerThatIsRevokedWhileItAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *spine.Config) { c.Dialer = withdrawing{c.Dialer} })
	b.Fault(mocks.StallAfter(3))
	for name, call := range map[string]func() error{
		"a whole answer": func() error { _, err := b.fetch(t, b.search()); return err },
		"a stream": func() error {
			s, err := b.client.Stream(t.Context(), b.retrieve())
			if err != nil {
				return err
			}
			_, err = io.ReadAll(s)
			return s.End(err)
		},
	} {
		if err := call(); spine.CodeOf(err) != spine.CodeCertificate || !errors.Is(err, auth.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

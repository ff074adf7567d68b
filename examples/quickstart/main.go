// Command quickstart shows the main job from end to end, on real mutual TLS
// and without a network: it starts a mock Spine, finds a patient's pointers,
// retrieves the PDF behind one of them and shows the audit trail.
//
//	go run ./examples/quickstart
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/auth/revocation"
	"github.com/nrlgo/nrlgo/client"
	"github.com/nrlgo/nrlgo/client/audit"
	"github.com/nrlgo/nrlgo/mocks"
	"github.com/nrlgo/nrlgo/nrl"
	"github.com/nrlgo/nrlgo/ssp"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, &out)
	fmt.Print(out.String())
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1) //nolint:gocritic // the context dies with the program
	}
}

func run(ctx context.Context, out *bytes.Buffer) (err error) {
	// A mock Spine with one patient, in place of the real one. It gives us the
	// files that the DIR team gives: our certificate, its key and the CA bundle.
	spine, patient, err := mockSpine()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spine.Close()) }()
	dir, err := os.MkdirTemp("", "nrlgo-quickstart-")
	if err != nil {
		return err
	}
	if err := spine.WriteFiles(dir); err != nil {
		return err
	}
	fmt.Fprintf(out, "A mock Spine listens at %s and %s.\n", spine.NRLURL(), spine.SSPURL())

	// What a real program does once: keep an audit trail and make one client.
	trail, err := audit.OpenFile(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, trail.Close()) }()
	c, err := newClient(dir, spine, trail)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()

	// And for each user: who asks, and for which organisation.
	session := c.As(auth.Requester{
		Organisation: nhs.MustParseODSCode(mocks.ConsumerODS),
		ASID:         nhs.MustParseASID(mocks.ConsumerASID),
		User:         auth.Professional(nhs.MustParseRoleProfileID("4387293874928")),
	})
	pointers, err := search(ctx, out, session, patient)
	if err != nil {
		return err
	}
	if err := retrieve(ctx, out, session, pointers, dir); err != nil {
		return err
	}
	if err := showTrail(out, filepath.Join(dir, "audit.jsonl")); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nAll files are in %s; delete it when you have seen them.\n", dir)
	return nil
}

// newClient loads the certificate files in dir and makes a client with them.
func newClient(dir string, spine *mocks.Spine, trail client.AuditSink) (*client.Client, error) {
	creds, err := auth.LoadCredentials(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key"))
	if err != nil {
		return nil, err
	}
	trust, err := auth.LoadTrust(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{
		NRLURL: spine.NRLURL(), SSPURL: spine.SSPURL(), // client.IntegrationInternet and others fill these
		SpineASID:   nhs.MustParseASID(mocks.SpineASID),
		Credentials: creds,
		Trust:       trust.WithRevocation(revocation.Off("the mock publishes no list")),
		Engine:      client.EngineGo,
		Audit:       trail,
		Directory:   ssp.SingleASID(nhs.MustParseASID(mocks.ProviderASID)),
	})
}

// search prints a patient's pointers. An entry that cannot be shown is said,
// never skipped.
func search(ctx context.Context, out *bytes.Buffer, s *client.Session, patient nhs.Number) ([]nrl.Pointer, error) {
	var found []nrl.Pointer
	for p, err := range s.Search(ctx, nrl.Query{Patient: patient}) {
		var bad *nrl.EntryError
		switch {
		case errors.As(err, &bad):
			fmt.Fprintln(out, "This list is not complete:", bad)
			continue
		case err != nil:
			return nil, err
		}
		found = append(found, p)
	}
	fmt.Fprintf(out, "\nThe patient has %d pointers:\n\n", len(found))
	rows := bytes.NewBufferString("  TYPE\tOWNER\tDATED\tCONTENT\tFORMAT\n")
	for _, p := range found {
		for _, content := range p.Contents {
			fmt.Fprintf(rows, "  %s\t%s\t%s\t%s\t%s\n", p.Type.Display, p.Author.Code(), p.Indexed.Time.Format(time.DateOnly),
				content.ContentType, content.Format.Display)
		}
	}
	return found, columns(out, rows)
}

// columns writes rows of cells that tabs separate.
func columns(out, rows *bytes.Buffer) error {
	t := tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
	_, err := rows.WriteTo(t)
	return errors.Join(err, t.Flush())
}

// retrieve saves the first record, whole or not at all.
func retrieve(ctx context.Context, out *bytes.Buffer, s *client.Session, pointers []nrl.Pointer, dir string) error {
	if len(pointers) == 0 {
		return errors.New("no pointer")
	}
	rec, err := s.Retrieve(ctx, pointers[0], ssp.PDF)
	if err != nil {
		return err
	}
	file, err := rec.Save(dir)
	if err = errors.Join(err, rec.Close()); err != nil {
		return err
	}
	conn := rec.Conn()
	root := conn.Peer.Chain[len(conn.Peer.Chain)-1]
	fmt.Fprintf(out, "\nThe record of the first, %d bytes of %s, whole and with the right hash:\n\n  %s\n", rec.BytesRead(), rec.ContentType(), file)
	fmt.Fprintf(out, "\nIt came over %s with %s (engine %s),\nfrom a server verified up to %q.\n",
		tls.VersionName(conn.Version), auth.SuiteName(conn.CipherSuite), conn.Engine, root.Subject.CommonName)
	return nil
}

// showTrail prints the audit trail, shortened: in full its lines hold the
// patient's number, the URLs and the locator's answer, as they must.
func showTrail(out *bytes.Buffer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	fmt.Fprint(out, "\nThe audit trail, each request on disk before it was sent:\n\n")
	rows := bytes.NewBufferString("  OPERATION\tLINE\tSTATUS\tBYTES\tOUTCOME\n")
	for line, err := range audit.Read(f) {
		if err != nil {
			return err
		}
		e := line.Entry
		fmt.Fprintf(rows, "  %s\t%s\t%s\t%s\t%s\n", e.Op, e.Kind, number(int64(e.Status)), number(e.Bytes), e.Outcome)
	}
	return columns(out, rows)
}

// number is n, or nothing for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

package auth_test

import (
	"archive/zip"
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/mocks/pki"
)

// disk is a file system in memory that counts what is opened.
type disk struct {
	fstest.MapFS
	opened atomic.Int64
	asked  func() // called once, when somebody asks for a file's size
	opens  func() // called once, after a file was opened
}

func (d *disk) Open(name string) (fs.File, error) {
	d.opened.Add(1)
	file, err := d.MapFS.Open(name)
	if f := d.opens; f != nil {
		d.opens = nil
		f()
	}
	return file, err
}

func (d *disk) Stat(name string) (fs.FileInfo, error) {
	info, err := d.MapFS.Stat(name)
	if err != nil {
		return nil, err
	}
	return sized{info, d}, nil
}

type sized struct {
	fs.FileInfo
	disk *disk
}

func (i sized) Size() int64 {
	if f := i.disk.asked; f != nil {
		i.disk.asked = nil
		f()
	}
	return i.FileInfo.Size()
}

// put replaces a file, long ago, so that what it says is final.
func (d *disk) put(name string, text []byte) {
	at := time.Now().Add(-time.Hour)
	if old := d.MapFS[name]; old != nil {
		at = old.ModTime.Add(time.Second)
	}
	d.MapFS[name] = &fstest.MapFile{Data: text, ModTime: at}
}

// onDisk are credentials on a disk, and what is heard of them.
func onDisk(t *testing.T, l *pki.Leaf) (*disk, *auth.Credentials, *heard) {
	t.Helper()
	d := &disk{MapFS: fstest.MapFS{}}
	d.put("client.pem", l.ChainPEM())
	d.put("client.key", l.KeyPEM())
	c := must[*auth.Credentials](t)(auth.CredentialsSource{Files: []string{"client.pem", "client.key"}, FS: d}.Load())
	var h heard
	c.OnNotice(h.hear)
	return d, c, &h
}

func (h *heard) are(t *testing.T, want ...auth.NoticeKind) {
	t.Helper()
	if diff := cmp.Diff(want, h.kinds()); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

func uses(t *testing.T, c *auth.Credentials, want *pki.Leaf) {
	t.Helper()
	if got := serial(t, c); got != want.Cert.SerialNumber.String() {
		t.Errorf("serial number %s, want %s", got, want.Cert.SerialNumber)
	}
}

// renewed is another certificate of our key.
func (k *kit) renewed(t *testing.T) *pki.Leaf {
	t.Helper()
	return must[*pki.Leaf](t)(k.pki.Issue("consumer.example.nhs.uk", nil, pki.Key(k.client.Key)))
}

func TestFilesThatDoNotChangeAreNotRead(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d, c, h := onDisk(t, k.client)
	before := d.opened.Load()
	for range 3 {
		uses(t, c, k.client)
	}
	if n := d.opened.Load() - before; n != 0 {
		t.Errorf("%d files were read", n)
	}
	h.are(t)
}

// Of two callers who see the same change, the second finds it done.
func TestChangeIsReadByOneOfMany(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d, c, h := onDisk(t, k.client)
	next := k.leaf(t, nil)
	d.put("client.pem", next.ChainPEM())
	d.put("client.key", next.KeyPEM())
	before := d.opened.Load()
	d.asked = func() { uses(t, c, next) } // while the first compares
	uses(t, c, next)
	if n := d.opened.Load() - before; n != 2 {
		t.Errorf("%d files were read, want each once", n)
	}
	h.are(t, auth.Reloaded)
}

// While files are being written, what was read of them counts for nothing.
func TestFilesThatAreWrittenMeanwhile(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d, c, h := onDisk(t, k.client)
	second, third := k.renewed(t), k.renewed(t)
	d.put("client.pem", second.ChainPEM())
	d.opens = func() { d.put("client.pem", third.ChainPEM()) }
	uses(t, c, k.client)
	h.are(t)
	uses(t, c, third)
	h.are(t, auth.Reloaded)
}

// archive counts what is opened for another purpose than to look at it.
type archive struct {
	*zip.Reader
	opened int
}

func (a *archive) Open(name string) (fs.File, error) {
	a.opened++
	return a.Reader.Open(name)
}

func (a *archive) Stat(name string) (fs.FileInfo, error) { return fs.Stat(a.Reader, name) }

// The files of an archive have an identity of their own kind.
func TestFilesOfAnArchive(t *testing.T) {
	t.Parallel()
	k := assets(t)
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	_, err := must[io.Writer](t)(w.Create("client.pem")).Write(append(k.client.ChainPEM(), k.client.KeyPEM()...))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	a := &archive{Reader: must[*zip.Reader](t)(zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len())))}
	c := must[*auth.Credentials](t)(auth.CredentialsSource{Files: []string{"client.pem"}, FS: a}.Load())
	uses(t, c, k.client)
	if a.opened != 1 {
		t.Errorf("it was read %d times, want once", a.opened)
	}
}

// A pipe is read once, also when the file beside it changes: opened again it
// would be empty, or wait for ever.
func TestPipeIsReadOnce(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d := &disk{MapFS: fstest.MapFS{"key": {Data: k.client.KeyPEM(), Mode: fs.ModeNamedPipe}}}
	d.put("client.pem", k.client.ChainPEM())
	c := must[*auth.Credentials](t)(auth.CredentialsSource{Files: []string{"client.pem", "key"}, FS: d}.Load())
	var h heard
	c.OnNotice(h.hear)
	d.MapFS["key"].Data = nil
	renewed := k.renewed(t)
	d.put("client.pem", renewed.ChainPEM())
	uses(t, c, renewed)
	h.are(t, auth.Reloaded)
}

func TestFileThatBecomesAPipeIsNotOpened(t *testing.T) {
	t.Parallel()
	k := assets(t)
	d, c, h := onDisk(t, k.client)
	d.MapFS["client.pem"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	before := d.opened.Load()
	uses(t, c, k.client)
	if n := d.opened.Load() - before; n != 0 {
		t.Errorf("%d files were opened", n)
	}
	h.are(t, auth.ReloadFailed)
	if text := h.all[0].Err.Error(); !strings.Contains(text, `"client.pem": it is no regular file any more`) {
		t.Errorf("got %s", text)
	}
}

// What could not be used is tried again each minute, and then told of no more:
// nobody touches the files when a certificate becomes valid.
func TestCertificateThatBecomesValid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := assets(t)
		d, c, h := onDisk(t, k.client)
		start := time.Now()
		next := k.leaf(t, func(c *x509.Certificate) { c.NotBefore = start.Add(90 * time.Second) })
		d.put("client.pem", next.ChainPEM())
		d.put("client.key", next.KeyPEM())
		for _, step := range []struct {
			after time.Duration
			reads int64
			uses  *pki.Leaf
			told  []auth.NoticeKind
		}{
			{0, 2, k.client, []auth.NoticeKind{auth.ReloadFailed}},
			{59 * time.Second, 0, k.client, []auth.NoticeKind{auth.ReloadFailed}},
			{61 * time.Second, 2, k.client, []auth.NoticeKind{auth.ReloadFailed}},
			{122 * time.Second, 2, next, []auth.NoticeKind{auth.ReloadFailed, auth.Reloaded}},
			{190 * time.Second, 0, next, []auth.NoticeKind{auth.ReloadFailed, auth.Reloaded}},
		} {
			<-time.After(time.Until(start.Add(step.after)))
			before := d.opened.Load()
			uses(t, c, step.uses)
			if n := d.opened.Load() - before; n != step.reads {
				t.Errorf("after %s: %d files were read, want %d", step.after, n, step.reads)
			}
			h.are(t, step.told...)
		}
	})
}

// A renewed certificate that is given ahead serves once the old one has ended,
// though nobody touches the files.
func TestCertificateThatIsGivenAhead(t *testing.T) {
	t.Parallel()
	k := assets(t)
	end := daysAhead(10)
	issue := func(edit func(*x509.Certificate)) *pki.Leaf {
		return must[*pki.Leaf](t)(k.pki.Issue("consumer.example.nhs.uk", edit, pki.Key(k.client.Key)))
	}
	old := issue(func(c *x509.Certificate) { c.NotAfter = end })
	next := issue(func(c *x509.Certificate) { c.NotBefore = end.Add(-time.Hour) })
	c := must[*auth.Credentials](t)(auth.ParseCredentials(old.CertPEM(), next.CertPEM(), k.client.KeyPEM()))
	for ahead, want := range map[time.Duration]*pki.Leaf{-2 * time.Hour: old, -time.Minute: next, time.Minute: next} {
		pair, err := c.Certificate(end.Add(ahead))
		if err != nil || !pair.Leaf.Equal(want.Cert) {
			t.Errorf("%s after the end: another certificate, or %v", ahead, err)
		}
	}
}

// A renewed certificate of the same key is a pair as soon as it is written,
// before the sub CA behind it is.
func TestYoungChainIsGivenTimeToEnd(t *testing.T) {
	t.Parallel()
	k := assets(t)
	f := newPairFiles(t, k.client)
	c := must[*auth.Credentials](t)(auth.LoadCredentials(f.cert, f.key))
	var h heard
	c.OnNotice(h.hear)
	renewed := k.renewed(t)
	if err := os.WriteFile(f.cert, renewed.CertPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	uses(t, c, k.client)
	h.are(t)
	f.age(f.cert) // nothing has followed
	uses(t, c, renewed)
	h.are(t, auth.Reloaded)
}

// What was given in memory may be wiped, and the list of names used again,
// after Load.
func TestSourceMayBeUsedAgain(t *testing.T) {
	t.Parallel()
	k := assets(t)
	f := newPairFiles(t, k.client)
	names, key := []string{f.cert}, k.client.KeyPEM()
	c := must[*auth.Credentials](t)(auth.CredentialsSource{Files: names, Data: [][]byte{key}}.Load())
	clear(key)
	clear(names)
	renewed := k.renewed(t)
	f.put(f.cert, renewed.ChainPEM())
	uses(t, c, renewed)
}

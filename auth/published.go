package auth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"time"
)

// PublishedCA is what is known of a CA certificate that NHS England publishes
// for Spine.
type PublishedCA struct {
	// SHA256 is the fingerprint of the certificate, in lower-case hexadecimal.
	SHA256 string
	// Name is its common name.
	Name string
	// Environments are those whose servers are certified under it: "live",
	// "INT", "DEP". INT and DEP share the roots of the path to live (PTL).
	Environments []string
	// Generation is "G1", whose root is signed with SHA-1 and which has expired
	// in live, or "G2".
	Generation string
	// Root says that it is an anchor and not a sub CA.
	Root bool
	// Expires is when it does.
	Expires time.Time
}

// published are the certificates in the bundles that NHS England publishes for
// live, INT and DEP.
var published = []PublishedCA{
	{"c418cfa50aad03d826fa1a6932b8187be18193f4b25a7a56f30df45d5f89f8f7", "NHS Root Authority G2", live, "G2", true, time.Date(2042, 4, 7, 11, 41, 21, 0, time.UTC)},
	{"1cb94b89dd6e3cbeb498f43f85aac7f7ea3a833805ba0a37396d669eaa794639", "NHS Authentication G2", live, "G2", false, time.Date(2032, 9, 15, 11, 8, 55, 0, time.UTC)},
	{"cb7f39edd261631fe95995030f793c90d3db6d84912b0ff7a1a96fedea6d9f10", "NHS Root Authority", live, "G1", true, time.Date(2024, 6, 4, 11, 28, 31, 0, time.UTC)},
	{"b2a983f5284f267c9e7705af4a69387b8d2af5e281e194e6a279e033b06c7fdf", "NHS Level 1C", live, "G1", false, time.Date(2024, 6, 4, 11, 28, 31, 0, time.UTC)},
	{"540f7cd6111510ef8a4a78939b39a075c71a68f0ce71bbf28141f7c6be357f8f", "NHS PTL Root Authority G2", pathToLive, "G2", true, time.Date(2042, 8, 2, 15, 47, 24, 0, time.UTC)},
	{"eb17b9fe90a19dbfe962bf41d3c907558f6f787e2fd1602268dfca9d3fdbf857", "NHS INT Authentication G2", pathToLive, "G2", false, time.Date(2032, 8, 4, 14, 35, 43, 0, time.UTC)},
	{"7759a087977a9e37793093561149ee40b299c7027f4fa2a1c4e9eefeabc1b7d8", "NHS PTL Root Authority", pathToLive, "G1", true, time.Date(2039, 7, 5, 13, 7, 28, 0, time.UTC)},
	{"67465bf8d72d1493d441ad1bc8f08b1ec2de9771c1cc40bb09b11bb72de14c0e", "NHS INT Level 1C", pathToLive[:1], "G1", false, time.Date(2029, 11, 11, 14, 0, 20, 0, time.UTC)},
	{"7e1c6b1244af68ec864f3af7fd020d052c2a096f3e58b6dec21c07a584d8ca41", "NHS DEP Level 1C", pathToLive[1:], "G1", false, time.Date(2029, 10, 29, 15, 13, 41, 0, time.UTC)},
}

// The environments by their roots.
var (
	live       = []string{"live"}
	pathToLive = []string{"INT", "DEP"}
)

// Published says what is known of a CA certificate, false for one that NHS
// England has not published for Spine.
func Published(c *x509.Certificate) (PublishedCA, bool) {
	sum := sha256.Sum256(c.Raw)
	id := hex.EncodeToString(sum[:])
	i := slices.IndexFunc(published, func(p PublishedCA) bool { return p.SHA256 == id })
	if i < 0 {
		return PublishedCA{}, false
	}
	p := published[i]
	p.Environments = slices.Clone(p.Environments)
	return p, true
}

// Environments are those of Spine that the roots are published for: "live",
// "INT", "DEP"; none for a PKI of one's own.
func (t *Trust) Environments() []string {
	var found []string
	for _, c := range t.authorities().anchors {
		p, _ := Published(c)
		found = append(found, p.Environments...)
	}
	return slices.DeleteFunc(slices.Concat(live, pathToLive), func(e string) bool { return !slices.Contains(found, e) })
}

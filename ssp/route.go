package ssp

import (
	"errors"
	"net/url"
	"strings"

	"github.com/nrlgo/nrlgo/nrl"
)

// route is how a content is retrieved. A smaller one is preferred.
type route int

const (
	viaSSP        route = iota + 1
	largeDocument       // from the National Document Repository, with the access token of the NRL v3
	direct              // a public page
	inContext           // in the user's browser, not by us
)

// mechanisms are the codes of the retrieval mechanism, retired ones included
// (NRL v3, pointer; codes page).
var mechanisms = map[string]route{
	"SSP": viaSSP, "LDR": largeDocument, "NDR": largeDocument, "Direct": direct, "InContext": inContext, "Direct_InContext": inContext,
}

// routed decides how a content is retrieved: by its mechanism, which must not
// contradict URL and format, and where it names none by these (NRL v3,
// retrieval mechanism). proxied says that the URL is one of the SSP.
//
// Contact details are public: they never go through the SSP (NRL retrieval
// page).
func routed(c nrl.Content, proxied bool) (route, error) {
	contact := kindOf(c) == KindContact
	if c.Mechanism == "" {
		switch {
		case contact:
			return direct, nil
		case !proxied && c.Format.Code == nrl.FormatStructured && mediaType(c.ContentType) == typeHTML:
			return inContext, nil
		}
		return viaSSP, nil
	}
	way, known := mechanisms[c.Mechanism]
	switch {
	case !known:
		return 0, because(ErrMechanism, "it is unknown")
	case contact && way != direct:
		return 0, &ConflictError{Mechanism: c.Mechanism, With: "the format of contact details"}
	case proxied && way != viaSSP:
		return 0, &ConflictError{Mechanism: c.Mechanism, With: "a URL of the SSP"}
	}
	return way, nil
}

// documentBase is the FHIR API of the National Document Repository, as host
// and path without a slash at the end; zero for none.
type documentBase struct{ key, path string }

// newDocumentBase reads Config.LDR.
func newDocumentBase(u *url.URL) (documentBase, error) {
	if u == nil {
		return documentBase{}, nil
	}
	a, err := split(u.Host)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return documentBase{}, errors.New("ssp: Config.LDR is not of the form https://host/path")
	}
	return documentBase{key: a.key(), path: strings.TrimSuffix(u.EscapedPath(), "/")}, nil
}

// check refuses a URL that is not a document of the repository: it would be
// sent our access token (codes page:
// https://host/national-document-repository/FHIR/R4/DocumentReference/id).
func (b documentBase) check(l located, mechanism string) error {
	if b == (documentBase{}) {
		return because(ErrMechanism, "Large Document Retrieval is not configured")
	}
	conflict := &ConflictError{Mechanism: mechanism, With: "a URL outside the document repository"}
	id, ok := strings.CutPrefix(l.parts.tail, b.path+"/DocumentReference/")
	if !ok || l.parts.key() != b.key || l.scheme != "https" {
		return conflict
	}
	plain, err := url.PathUnescape(id)
	if err != nil || strings.Trim(plain, ".") == "" {
		return conflict
	}
	for i := range len(plain) { // what no server can read as another path
		if c := plain[i]; !unreserved(c) && c != '|' && c != ':' {
			return conflict
		}
	}
	return nil
}

package ssp

import (
	"net/url"
	"strings"

	"github.com/nrlgo/nrlgo/nrl"
)

// Format codes that decide how a content is retrieved (NRL format codes).
const (
	formatContact    = "urn:nhs-ic:record-contact"
	formatStructured = "urn:nhs-ic:structured"
)

// target is where a content is.
type target struct {
	// provider is the provider's URL to the letter, but for raw spaces, which
	// are %20: the SSP refuses what differs from the registration.
	provider string
	// origin is its scheme and authority, the scheme in lower case.
	origin string
	// host is its host in lower case.
	host string
	// direct says that it is called directly, not through the SSP.
	direct bool
}

// resolver finds the target of a content.
type resolver struct {
	proxies      proxyHosts
	allowPrivate bool
}

// resolve finds the provider's URL of a content, and whether it is behind the
// SSP (NRL v3, attachment.url and retrieval mechanism).
func (r resolver) resolve(c nrl.Content) (target, error) {
	found, err := r.unwrap(c.URL)
	if err != nil {
		return target{}, err
	}
	contact := c.Format.Code == formatContact
	direct, err := routed(c, contact, found.proxied)
	if err != nil {
		return target{}, err
	}
	t := target{provider: found.text, origin: found.scheme + "://" + found.authority, host: found.parts.host, direct: direct}
	if found.scheme == "http" && !contact {
		return target{}, because(ErrURL, "a record is not fetched over http")
	}
	if direct && !r.allowPrivate {
		if err := publicHost(found.parts); err != nil {
			return target{}, err
		}
	}
	return t, nil
}

// routed decides between SSP and a direct call. Contact details are public:
// they never go through the SSP (NRL retrieval page).
func routed(c nrl.Content, contact, proxied bool) (direct bool, err error) {
	switch c.Mechanism {
	case "SSP":
		if contact {
			return false, because(ErrMechanism, "mechanism SSP with the format of contact details")
		}
		return false, nil
	case "Direct":
		if proxied {
			return false, because(ErrMechanism, "mechanism Direct with a URL of the SSP")
		}
		return true, nil
	case "LDR", "NDR":
		return false, because(ErrMechanism, "Large Document Retrieval is a service of its own")
	case "InContext", "Direct_InContext":
		return false, because(ErrMechanism, "an in-context launch is not a download")
	case "":
	default:
		return false, because(ErrMechanism, "it is unknown")
	}
	if !contact && !proxied && c.Format.Code == formatStructured && mediaType(c.ContentType) == typeHTML {
		return false, because(ErrMechanism, "structured HTML without a mechanism is an in-context launch, not a download")
	}
	return contact, nil
}

// located is a URL taken apart, freed of the SSP by unwrap.
type located struct {
	text      string // the URL, scheme included
	scheme    string // https or http
	authority string // to the letter
	parts     authority
	proxied   bool // it was ssp:// or named an SSP host
}

// unwrap frees the provider's URL of an SSP in front of it, once.
func (r resolver) unwrap(raw string) (located, error) {
	if err := checkText(raw); err != nil {
		return located{}, err
	}
	proxied := false
	if rest, ok := cutScheme(raw, "ssp"); ok {
		proxied, raw = true, "https://"+rest
	}
	found, err := locate(raw)
	if err != nil {
		return located{}, err
	}
	if r.proxies.has(found.parts) {
		if found.scheme != "https" {
			return located{}, because(ErrURL, "the SSP is not called over http")
		}
		proxied = true
		if raw, err = behind(found.parts.tail); err != nil {
			return located{}, err
		}
		if found, err = locate(raw); err != nil {
			return located{}, err
		}
		if r.proxies.has(found.parts) {
			return located{}, because(ErrURL, "it names the SSP twice")
		}
	}
	found.text = strings.ReplaceAll(found.text, " ", "%20")
	found.proxied = proxied
	return found, nil
}

// locate takes an https or http URL apart.
func locate(raw string) (located, error) {
	for _, scheme := range []string{"https", "http"} {
		rest, ok := cutScheme(raw, scheme)
		if !ok {
			continue
		}
		a, err := split(rest)
		return located{text: raw, scheme: scheme, authority: rest[:len(rest)-len(a.tail)], parts: a}, err
	}
	return located{}, because(ErrURL, "its scheme is neither https nor ssp")
}

func cutScheme(raw, scheme string) (rest string, ok bool) {
	n := len(scheme) + len("://")
	if len(raw) < n || !strings.EqualFold(raw[:n], scheme+"://") {
		return "", false
	}
	return raw[n:], true
}

// behind is the provider's URL in what follows the SSP's host: host and path,
// a plain URL, or a percent-encoded one, which is decoded once.
func behind(tail string) (string, error) {
	inner, ok := strings.CutPrefix(tail, "/")
	if !ok || inner == "" {
		return "", because(ErrURL, "it names the SSP and no provider")
	}
	for _, scheme := range []string{"https", "http"} {
		if _, ok := cutScheme(inner, scheme); ok {
			return inner, nil
		}
		for _, mark := range []string{"%3A%2F%2F", ":%2F%2F"} { // url.PathEscape leaves the colon
			n := len(scheme) + len(mark)
			if len(inner) < n || !strings.EqualFold(inner[:n], scheme+mark) {
				continue
			}
			rest := inner[n:]
			if strings.ContainsAny(rest, "/?") && strings.Contains(rest, "%") {
				return "", because(ErrURL, "the provider's URL in it is percent-encoded in part, which can be read in two ways")
			}
			decoded, err := url.PathUnescape(rest)
			if err != nil {
				return "", because(ErrURL, "it holds an invalid percent escape")
			}
			provider := scheme + "://" + decoded
			return provider, checkText(provider)
		}
	}
	return "https://" + inner, nil
}

package ssp

import (
	"net/url"
	"strings"

	"github.com/nrlgo/nrlgo/nrl"
)

// target is where a content is.
type target struct {
	// provider is the provider's URL to the letter, but for raw spaces, which
	// are %20: the SSP refuses what differs from the registration.
	provider string
	// origin is its scheme and authority, the scheme in lower case.
	origin string
	// host is its host in lower case.
	host  string
	route route
}

// resolver finds the target of a content.
type resolver struct {
	proxies      proxyHosts
	documents    documentBase
	allowPrivate bool
}

// resolve finds the provider's URL of a content, and how it is retrieved
// (NRL v3, attachment.url and retrieval mechanism).
func (r resolver) resolve(c nrl.Content) (target, error) {
	found, err := r.unwrap(c.URL)
	if err != nil {
		return target{}, err
	}
	way, err := routed(c, found.proxied)
	if err != nil {
		return target{}, err
	}
	if found.scheme == "http" && kindOf(c) != KindContact {
		return target{}, because(ErrURL, "a record is not fetched over http")
	}
	switch way {
	case inContext:
		return target{}, &InContextError{url: found.text}
	case largeDocument:
		err = r.documents.check(found, c.Mechanism)
	case direct:
		if !r.allowPrivate {
			err = publicHost(found.parts)
		}
	}
	if err != nil {
		return target{}, err
	}
	return target{provider: found.text, origin: found.scheme + "://" + found.authority, host: found.parts.host, route: way}, nil
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

package ssp

import "strings"

const (
	typePDF  = "application/pdf"
	typeHTML = "text/html"
	typeJSON = "application/json"
	typeXML  = "application/xml"
)

// aliases are media types that are one in the field (NRL codes page: JSON and
// its FHIR spellings), and likewise for XML.
var aliases = map[string]string{
	"application/fhir+json": typeJSON, "application/json+fhir": typeJSON, "text/json": typeJSON,
	"application/fhir+xml": typeXML, "application/xml+fhir": typeXML, "text/xml": typeXML,
}

// mediaType is a content type in lower case, without parameters.
func mediaType(s string) string {
	bare, _, _ := strings.Cut(s, ";")
	return strings.ToLower(strings.TrimSpace(bare))
}

// sameMedia compares two content types; an absent one is like no other.
func sameMedia(a, b string) bool {
	a, b = mediaType(a), mediaType(b)
	return a != "" && (a == b || canonical(a) == canonical(b))
}

func canonical(mt string) string {
	if c, ok := aliases[mt]; ok {
		return c
	}
	return mt
}

// fhir reports a media type of a FHIR resource.
func fhir(mt string) bool { return strings.Contains(mt, "fhir") }

// extension is the end of a file name for a media type.
func extension(mt string) string {
	switch canonical(mediaType(mt)) {
	case typePDF:
		return ".pdf"
	case typeHTML:
		return ".html"
	case typeJSON:
		return ".json"
	case typeXML:
		return ".xml"
	case "text/plain":
		return ".txt"
	}
	return ".bin"
}

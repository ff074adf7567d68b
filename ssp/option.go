package ssp

import "strconv"

// Option is a wish about one retrieval. Of several about the content, the
// last counts.
type Option interface{ apply(*wish) }

// wish is what the options come to.
type wish struct {
	preference Preference
	mediaType  string // with byType
	index      int    // with byIndex
	maxBytes   int64
	audience   string
	bad        string // why an option makes no sense
}

// Preference says which content of a pointer to retrieve. Without one it is
// a record in any format, PDF first. Only [Contact] and [Any] give contact
// details, and [Record.Kind] tells.
type Preference int

// The preferences. Where several contents fit, one through the SSP is taken
// before one called directly, then the first.
const (
	// PDF is a record in PDF.
	PDF Preference = iota + 1
	// HTML is a record in HTML.
	HTML
	// Any is a record in any format, PDF first; of a pointer that has no
	// record at all, contact details.
	Any
	// Contact is a page of contact details.
	Contact

	byType
	byIndex
)

func (p Preference) apply(w *wish) {
	if p < PDF || p > Contact {
		w.bad = "preference " + strconv.Itoa(int(p)) + " is none"
	}
	w.preference = p
}

type option func(*wish)

func (o option) apply(w *wish) { o(w) }

// ContentType is a preference for a record of that content type. Parameters
// and case do not matter, and FHIR spellings of JSON and XML are one.
func ContentType(mt string) Option {
	return option(func(w *wish) {
		w.preference, w.mediaType = byType, mediaType(mt)
		if w.mediaType == "" {
			w.bad = "the content type is empty"
		}
	})
}

// Content is a preference for the content of that index in the pointer,
// record or contact details.
func Content(index int) Option {
	return option(func(w *wish) { w.preference, w.index = byIndex, index })
}

// MaxBytes bounds the record, in bytes, in place of Config.MaxBytes.
func MaxBytes(n int64) Option {
	return option(func(w *wish) {
		if w.maxBytes = n; n <= 0 {
			w.bad = "MaxBytes is not positive"
		}
	})
}

// Audience is the JWT's aud claim, in place of Config.Audience.
func Audience(aud string) Option {
	return option(func(w *wish) {
		if w.audience = aud; aud == "" {
			w.bad = "the audience is empty"
		}
	})
}

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
	directory  Directory
	bad        string // why an option makes no sense
}

// Preference says which content of a pointer to retrieve; without one it is
// [Any]. [Record.Kind] tells a record from contact details.
type Preference int

// The preferences. Where several contents fit, one that can be retrieved is
// taken before one that opens in a browser or is faulty; then one through the
// SSP before one of Large Document Retrieval and one called directly; then a
// PDF; then the first.
const (
	// PDF is a record in PDF.
	PDF Preference = iota + 1
	// HTML is a record in HTML.
	HTML
	// Any is a record in any format, PDF first; of a pointer that has no
	// record at all, contact details. It is what no preference means.
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

// LookupIn is the Directory to ask for the provider's ASID, in place of
// Config.Directory: that of an [Encounter].
func LookupIn(d Directory) Option {
	return option(func(w *wish) {
		if w.directory = d; d == nil {
			w.bad = "the directory is nil"
		}
	})
}

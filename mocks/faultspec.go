package mocks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ErrFault is wrapped by the error for a fault that cannot be made.
var ErrFault = errors.New("no such fault")

// FaultSpec is a fault in JSON, for scenarios and the management port. Which
// members a kind reads is in the table of CONTRACT.md; others are ignored.
type FaultSpec struct {
	// Kind names the constructor in lower case with hyphens: "bare-fin" is
	// [BareFIN]. See [FaultKinds]. Required.
	Kind string `json:"kind"`
	// Service narrows it to one service, as [On] does; zero means every one.
	Service Service `json:"service,omitzero"`
	// Times bounds it, as [Times] does; 0 means without bound.
	Times int `json:"times,omitempty"`
	// Rate and Seed make it act on a share, as [Rate] does; 0 means each time.
	Rate float64 `json:"rate,omitempty"`
	Seed uint64  `json:"seed,omitempty"`

	// Status is an HTTP status, or the code of an alert.
	Status int `json:"status,omitempty"`
	// Bytes is a number of bytes, entries or levels.
	Bytes int64 `json:"bytes,omitempty"`
	// Every is a pause in the form of [time.ParseDuration].
	Every string `json:"every,omitempty"`
	// Value is a field's value, a form, a body or bytes.
	Value string `json:"value,omitempty"`
	// Values are those of several fields.
	Values []string `json:"values,omitempty"`
	// Type is a content type.
	Type string `json:"type,omitempty"`
	// URL is a target.
	URL string `json:"url,omitempty"`
}

// kinds make faults of specifications.
var kinds = map[string]func(FaultSpec) (Fault, error){
	"status": func(s FaultSpec) (Fault, error) {
		if s.Status < 200 || s.Status > 999 {
			return Fault{}, fmt.Errorf("%w: status is not 200 to 999", ErrFault)
		}
		return Status(s.Status), nil
	},
	"retry-after": func(s FaultSpec) (Fault, error) { return RetryAfter(s.Status, s.Value), nil },
	"throttle": func(s FaultSpec) (Fault, error) {
		form, err := parseRetryForm(s.Value)
		if err != nil {
			return Fault{}, fmt.Errorf("%w: value: %w", ErrFault, err)
		}
		return Throttle(form), nil
	},
	"html500":       plainKind(HTML500),
	"body":          func(s FaultSpec) (Fault, error) { return Body(s.Status, s.Type, s.Value), nil },
	"redirect":      func(s FaultSpec) (Fault, error) { return Redirect(s.URL), nil },
	"token-expired": plainKind(TokenExpired),
	"content-type":  func(s FaultSpec) (Fault, error) { return ContentType(s.Type), nil },
	"interim":       func(s FaultSpec) (Fault, error) { return Interim(int(s.Bytes)), nil },
	"huge-head":     func(s FaultSpec) (Fault, error) { return HugeHead(int(s.Bytes)), nil },

	"truncate":         sized(Truncate),
	"truncate-chunked": sized(TruncateChunked),
	"broken-chunk":     sized(BrokenChunk),
	"bare-fin":         sized(BareFIN),
	"close-delimited":  plainKind(CloseDelimited),
	"reset":            plainKind(Reset),
	"reset-after":      sized(ResetAfter),
	"hangup":           plainKind(Hangup),
	"stall":            plainKind(Stall),
	"stall-after":      sized(StallAfter),
	"delay":            paced(Delay),
	"slow-head":        paced(SlowHead),
	"drip": func(s FaultSpec) (Fault, error) {
		return paced(func(d time.Duration) Fault { return Drip(s.Bytes, d) })(s)
	},
	"length":              sized(Length),
	"lengths":             func(s FaultSpec) (Fault, error) { return Lengths(s.Values...), nil },
	"chunked-with-length": plainKind(ChunkedWithLength),
	"trailing":            func(s FaultSpec) (Fault, error) { return Trailing(s.Value), nil },
	"raw":                 func(s FaultSpec) (Fault, error) { return Raw(s.Value), nil },

	"gzip-bomb":        sized(GzipBomb),
	"huge":             sized(Huge),
	"deep-json":        sized(DeepJSON),
	"duplicate-key":    plainKind(DuplicateKey),
	"case-variant-key": plainKind(CaseVariantKey),
	"invalid-utf8":     plainKind(InvalidUTF8),
	"bom":              plainKind(BOM),
	"second-document":  plainKind(SecondDocument),

	"wrong-patient":    plainKind(WrongPatient),
	"superseded":       plainKind(Superseded),
	"unreadable-entry": plainKind(UnreadableEntry),
	"next-link":        func(s FaultSpec) (Fault, error) { return NextLink(s.URL), nil },
	"wrong-total":      func(s FaultSpec) (Fault, error) { return WrongTotal(int(s.Bytes)), nil },

	"alert":                     func(s FaultSpec) (Fault, error) { return Alert(uint8(s.Status)), nil },
	"plain-text":                func(s FaultSpec) (Fault, error) { return PlainText(s.Value), nil },
	"handshake-reset":           plainKind(HandshakeReset),
	"handshake-hangup":          plainKind(HandshakeHangup),
	"handshake-stall":           plainKind(HandshakeStall),
	"expired-certificate":       plainKind(ExpiredCertificate),
	"not-yet-valid-certificate": plainKind(NotYetValidCertificate),
	"wrong-name-certificate":    plainKind(WrongNameCertificate),
	"common-name-certificate":   plainKind(CommonNameCertificate),
	"revoked-certificate":       plainKind(RevokedCertificate),
	"self-signed-certificate":   plainKind(SelfSignedCertificate),
	"weak-certificate":          plainKind(WeakCertificate),
}

func plainKind(f func() Fault) func(FaultSpec) (Fault, error) {
	return func(FaultSpec) (Fault, error) { return f(), nil }
}

func sized(f func(n int64) Fault) func(FaultSpec) (Fault, error) {
	return func(s FaultSpec) (Fault, error) { return f(s.Bytes), nil }
}

func paced(f func(time.Duration) Fault) func(FaultSpec) (Fault, error) {
	return func(s FaultSpec) (Fault, error) {
		d, err := time.ParseDuration(s.Every)
		if err != nil || d < 0 {
			return Fault{}, fmt.Errorf("%w: every is no duration such as 50ms", ErrFault)
		}
		return f(d), nil
	}
}

// FaultKinds are the kinds that a [FaultSpec] can have, sorted.
func FaultKinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Fault makes the fault. An error wraps [ErrFault].
func (s FaultSpec) Fault() (Fault, error) {
	build, ok := kinds[s.Kind]
	if !ok {
		return Fault{}, fmt.Errorf("%w: the kind is unknown", ErrFault)
	}
	if s.Times < 0 || s.Rate < 0 || s.Rate > 1 {
		return Fault{}, fmt.Errorf("%w: times is negative or rate is not 0 to 1", ErrFault)
	}
	f, err := build(s)
	if err != nil {
		return Fault{}, fmt.Errorf("%s: %w", s.Kind, err)
	}
	if s.Times > 0 {
		f = Times(s.Times, f)
	}
	if s.Rate > 0 {
		f = Rate(s.Rate, s.Seed, f)
	}
	return On(s.Service, f), nil
}

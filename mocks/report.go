package mocks

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DutyStatus is what the traffic says of a duty.
type DutyStatus string

// The statuses.
const (
	// Violated: it was broken at least once, whatever else was shown.
	Violated DutyStatus = "violated"
	// Shown: it was judged and never broken.
	Shown DutyStatus = "shown"
	// Untouched: nothing that was sent lets it be judged.
	Untouched DutyStatus = "untouched"
)

// Duty is a rule for consumers and what the traffic showed of it.
type Duty struct {
	// ID names it, in lower case with hyphens; it does not change.
	ID string `json:"id"`
	// Rule is the duty in a sentence.
	Rule string `json:"rule"`
	// Page is where the rule comes from.
	Page string `json:"page"`
	// Status sums up Shown and Broken.
	Status DutyStatus `json:"status"`
	// Shown is how often it was judged and kept, Broken how often it was not.
	Shown  int `json:"shown"`
	Broken int `json:"broken"`
	// Notes are examples of what broke it, identifiers masked, or why it was
	// not touched.
	Notes []string `json:"notes,omitempty"`
}

// Totals count duties by their status.
type Totals struct {
	Shown     int `json:"shown"`
	Violated  int `json:"violated"`
	Untouched int `json:"untouched"`
}

// Figure is a count of something.
type Figure struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Report says of each duty of a consumer whether the traffic since the start,
// or since [Spine.Forget] or [Spine.Reset], showed it. NHS numbers, ASIDs, URLs
// and tokens are masked in it. It is evidence for an assessor, no assessment.
type Report struct {
	// Made is when, Since from when, by the mock's clock.
	Made  time.Time `json:"made"`
	Since time.Time `json:"since"`
	// Total and Requests count requests, those for lists of revocation too.
	Total    int      `json:"total"`
	Requests []Figure `json:"requests"`
	// Answers count them by HTTP status; "none" was not answered.
	Answers []Figure `json:"answers"`
	// Refused counts handshakes that failed, Versions and Suites those that
	// succeeded.
	Refused  int      `json:"refusedHandshakes"`
	Versions []Figure `json:"versions"`
	Suites   []Figure `json:"suites"`
	// Faults count the faults that acted on answers, by their kind.
	Faults []Figure `json:"faults"`
	// Totals count the duties.
	Totals Totals `json:"totals"`
	// Duties are all of them, in the order of the rules.
	Duties []Duty `json:"duties"`
}

// Report makes a report of the traffic so far.
func (s *Spine) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally
	r := Report{
		Made: s.options.now().UTC().Truncate(time.Second), Since: t.since.UTC().Truncate(time.Second), Refused: t.refused,
		Requests: counted(t.requests, Service.String), Answers: counted(t.statuses, answerName),
		Versions: counted(t.versions, versionName), Suites: counted(t.suites, suiteName),
		Faults: counted(t.faults, func(name string) string { return name }),
	}
	for _, n := range t.requests {
		r.Total += n
	}
	for d := duty(1); d < dutyEnd; d++ {
		r.Duties = append(r.Duties, t.duty(d))
	}
	for _, d := range unseen {
		r.Duties = append(r.Duties, Duty{ID: d.id, Rule: d.rule, Page: d.page, Status: Untouched, Notes: []string{"no traffic shows it: other evidence is needed"}})
	}
	for _, d := range r.Duties {
		switch d.Status {
		case Shown:
			r.Totals.Shown++
		case Violated:
			r.Totals.Violated++
		case Untouched:
			r.Totals.Untouched++
		}
	}
	return r
}

// duty is what the traffic showed of one.
func (t *tally) duty(d duty) Duty {
	f := t.figures[d]
	out := Duty{ID: duties[d].id, Rule: duties[d].rule, Page: duties[d].page, Status: Untouched, Shown: f.shown, Broken: f.broken, Notes: slices.Clone(f.examples)}
	switch {
	case f.broken > 0:
		out.Status = Violated
	case f.shown > 0:
		out.Status = Shown
	case d == dutyTLSAll && len(t.offered) > 0:
		all := 0
		for id := range t.offered {
			all += len(inOrder([]uint16{id}))
		}
		out.Notes = []string{fmt.Sprintf("no handshake offered all eight; %d of them were offered in all, so support of the others was not seen", all)}
	}
	return out
}

// counted are the figures of a count, by their keys.
func counted[K cmp.Ordered](counts map[K]int, name func(K) string) []Figure {
	keys := make([]K, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	figures := make([]Figure, 0, len(keys))
	for _, k := range keys {
		figures = append(figures, Figure{name(k), counts[k]})
	}
	return figures
}

func answerName(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status)
}

func versionName(v uint16) string {
	if v == 0 {
		return "no TLS"
	}
	return tls.VersionName(v)
}

func suiteName(id uint16) string {
	if id == 0 {
		return "no TLS"
	}
	return tls.CipherSuiteName(id)
}

// Violated are the duties that were broken.
func (r Report) Violated() []Duty {
	return slices.DeleteFunc(slices.Clone(r.Duties), func(d Duty) bool { return d.Status != Violated })
}

// JSON is the report as an object, indented.
func (r Report) JSON() ([]byte, error) { return json.MarshalIndent(r, "", "  ") }

// Text is the report for a terminal.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Conformance report of %s\n", r.Made.Format(time.RFC3339))
	fmt.Fprintf(&b, "Traffic since %s: %d requests, %d handshakes refused\n\n", r.Since.Format(time.RFC3339), r.Total, r.Refused)
	fmt.Fprintf(&b, "%d duties shown, %d violated, %d untouched\n", r.Totals.Shown, r.Totals.Violated, r.Totals.Untouched)
	for _, status := range []DutyStatus{Violated, Shown, Untouched} {
		fmt.Fprintf(&b, "\n%s\n", strings.ToUpper(string(status)))
		for _, d := range r.Duties {
			if d.Status != status {
				continue
			}
			fmt.Fprintf(&b, "  %-20s %s (%s)", d.ID, d.Rule, d.Page)
			if status != Untouched {
				fmt.Fprintf(&b, ": kept %d, broken %d", d.Shown, d.Broken)
			}
			b.WriteByte('\n')
			for _, note := range d.Notes {
				fmt.Fprintf(&b, "  %-20s - %s\n", "", note)
			}
		}
	}
	for _, part := range []struct {
		name    string
		figures []Figure
	}{{"Requests", r.Requests}, {"Answers", r.Answers}, {"TLS versions", r.Versions}, {"Cipher suites", r.Suites}, {"Faults", r.Faults}} {
		fmt.Fprintf(&b, "\n%s:", part.name)
		for _, f := range part.figures {
			fmt.Fprintf(&b, " %s %d", f.Name, f.Count)
		}
		if len(part.figures) == 0 {
			b.WriteString(" none")
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// What a report must not hold: the patterns of identifiers.
var identifiers = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`(?i)https?(://|%3A)\S*`), "[URL]"},
	{regexp.MustCompile(`(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\S*`), "[id]"},
	{regexp.MustCompile(`[A-Za-z0-9+/=_.-]{48,}`), "[token]"},
	{regexp.MustCompile(`\d[\d ]{3,}\d`), "[number]"},
}

const maxNote = 200

// masked is a text without identifiers, cut to a bearable length.
func masked(text string) string {
	for _, i := range identifiers {
		text = i.pattern.ReplaceAllString(text, i.mask)
	}
	if runes := []rune(text); len(runes) > maxNote {
		text = string(runes[:maxNote]) + " …"
	}
	return text
}

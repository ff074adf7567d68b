package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
)

// ErrEntry is wrapped by the error of WriteAudit for an entry that cannot be
// a line: another kind than the three, no call id, a user who is two, a year
// past 9999, a negative count, or more than 256 MiB.
var ErrEntry = errors.New("entry cannot be kept")

// maxLine bounds a line, in writing and in reading. A body of the default
// limit stays under it even when each byte needs six.
const maxLine = 256 << 20

// timeForm has a fixed width, so that texts sort as times do.
const timeForm = "2006-01-02T15:04:05.000000000Z"

// member is one member of a line, both ways. get gives nil for a value that
// is absent, else a string or an int64; set refuses what get cannot give.
type member struct {
	name string
	must bool
	get  func(*spine.AuditEntry) any
	set  func(*spine.AuditEntry, any) bool
}

// members is the line, in order: the table of the package documentation.
var members = []member{
	{"v", true, func(*spine.AuditEntry) any { return int64(1) }, func(_ *spine.AuditEntry, v any) bool { return v == int64(1) }},
	{"kind", true, func(e *spine.AuditEntry) any { return string(e.Kind) }, setKind},
	text("call_id", true, func(e *spine.AuditEntry) *string { return &e.CallID }),
	count("attempt", func(e *spine.AuditEntry) *int { return &e.Attempt }),
	{"time", true, func(e *spine.AuditEntry) any { return e.Time.UTC().Format(timeForm) }, setTime},
	text("op", false, func(e *spine.AuditEntry) *spine.Op { return &e.Op }),
	{"service", true, func(e *spine.AuditEntry) any { return serviceName(e.Service) }, setService},
	text("action", false, func(e *spine.AuditEntry) *string { return &e.Action }),
	identifier("from_asid", func(e *spine.AuditEntry) *nhs.ASID { return &e.Requester.ASID }, nhs.ASID.Digits, nhs.ParseASID),
	identifier("ods_code", func(e *spine.AuditEntry) *nhs.ODSCode { return &e.Requester.Organisation }, nhs.ODSCode.Code, nhs.ParseODSCode),
	{"user", true, func(e *spine.AuditEntry) any { return userKind(e.Requester.User) }, func(_ *spine.AuditEntry, v any) bool { _, ok := v.(string); return ok }},
	identifier("user_id", func(e *spine.AuditEntry) *nhs.RoleProfileID { return &e.Requester.User.RoleProfile }, nhs.RoleProfileID.Digits, nhs.ParseRoleProfileID),
	number("citizen_nhs_number", func(e *spine.AuditEntry) *nhs.Number { return &e.Requester.User.Citizen }),
	number("delegate_nhs_number", func(e *spine.AuditEntry) *nhs.Number { return &e.Requester.User.Delegate }),
	identifier("to_asid", func(e *spine.AuditEntry) *nhs.ASID { return &e.To }, nhs.ASID.Digits, nhs.ParseASID),
	text("verb", false, func(e *spine.AuditEntry) *string { return &e.Verb }),
	text("url", false, func(e *spine.AuditEntry) *string { return &e.URL }),
	text("record_url", false, func(e *spine.AuditEntry) *string { return &e.RecordURL }),
	number("nhs_number", func(e *spine.AuditEntry) *nhs.Number { return &e.Patient }),
	text("pointer_id", false, func(e *spine.AuditEntry) *string { return &e.PointerID }),
	text("trace_id", false, func(e *spine.AuditEntry) *string { return &e.TraceID }),
	text("engine", false, func(e *spine.AuditEntry) *string { return &e.Engine }),
	text("tls_version", false, func(e *spine.AuditEntry) *string { return &e.TLSVersion }),
	text("cipher_suite", false, func(e *spine.AuditEntry) *string { return &e.CipherSuite }),
	text("note", false, func(e *spine.AuditEntry) *string { return &e.Note }),
	count("status", func(e *spine.AuditEntry) *int { return &e.Status }),
	{"body", false, getBody, setBody},
	{"body_base64", false, getBody64, setBody64},
	count("bytes", func(e *spine.AuditEntry) *int64 { return &e.Bytes }),
	text("outcome", false, func(e *spine.AuditEntry) *string { return &e.Outcome }),
}

// encode gives e as a line, its line feed included.
func encode(e *spine.AuditEntry) ([]byte, error) {
	if why := unfit(e); why != "" {
		return nil, fmt.Errorf("audit: %w: %s", ErrEntry, why)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // a URL stays readable
	sep := byte('{')
	for _, m := range members {
		v := m.get(e)
		if v == nil {
			continue
		}
		b.WriteByte(sep)
		sep = ','
		b.WriteString(strconv.Quote(m.name) + ":")
		if err := enc.Encode(v); err != nil {
			return nil, fmt.Errorf("audit: %w: member %s", ErrEntry, m.name)
		}
		b.Truncate(b.Len() - 1) // the encoder ends a value with a line feed
		if b.Len() > maxLine-2 {
			return nil, fmt.Errorf("audit: %w: it is too large", ErrEntry)
		}
	}
	b.WriteString("}\n")
	return b.Bytes(), nil
}

// unfit says why e cannot be a line, "" when it can.
func unfit(e *spine.AuditEntry) string {
	u, year := e.Requester.User, e.Time.UTC().Year()
	switch {
	case !setKind(&spine.AuditEntry{}, string(e.Kind)):
		return "its kind is none of the three"
	case e.CallID == "":
		return "it has no call id"
	case year < 0 || year > 9999:
		return "its time has no four-digit year"
	case e.Attempt < 0 || e.Status < 0 || e.Bytes < 0:
		return "a count is negative"
	case !u.RoleProfile.IsZero() && (!u.Citizen.IsZero() || !u.Delegate.IsZero()):
		return "its user is both a professional and a citizen"
	case u.Citizen.IsZero() && !u.Delegate.IsZero():
		return "its delegate acts for no citizen"
	}
	return ""
}

// text is a member that is absent when it is empty. What is not UTF-8 comes
// out of the encoder as U+FFFD.
func text[S ~string](name string, must bool, field func(*spine.AuditEntry) *S) member {
	return member{
		name, must,
		func(e *spine.AuditEntry) any {
			if s := *field(e); s != "" {
				return string(s)
			}
			return nil
		},
		func(e *spine.AuditEntry, v any) bool {
			s, ok := v.(string)
			*field(e) = S(s)
			return ok && s != ""
		},
	}
}

// count is a member that is absent when it is 0.
func count[N int | int64](name string, field func(*spine.AuditEntry) *N) member {
	return member{
		name, false,
		func(e *spine.AuditEntry) any {
			if n := *field(e); n != 0 {
				return int64(n)
			}
			return nil
		},
		func(e *spine.AuditEntry, v any) bool {
			n, ok := v.(int64)
			*field(e) = N(n)
			return ok && n > 0 && (n <= math.MaxInt32 || name == "bytes")
		},
	}
}

// identifier is a member that is absent when the identifier is.
func identifier[T interface{ IsZero() bool }](name string, field func(*spine.AuditEntry) *T, text func(T) string, parse func(string) (T, error)) member {
	return member{
		name, false,
		func(e *spine.AuditEntry) any {
			if id := *field(e); !id.IsZero() {
				return text(id)
			}
			return nil
		},
		func(e *spine.AuditEntry, v any) bool {
			s, ok := v.(string)
			id, err := parse(s)
			*field(e) = id
			return ok && err == nil && text(id) == s
		},
	}
}

func number(name string, field func(*spine.AuditEntry) *nhs.Number) member {
	return identifier(name, field, nhs.Number.Digits, nhs.ParseNumber)
}

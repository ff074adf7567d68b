package audit

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
)

func setKind(e *spine.AuditEntry, v any) bool {
	s, _ := v.(string)
	e.Kind = spine.AuditKind(s)
	return e.Kind == spine.AuditRequest || e.Kind == spine.AuditResponse || e.Kind == spine.AuditEnd
}

func setTime(e *spine.AuditEntry, v any) bool {
	s, _ := v.(string)
	t, err := time.Parse(timeForm, s)
	e.Time = t
	return err == nil && t.Format(timeForm) == s
}

var serviceNames = map[spine.Service]string{spine.NRL: "NRL", spine.SSP: "SSP", spine.Public: "public"}

// serviceName is a name, or "service N" for one that this table lacks: a
// line is never lost for want of a word.
func serviceName(s spine.Service) string {
	if name, ok := serviceNames[s]; ok {
		return name
	}
	return "service " + strconv.Itoa(int(s))
}

func setService(e *spine.AuditEntry, v any) bool {
	s, _ := v.(string)
	for service, name := range serviceNames {
		if s == name {
			e.Service = service
			return true
		}
	}
	digits, ok := strings.CutPrefix(s, "service ")
	n, err := strconv.Atoi(digits)
	e.Service = spine.Service(n)
	return ok && err == nil && serviceName(e.Service) == s
}

// userKind says in a word what the other members say by being there, because
// an audit must name unattended access.
func userKind(u auth.User) string {
	switch {
	case !u.RoleProfile.IsZero():
		return "professional"
	case !u.Delegate.IsZero():
		return "delegate"
	case !u.Citizen.IsZero():
		return "citizen"
	}
	return "unattended"
}

func getBody(e *spine.AuditEntry) any {
	if e.Body == nil || !utf8.Valid(e.Body) {
		return nil
	}
	return string(e.Body)
}

func setBody(e *spine.AuditEntry, v any) bool {
	s, ok := v.(string)
	e.Body = []byte(s)
	return ok
}

func getBody64(e *spine.AuditEntry) any {
	if utf8.Valid(e.Body) {
		return nil
	}
	return base64.StdEncoding.EncodeToString(e.Body)
}

func setBody64(e *spine.AuditEntry, v any) bool {
	s, ok := v.(string)
	body, err := base64.StdEncoding.Strict().DecodeString(s)
	double := e.Body != nil
	e.Body = body
	return ok && err == nil && !double && !utf8.Valid(body)
}

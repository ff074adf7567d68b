package nhs

type (
	asidLabel struct{}
	odsLabel  struct{}
	roleLabel struct{}
)

func (asidLabel) label() string { return "ASID" }
func (odsLabel) label() string  { return "ODS code" }
func (roleLabel) label() string { return "role profile id" }

// ASID is an accredited system id, issued for one system at one organisation:
// twelve digits. The zero value means absent.
type ASID struct{ masked[asidLabel] }

// ParseASID reads twelve digits. Its error wraps [ErrInvalid].
func ParseASID(s string) (ASID, error) {
	if !digitsOnly(s, 12, 12) {
		return ASID{}, invalid[asidLabel]("want twelve digits")
	}
	return ASID{newMasked[asidLabel](s)}, nil
}

// MustParseASID is ParseASID for literals; it panics on a wrong one.
func MustParseASID(s string) ASID { return must(ParseASID(s)) }

// Digits is the ASID itself, twelve digits, or "" when absent.
func (a ASID) Digits() string { return a.value() }

// Equal reports whether both are the same ASID or both absent.
func (a ASID) Equal(o ASID) bool { return a == o }

// ODSCode is an organisation's code in the Organisation Data Service: one to
// twelve capital letters and digits. The zero value means absent.
type ODSCode struct{ masked[odsLabel] }

// ParseODSCode reads one to twelve characters of A-Z and 0-9. Its error wraps
// [ErrInvalid].
func ParseODSCode(s string) (ODSCode, error) {
	if len(s) < 1 || len(s) > 12 {
		return ODSCode{}, invalid[odsLabel]("want 1 to 12 characters")
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return ODSCode{}, invalid[odsLabel]("want capital letters and digits only")
		}
	}
	return ODSCode{newMasked[odsLabel](s)}, nil
}

// MustParseODSCode is ParseODSCode for literals; it panics on a wrong one.
func MustParseODSCode(s string) ODSCode { return must(ParseODSCode(s)) }

// Code is the ODS code itself, or "" when absent.
func (o ODSCode) Code() string { return o.value() }

// Equal reports whether both are the same code or both absent.
func (o ODSCode) Equal(p ODSCode) bool { return o == p }

// RoleProfileID is the SDS role profile id of a professional, which stands
// for the user and the RBAC role: 1 to 20 digits. The zero value means absent.
type RoleProfileID struct{ masked[roleLabel] }

// ParseRoleProfileID reads 1 to 20 digits. Its error wraps [ErrInvalid].
func ParseRoleProfileID(s string) (RoleProfileID, error) {
	if !digitsOnly(s, 1, 20) {
		return RoleProfileID{}, invalid[roleLabel]("want 1 to 20 digits")
	}
	return RoleProfileID{newMasked[roleLabel](s)}, nil
}

// MustParseRoleProfileID is ParseRoleProfileID for literals; it panics on a
// wrong one.
func MustParseRoleProfileID(s string) RoleProfileID { return must(ParseRoleProfileID(s)) }

// Digits is the id itself, or "" when absent.
func (r RoleProfileID) Digits() string { return r.value() }

// Equal reports whether both are the same id or both absent.
func (r RoleProfileID) Equal(o RoleProfileID) bool { return r == o }

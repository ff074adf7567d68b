// Package nhs holds the identifiers of the NHS as values that cannot be wrong:
// [Number] (a patient), [ODSCode] (an organisation), [ASID] (an accredited
// system) and [RoleProfileID] (a professional in a role).
//
// Each is parsed once, by its Parse function; MustParse is for literals in
// programs and tests only. The values are comparable, so they serve as map
// keys and with ==, and the zero value means "absent".
//
// They hide themselves: fmt with any verb, log/slog and encoding/json show a
// mask such as "NHS number (hidden)", also from inside other structs, and as
// keys of a JSON map they fail loudly. The one way out is the Digits method
// (Code for an ODS code), which shows in a review where an identifier leaves.
// Code that follows unexported pointers by reflection gets past the mask:
// go-cmp does in the diff of a failed test, so test with invented identifiers.
//
// The package does not know whether an identifier was issued, nor whether a
// patient was traced: an NHS number must have been verified with PDS by the
// embedding system before it is used (NRL search page).
package nhs

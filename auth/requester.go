package auth

import (
	"errors"

	"github.com/nrlgo/nrlgo/auth/nhs"
)

// ErrRequester is wrapped by the error of [Requester.Check].
var ErrRequester = errors.New("requester incomplete")

// Requester says who asks and for which organisation. Every call to Spine is
// made for one: it fills the audit trail, the JWT and the fromASID and
// Ssp-From headers. It is a comparable value without secrets of its own;
// making one costs nothing.
type Requester struct {
	// Organisation is the ODS code of the organisation that the originating
	// user works for, also in hosted and portal systems. Required.
	Organisation nhs.ODSCode
	// ASID is the consumer system's ASID for that organisation. Required.
	ASID nhs.ASID
	// User is the professional or citizen who asks. Required for Spine.
	User User
}

// Check reports every missing part at once; the error wraps [ErrRequester].
func (r Requester) Check() error {
	var missing []error
	if r.Organisation.IsZero() {
		missing = append(missing, errors.New("the organisation's ODS code is missing"))
	}
	if r.ASID.IsZero() {
		missing = append(missing, errors.New("the ASID is missing"))
	}
	switch {
	case r.User.IsZero():
		missing = append(missing, errors.New("the user is missing: Spine serves no unattended consumer"))
	case !r.User.RoleProfile.IsZero() && r.User != Professional(r.User.RoleProfile):
		missing = append(missing, errors.New("the user is both a professional and a citizen"))
	case r.User.RoleProfile.IsZero() && r.User.Citizen.IsZero():
		missing = append(missing, errors.New("the delegate acts for no citizen"))
	case !r.User.Delegate.IsZero() && r.User.Delegate == r.User.Citizen:
		missing = append(missing, errors.New("the delegate is the citizen"))
	}
	if len(missing) == 0 {
		return nil
	}
	return errors.Join(append([]error{ErrRequester}, missing...)...)
}

// User is a professional or a citizen; make one with [Professional],
// [Citizen] or [CitizenDelegate]. The zero value is nobody.
type User struct {
	// RoleProfile is the professional's SDS role profile id, which stands for
	// the user and the RBAC role. Absent for a citizen.
	RoleProfile nhs.RoleProfileID
	// Citizen is the NHS number of the patient who reads their own record.
	// Absent for a professional.
	Citizen nhs.Number
	// Delegate is the NHS number of the person acting for Citizen, if any.
	Delegate nhs.Number
}

// Professional is a health professional in a role (reason directcare).
func Professional(id nhs.RoleProfileID) User { return User{RoleProfile: id} }

// Citizen is a patient reading their own record (reason patientaccess).
func Citizen(n nhs.Number) User { return User{Citizen: n} }

// CitizenDelegate is a person acting for a patient. Without a delegate it is
// nobody, not the patient.
func CitizenDelegate(patient, delegate nhs.Number) User {
	if delegate.IsZero() {
		return User{}
	}
	return User{Citizen: patient, Delegate: delegate}
}

// IsZero reports whether the user is nobody.
func (u User) IsZero() bool { return u == User{} }

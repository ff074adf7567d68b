package fhirtext

import "strings"

// vocabulary are the names that this project reads, or must not overlook. A
// name that equals one of them but for case is refused: readers that ignore
// case would take it, and ours would show the other value or none.
var vocabulary = strings.Fields(`
	resourceType id meta versionId version lastUpdated profile implicitRules
	extension modifierExtension url valueCodeableConcept valueCoding valueCode contained resource
	masterIdentifier identifier status docStatus type class category subject
	indexed created date author authenticator custodian relatesTo code target
	description securityLabel content attachment contentType size hash title
	creation format context period start end practiceSetting related reference
	coding system value display text
	entry fullUrl search mode link relation total
	issue severity details diagnostics expression`)

var exact, folded = func() (map[string]bool, map[string]bool) {
	e, f := map[string]bool{}, map[string]bool{}
	for _, name := range vocabulary {
		e[name], f[strings.ToLower(name)] = true, true
	}
	return e, f
}()

// checkType judges the name of a resource.
func checkType(name string) error {
	for i := range len(name) {
		if c := name[i]; (c < 'A' || c > 'Z') && (i == 0 || c < 'a' || c > 'z') {
			return malformed("a resource's name is none of FHIR's")
		}
	}
	if name == "" {
		return malformed("a resource has no name")
	}
	return nil
}

// holdsResource reports an element that a resource may be in.
func holdsResource(name string) bool { return name == "resource" || name == "contained" }

// checkName judges the name of an element: FHIR's are ASCII letters and
// digits and begin with a small letter; JSON has "_" before some.
func checkName(name string) error {
	if exact[name] {
		return nil
	}
	bare := strings.TrimPrefix(name, "_")
	if bare == "" || bare[0] < 'a' || bare[0] > 'z' {
		return malformed("an element's name is none of FHIR's")
	}
	for i := range len(bare) {
		c := bare[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return malformed("an element's name is none of FHIR's")
		}
	}
	if !exact[bare] && folded[strings.ToLower(bare)] {
		return malformed("an element's name differs from FHIR's in case")
	}
	return nil
}

// Package fhirtext reads FHIR resources from JSON and from XML into one tree.
// Packages nrl (pointers) and spine (OperationOutcomes) stand on it; programs
// have no need of it.
//
// It is strict, because a lenient reader shows a text that another one reads
// in another way. Refused are: text that is not UTF-8, halves of a surrogate
// pair, members twice in an object, attributes twice in an element, names that
// differ from FHIR's in case only or have other letters, a resource anywhere
// but at the top or in resource and contained, a second document behind the
// first, more than 48 levels or a million elements, document type
// declarations, processing instructions, entities beyond the five of XML, text
// between elements, and namespaces other than FHIR's or none. One byte order
// mark at the beginning is skipped, and so is the XHTML of an XML narrative.
//
// It knows the syntax of FHIR and not its resources: what is mandatory, what
// may occur once only, and what a code means, is the business of its callers.
//
//	d, err := fhirtext.Parse(body)
//	d.Root().Type()                           // "Bundle"
//	for entry := range d.Root().All("entry") { // one or an array of them, JSON or XML
//		id, ok := entry.Child("resource").Child("id").Text()
//	}
//
// No error of this package holds anything of the text.
package fhirtext

package nrl

// SystemSNOMED is the system of most pointer types.
const SystemSNOMED = "http://snomed.info/sct"

// Types of pointers that NRL 2.x publishes, for [Query.Type]. The list is
// open: it grows, and an unknown type is passed on, never refused (NRL codes
// page).
var (
	MentalHealthCrisisPlan     = snomed("736253002", "Mental health crisis plan")
	EmergencyHealthCarePlan    = snomed("887701000000100", "Emergency health care plan")
	EndOfLifeCareCoordination  = snomed("861421000000109", "End of life care coordination summary")
	EndOfLifeCarePlan          = snomed("736373009", "End of life care plan")
	ReSPECTForm                = snomed("1382601000000107", "ReSPECT (Recommended Summary Plan for Emergency Care and Treatment) form")
	ContingencyPlan            = snomed("325691000000100", "Contingency plan")
	TreatmentEscalationPlan    = snomed("735324008", "Treatment escalation plan")
	AdvanceCarePlan            = snomed("736366004", "Advance care plan")
	NationalEarlyWarningScore2 = snomed("1363501000000100", "Royal College of Physicians NEWS2 (National Early Warning Score 2) chart")
)

func snomed(code, display string) Coding { return Coding{SystemSNOMED, code, display} }

// Codes of [Content.Format] (NRL format codes).
const (
	FormatContact      = "urn:nhs-ic:record-contact" // contact details, a public page
	FormatUnstructured = "urn:nhs-ic:unstructured"   // a document
	FormatStructured   = "urn:nhs-ic:structured"     // FHIR resources (v3)
)

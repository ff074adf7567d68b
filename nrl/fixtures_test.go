package nrl_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/spine"
	"github.com/nrlgo/nrlgo/nrl"
)

// fixture reads a published example, which is no part of the project.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("NRL_FIXTURES")
	if dir == "" {
		t.Skip("NRL_FIXTURES is not set: the published examples are not part of the project")
	}
	text, err := os.ReadFile(filepath.Join(dir, "nrl-stu3", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// publishedPointer is what all the published examples have in common.
func publishedPointer(t *testing.T) nrl.Pointer {
	t.Helper()
	return nrl.Pointer{
		Profiles:        []string{"https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1"},
		Status:          nrl.StatusCurrent,
		Type:            nrl.MentalHealthCrisisPlan,
		Category:        nrl.Coding{System: nrl.SystemSNOMED, Code: "734163000", Display: "Care plan"},
		Patient:         nhs.MustParseNumber("9876543210"),
		Author:          nhs.MustParseODSCode("RGD"),
		Custodian:       nhs.MustParseODSCode("RR8"),
		Indexed:         instant(t, "2016-03-08T15:26:01+01:00"),
		Period:          nrl.Period{Start: instant(t, "2016-03-07T13:34:00+01:00")},
		PracticeSetting: nrl.Coding{System: nrl.SystemSNOMED, Code: "708168004", Display: "Mental health service"},
		Contents:        []nrl.Content{publishedContent(t, "application/pdf", "https://p1.nhs.uk/MentalhealthCrisisPlanReport.pdf", nrl.FormatUnstructured, "Unstructured Document")},
	}
}

func publishedContent(t *testing.T, contentType, url, format, display string) nrl.Content {
	t.Helper()
	return nrl.Content{
		ContentType: contentType, URL: url, Stability: nrl.StabilityStatic, Created: instant(t, "2016-03-08T15:26:00+01:00"),
		Format: nrl.Coding{System: "https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1", Code: format, Display: display},
	}
}

func TestPublishedPointersReadAsTheyShould(t *testing.T) {
	t.Parallel()
	replaced := func(p *nrl.Pointer) {
		p.MasterIdentifier = nrl.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:oid:1.3.6.1.4.1.21367.2005.3.7"}
		p.Replaces = nrl.Reference{Identifier: nrl.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:oid:1.3.6.1.4.1.21367.2005.3.6"}}
	}
	for file, change := range map[string]func(*nrl.Pointer){
		"create_documentreference_resource.json": func(p *nrl.Pointer) {
			p.ID = "c037a0cb-0c77-4976-83a1-a5d2703e6aa3-23325861873450086113"
		},
		"create_documentreference_resource.xml": func(p *nrl.Pointer) {
			p.ID = "c037a0cb-0c77-4976-83a1-a5d2703e6aa3-23325861873450086113"
		},
		"read_response.xml": func(p *nrl.Pointer) {
			replaced(p)
			p.ID, p.VersionID = "0353e505-f7be-4c20-8f4e-337e79a32c51-76009894321256642261", "1"
			p.LastUpdated = instant(t, "2016-03-08T15:26:00+01:00")
		},
		"retrieval_multiple_formats.json": multipleFormats(t, replaced),
		"retrieval_multiple_formats.xml": func(p *nrl.Pointer) {
			multipleFormats(t, replaced)(p)
			p.VersionID, p.LastUpdated = "1", instant(t, "2016-03-08T15:26:00+01:00")
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			got, err := nrl.ParsePointer(fixture(t, file))
			if err != nil {
				t.Fatal(err)
			}
			want := publishedPointer(t)
			change(&want)
			if diff := cmp.Diff(want, got, valuesOnly); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := got.FHIR(); err != nil {
				t.Errorf("FHIR: %v", err)
			}
		})
	}
}

func multipleFormats(t *testing.T, replaced func(*nrl.Pointer)) func(*nrl.Pointer) {
	t.Helper()
	return func(p *nrl.Pointer) {
		replaced(p)
		p.ID = "0353e505-f7be-4c20-8f4e-337e79a32c51-76009894321256642261"
		p.Contents = append(p.Contents, publishedContent(t, "text/html", "https://p1.nhs.uk/MentalhealthCrisisTeam",
			nrl.FormatContact, "Contact details (HTTP Unsecured)"))
	}
}

// A producer's request to supersede is no pointer yet: the locator gives the id.
func TestPublishedRequestsOfProducersHaveNoID(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"identifier.json", "identifier.xml", "reference.json", "reference.xml"} {
		_, err := nrl.ParsePointer(fixture(t, "supersede_documentreference_resource_"+name))
		if !errors.Is(err, nrl.ErrMalformed) || !strings.Contains(err.Error(), "id is missing") {
			t.Errorf("%s: got %v, want a missing id", name, err)
		}
	}
}

func TestPublishedOutcomesAreNoPointers(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]string{"create": "RESOURCE_CREATED", "update": "RESOURCE_UPDATED", "delete": "RESOURCE_DELETED"} {
		for _, syntax := range []string{".json", ".xml"} {
			text := fixture(t, name+"_response"+syntax)
			if _, err := nrl.ParsePointer(text); !errors.Is(err, nrl.ErrUnexpectedResource) {
				t.Errorf("%s%s: got %v, want an unexpected resource", name, syntax, err)
			}
			o, err := spine.ParseOutcome(text)
			if err != nil || o.SpineCode() != code {
				t.Errorf("%s%s: got %v, %v, want %s", name, syntax, o, err, code)
			}
		}
	}
}

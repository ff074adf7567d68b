package audit_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/auth/nhs"
	"github.com/nrlgo/nrlgo/client/audit"
	"github.com/nrlgo/nrlgo/client/spine"
)

// entry is what package spine writes before a search is sent.
var entry = spine.AuditEntry{
	Kind: spine.AuditRequest, CallID: "7d0b3c0e-0f7e-4b5e-9d35-3f7a1d2f9a10", Attempt: 1,
	Time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Op: spine.OpSearch, Service: spine.NRL, Action: "view pointer",
	Requester: auth.Requester{
		Organisation: nhs.MustParseODSCode("RXQ72"), ASID: nhs.MustParseASID("200000000117"),
		User: auth.Professional(nhs.MustParseRoleProfileID("555254242106")),
	},
	Verb: "GET", Patient: nhs.MustParseNumber("9434765919"),
}

func ExampleOpenFile() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	sink, err := audit.OpenFile(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sink.Close() }()

	// A client does this for each call: client.Config{Audit: sink}.
	if err := sink.WriteAudit(context.Background(), entry); err != nil {
		fmt.Println(err)
		return
	}
	line, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	fmt.Println(strings.ReplaceAll(string(line), `,"`, ",\n  \""), err)
	// Output:
	// {"v":1,
	//   "kind":"request",
	//   "call_id":"7d0b3c0e-0f7e-4b5e-9d35-3f7a1d2f9a10",
	//   "attempt":1,
	//   "time":"2026-03-04T05:06:07.000000000Z",
	//   "op":"search",
	//   "service":"NRL",
	//   "action":"view pointer",
	//   "from_asid":"200000000117",
	//   "ods_code":"RXQ72",
	//   "user":"professional",
	//   "user_id":"555254242106",
	//   "verb":"GET",
	//   "nhs_number":"9434765919"}
	//  <nil>
}

func ExampleRead() {
	trail := `{"v":1,"kind":"end","call_id":"a","attempt":1,"time":"2026-03-04T05:06:07.000000000Z","service":"SSP","user":"unattended","outcome":"ok"}
{"v":1,"kind":"requ
`
	for line, err := range audit.Read(strings.NewReader(trail)) {
		if err != nil { // a *LineError, or the end of the reading
			fmt.Println(err)
			continue
		}
		fmt.Println(line.Number, line.Entry.Kind, line.Entry.Outcome)
	}
	// Output:
	// 1 end ok
	// audit: line 2: damaged audit line: it is not one JSON object
}

func ExampleMemory() {
	var sink audit.Memory // in a test: client.Config{Audit: &sink}
	_ = sink.WriteAudit(context.Background(), entry)
	for _, e := range sink.Entries() {
		fmt.Println(e.Kind, e.Op, e.Patient)
	}
	// Output: request search NHS number (hidden)
}

package spine_test

import (
	"errors"
	"fmt"

	"github.com/nrlgo/nrlgo/client/spine"
)

func ExampleCodeOf() {
	var err error = &spine.Error{Op: spine.OpSearch, Code: spine.CodeDenied, Status: 403, Origin: spine.OriginNRL, Err: spine.ErrStatus}
	err = fmt.Errorf("patient list: %w", err)
	switch spine.CodeOf(err) {
	case spine.CodeDenied:
		fmt.Println("ask an administrator")
	case spine.CodeUnavailable, spine.CodeTimeout:
		fmt.Println("try later")
	}
	if e, ok := errors.AsType[*spine.Error](err); ok {
		fmt.Println(e.Status, e.Origin)
	}
	// Output:
	// ask an administrator
	// 403 NRL
}

func ExampleParseOutcome() {
	o, err := spine.ParseOutcome([]byte(`<OperationOutcome xmlns="http://hl7.org/fhir"><issue>
		<severity value="error"/><code value="not-found"/>
		<details><coding><code value="NO_RECORD_FOUND"/></coding></details>
		<diagnostics value="No record for 9462205957"/>
	</issue></OperationOutcome>`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(o.SpineCode(), o.Issues[0].Type)
	fmt.Println(o) // shows no text of the server
	// Output:
	// NO_RECORD_FOUND not-found
	// OperationOutcome NO_RECORD_FOUND (1 issues, texts hidden)
}

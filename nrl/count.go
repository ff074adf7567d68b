package nrl

import (
	"context"
	"fmt"

	"github.com/nrlgo/nrlgo/auth"
	"github.com/nrlgo/nrlgo/client/spine"
)

// Count says how many pointers a patient has. NRL 2.x counts by patient only
// and deprecated it in 2.5 (_summary=count); the number holds whatever the
// pointers' state, so a search may show fewer.
//
// The error is a [*spine.Error]: CodeInvalid wrapping [ErrQuery] for a query
// with more than a patient, CodeUnexpected for an answer that is no count.
func (c *Client) Count(ctx context.Context, r auth.Requester, q Query) (int, error) {
	query, err := q.count(c.config.TypeParameter)
	if err != nil {
		return 0, refuse(spine.OpCount, err)
	}
	total := 0
	req := c.request(spine.OpCount, r, "", query)
	req.Patient = q.Patient
	req.Check = func(a *spine.Response) error {
		if err := checkContentType(a); err != nil {
			return err
		}
		b, err := readBundle(a.Body)
		total = b.total
		if err != nil {
			return unexpected(a, err)
		}
		return nil
	}
	answer, err := c.config.Exchange.Fetch(ctx, req)
	if spine.CodeOf(err) == spine.CodeNoRecord { // patient unknown to the locator: none
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return total, answer.End(nil)
}

func (q Query) count(typeParameter string) (string, error) {
	if q.ID != "" || !q.Custodian.IsZero() || q.Type != (Coding{}) {
		return "", fmt.Errorf("%w: a count takes a patient only", ErrQuery)
	}
	query, err := q.parameters(typeParameter)
	return query + "&_summary=count", err
}

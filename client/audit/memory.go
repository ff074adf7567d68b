package audit

import (
	"context"
	"slices"
	"sync"

	"github.com/nrlgo/nrlgo/client/spine"
)

// Memory is a sink for tests: it keeps entries in memory and is lost with the
// program. The zero value is ready; safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	entries []spine.AuditEntry
}

var _ spine.AuditSink = (*Memory)(nil)

// WriteAudit keeps a copy of e. It fails only when ctx has ended.
func (m *Memory) WriteAudit(ctx context.Context, e spine.AuditEntry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.Body = slices.Clone(e.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, e)
	return nil
}

// Entries are the entries so far, oldest first, as copies.
func (m *Memory) Entries() []spine.AuditEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := slices.Clone(m.entries)
	for i := range all {
		all[i].Body = slices.Clone(all[i].Body)
	}
	return all
}

// Reset forgets the entries.
func (m *Memory) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = nil
}

package mocks

import (
	"math/rand/v2"
	"slices"
)

// Fault is a way to answer wrongly. It acts on every request to every service
// that it fits until [Once], [Times], [Rate] or [On] narrow it.
type Fault struct {
	name  string
	on    Service
	times int     // 0: always, -1: never
	rate  float64 // 0: each time
	seed  uint64
	cuts  bool                   // the answer does not come whole
	code  int                    // status that is answered; 0: that of the answer, -1: none
	fits  func(e *exchange) bool // nil: fits every answer
	serve func(e *exchange)      // of a fault of the answer
	shake func(c *conn) error    // of a fault of the handshake; nil lets it go on
}

// String is the fault's kind, as [FaultSpec] names it.
func (f Fault) String() string { return f.name }

// queued is a fault that was added.
type queued struct {
	Fault
	left int // 0: no bound
	dice *rand.Rand
}

// status is what the client is told, given that of the undisturbed answer.
func (f *Fault) status(undisturbed int) int {
	switch f.code {
	case 0:
		return undisturbed
	case -1:
		return 0
	default:
		return f.code
	}
}

// Fault adds a fault. Of several that fit a request, the one added first acts
// and, when it is bounded, is used up by it; so faults play out in order.
func (s *Spine) Fault(f Fault) {
	if f.times < 0 || f.rate < 0 || (f.serve == nil && f.shake == nil) {
		return
	}
	q := &queued{Fault: f, left: f.times}
	if f.rate > 0 {
		q.dice = rand.New(rand.NewPCG(f.seed, 0)) // not for secrets: a seed must give the same faults again
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, q)
}

// ClearFaults drops every fault.
func (s *Spine) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// PendingFault is a fault that may still act.
type PendingFault struct {
	// Kind is that of [FaultSpec].
	Kind string `json:"kind"`
	// Service is the only one that it acts on; zero means every one.
	Service Service `json:"service,omitzero"`
	// Left is how many times it acts; 0 means without bound.
	Left int `json:"left,omitempty"`
}

// PendingFaults are those that may still act, in their order.
func (s *Spine) PendingFaults() []PendingFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := make([]PendingFault, 0, len(s.faults))
	for _, f := range s.faults {
		pending = append(pending, PendingFault{f.name, f.on, f.left})
	}
	return pending
}

// faultOf is the fault for an answer, nil for none.
func (s *Spine) faultOf(e *exchange) *Fault {
	return s.nextFault(e.got.Service, func(f *Fault) bool { return f.serve != nil && (f.fits == nil || f.fits(e)) })
}

// handshakeFault is the fault for the next handshake of a service, nil for none.
func (s *Spine) handshakeFault(service Service) *Fault {
	return s.nextFault(service, func(f *Fault) bool { return f.shake != nil })
}

func (s *Spine) nextFault(service Service, fits func(*Fault) bool) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(f *queued) bool {
		return (f.on == 0 || f.on == service) && fits(&f.Fault) && (f.dice == nil || f.dice.Float64() < f.rate)
	})
	if i < 0 {
		return nil
	}
	f := s.faults[i]
	if f.left == 1 {
		s.faults = slices.Delete(s.faults, i, i+1)
	} else if f.left > 1 {
		f.left--
	}
	return &f.Fault
}

// Once acts on one request.
func Once(f Fault) Fault { return Times(1, f) }

// Times acts on n requests; n below 1 acts on none.
func Times(n int, f Fault) Fault {
	f.times = n
	if n < 1 {
		f.times = -1
	}
	return f
}

// Rate acts on a share of the requests, from 0 (none) to 1 (all), drawn by a
// generator with that seed: the same seed gives the same draws.
func Rate(share float64, seed uint64, f Fault) Fault {
	f.rate, f.seed = share, seed
	if !(share > 0) {
		f.rate = -1
	}
	return f
}

// On acts on the requests of one service.
func On(service Service, f Fault) Fault {
	f.on = service
	return f
}

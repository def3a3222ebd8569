package tensor

import "sync"

// arenas is the arenas of each device: an arena that no evaluation has waits here, with its memory, for the next one.
var arenas = registry{of: map[Engine]*arenasOn{}}

type registry struct {
	sync.Mutex
	of map[Engine]*arenasOn
}

// arenasOn is the arenas of one device.
type arenasOn struct {
	idle       []*Arena
	held, peak int // elements: of all arenas, now and at most
}

func (r *registry) on(e Engine) *arenasOn {
	d := r.of[e]
	if d == nil {
		d = &arenasOn{}
		r.of[e] = d
	}
	return d
}

// Borrow returns an arena on e for one evaluation: one that an earlier evaluation has returned, or a new one.
func Borrow(e Engine) *Arena {
	e = device(e)
	arenas.Lock()
	defer arenas.Unlock()
	d := arenas.on(e)
	last := len(d.idle) - 1
	if last < 0 {
		return NewArena(e)
	}
	a := d.idle[last]
	d.idle = d.idle[:last]
	return a
}

// NewArena returns an arena on e that is not one of those that evaluations borrow.
func NewArena(e Engine) *Arena { return &Arena{device: device(e)} }

func (r *registry) put(a *Arena) {
	r.Lock()
	defer r.Unlock()
	d := r.on(a.device)
	d.idle = append(d.idle, a)
}

// note records a change in how much a holds.
func (r *registry) note(a *Arena) {
	n := a.extent()
	if n == a.held {
		return
	}
	r.Lock()
	defer r.Unlock()
	d := r.on(a.device)
	d.held += n - a.held
	d.peak = max(d.peak, d.held)
	a.held = n
}

// ArenaPeak returns the most memory, in bytes, that the arenas on e have held at once since ReleaseArenas was last called.
func ArenaPeak(e Engine) int64 {
	arenas.Lock()
	defer arenas.Unlock()
	if d := arenas.of[device(e)]; d != nil {
		return int64(d.peak) * 4
	}
	return 0
}

// ReleaseArenas gives the memory of all arenas on e that no evaluation has back to the device, and begins to measure [ArenaPeak] anew. The
// next evaluation allocates again.
func ReleaseArenas(e Engine) {
	e = device(e)
	arenas.Lock()
	d := arenas.on(e)
	idle := d.idle
	d.idle = nil
	arenas.Unlock()
	for _, a := range idle {
		a.release()
	}
	arenas.Lock()
	defer arenas.Unlock()
	d.peak = d.held
	if d.held == 0 && len(d.idle) == 0 {
		delete(arenas.of, e) // or a device that is closed would be held on to
	}
}

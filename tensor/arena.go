package tensor

import (
	"fmt"
	"slices"
)

// Arena is the memory of one evaluation of a model: what its operators make lies here and not on the heap. It is the same memory at every
// step, so that after the first one nothing is allocated; and what is not needed any more is given back at once ([Tidy]) and not when the
// garbage collector gets to it. A model opens it at its door:
//
//	arena := tensor.Borrow(tensor.Device(m.convIn.Bias))
//	defer arena.Return(&y)
//	x = arena.Enter(x)
//
// From there it travels with the tensors, as the engine does: an operator puts its result into the arena of its arguments. Parameters
// have none. An arena serves one goroutine at a time; evaluations that run at the same time borrow one each.
type Arena struct {
	device  Engine
	chunks  []*chunk
	live    []*temporary // the blocks in use, in the order in which they were taken
	entered []*temporary
	largest int // what one chunk must hold for the next evaluation to need only one
	held    int // what arenas has noted
}

// temporary is the engine of a tensor in an arena: its device, and where it lies.
type temporary struct {
	Engine
	arena    *Arena
	chunk    *chunk // nil if the memory is not the arena's own: the tensor has only been brought in
	at, size int    // in the chunk, in elements
	gone     bool
	spent    bool // an operator may put its result here (Spend)
}

// Device returns the engine on which t lives, without the arena that may travel with it: what == compares.
func Device(t *Tensor) Engine { return device(home("Device", t)) }

func device(e Engine) Engine {
	if t, ok := e.(*temporary); ok {
		return t.Engine
	}
	return e
}

// nameOf is what errors call an engine.
func nameOf(e Engine) string {
	name := fmt.Sprintf("%T", device(e))
	if c, ok := device(e).(CPU); ok && c.Precision != F32 {
		name += " (" + c.Precision.String() + ")"
	}
	return name
}

func arenaOf(e Engine) *Arena {
	if t, ok := e.(*temporary); ok {
		return t.arena
	}
	return nil
}

// Enter returns t on the arena's device, its memory itself if it lives there, and such that results go into the arena. It is good until
// Return. A nil t stays nil.
func (a *Arena) Enter(t *Tensor) *Tensor {
	if t == nil {
		return nil
	}
	from := home("Enter", t)
	in := &temporary{Engine: a.device, arena: a}
	if device(from) != a.device {
		return To(in, t)
	}
	a.entered = append(a.entered, in)
	return header(in, Contiguous(t), t.Shape())
}

// Return ends the evaluation: it replaces each result by a copy in ordinary memory, takes back everything else and lets another evaluation
// have the arena. No tensor of the arena may be used afterwards; an operator given one panics. Deferred, it does its work in a panic too.
func (a *Arena) Return(results ...**Tensor) {
	for _, y := range results {
		if *y == nil {
			continue
		}
		if e := home("Return", *y); arenaOf(e) == a {
			plain := New((*y).Shape()...)
			if a.device.AllocAccessible() {
				copy(memory(plain), memory(Contiguous(*y)))
			} else if err := a.device.Memcpy(plain, Contiguous(*y)); err != nil {
				panic(&Error{Op: "Return", Shapes: []Shape{(*y).Shape().Clone()}, Reason: err.Error(), Err: err})
			}
			*y = plain
		}
	}
	a.end()
	a.settle()
	arenas.put(a)
}

// Close ends the arena and gives its memory back to the device. It is for one that came from [NewArena] and holds what several evaluations
// read. No tensor of it may be used afterwards.
func (a *Arena) Close() {
	a.end()
	a.release()
}

func (a *Arena) end() {
	a.giveBack(0, nil)
	for _, t := range a.entered {
		t.gone = true
	}
	a.live, a.entered = a.live[:0], a.entered[:0]
}

// Scope is a stretch of an evaluation at whose end all but the results is given back.
type Scope struct {
	arena *Arena
	from  int
}

// Tidy opens a scope in the arena of x. Deferred with Keep at the head of a block, it gives back what the block needed on its way, so that
// no layer frees by hand:
//
//	func (b *Block) Forward(x *tensor.Tensor) (y *tensor.Tensor) {
//		defer tensor.Tidy(x).Keep(&y)
//
// A loop opens it before and keeps after each round what the next one goes on with. For an x in no arena it does nothing: then all is the
// garbage collector's.
func Tidy(x *Tensor) Scope {
	a := arenaOf(home("Tidy", x))
	if a == nil {
		return Scope{}
	}
	return Scope{a, len(a.live)}
}

// Keep gives back all that was made since the scope was opened but the results. When it is deferred, those belong to the scope around it.
func (s Scope) Keep(results ...**Tensor) {
	if s.arena != nil {
		s.arena.giveBack(s.from, results)
	}
}

// giveBack frees the blocks taken since there were from of them, but for those of the results.
func (a *Arena) giveBack(from int, results []**Tensor) {
	kept := a.live[:from]
	for _, t := range a.live[from:] {
		if slices.ContainsFunc(results, func(y **Tensor) bool { return *y != nil && (*y).Engine() == Engine(t) }) {
			kept = append(kept, t)
			continue
		}
		if poisoned.Load() {
			t.poison()
		}
		t.gone = true
		t.chunk.free(t)
	}
	clear(a.live[len(kept):])
	a.live = kept
}

// alloc returns a tensor in the arena whose elements are anything.
func (a *Arena) alloc(op string, shape []int, n int) *Tensor {
	t := &temporary{Engine: a.device, arena: a, size: (n + alignment - 1) &^ (alignment - 1)}
	if !slices.ContainsFunc(a.chunks, func(c *chunk) bool { return c.take(t) }) {
		c, err := newChunk(a.device, max(t.size, a.largest, a.extent()/4))
		if err != nil {
			panic(&Error{Op: op, Shapes: []Shape{shape}, Reason: fmt.Sprintf("%d bytes on %s, whose arena holds %d: %v", n*4, nameOf(a.device), a.extent()*4, err), Err: err})
		}
		a.chunks = append(a.chunks, c)
		c.take(t)
	}
	arenas.note(a)
	a.live = append(a.live, t)
	if poisoned.Load() {
		t.poison()
	}
	return t.tensor(shape)
}

// tensor returns the block as a tensor of the given shape.
func (t *temporary) tensor(shape []int) *Tensor {
	n := elements(shape)
	if t.chunk.host != nil {
		return onHost(t, t.chunk.host[t.at:][:n:n], shape)
	}
	return onDevice(t, t.chunk.device.Uintptr()+uintptr(t.at)*4, shape)
}

// extent is how much of the arena's chunks was ever in use, in elements.
func (a *Arena) extent() (n int) {
	for _, c := range a.chunks {
		n += c.extent
	}
	return n
}

// settle replaces chunks that came one by one by a single one, which the next evaluation will make: then its blocks lie as close as they
// can, and it is allocated once.
func (a *Arena) settle() {
	if len(a.chunks) > 1 {
		a.largest = a.extent()
		a.release()
	}
}

func (a *Arena) release() {
	for _, c := range a.chunks {
		c.release(a.device)
	}
	a.chunks = nil
	arenas.note(a)
}

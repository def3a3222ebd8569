package tensor

import "slices"

// Spend returns t for its last use: an operator whose doc comment says so puts its result into the memory of a tensor that is spent on it, where
// it would else be taken anew. t itself is given back, so that nothing can read it afterwards; what other operators are given is as any tensor.
// A tensor that does not lie in an arena is returned as it is.
func Spend(t *Tensor) *Tensor {
	if on, ok := home("Spend", t).(*temporary); ok && on.chunk != nil && contiguous(t) {
		on = on.pass()
		on.spent = true
		return header(on, t, t.Shape())
	}
	return t
}

// inPlace returns a result of the given shape in the memory of the one of ts that is spent and of that shape, or nil if none is. Of several it is
// the one farthest back: what is free before it then is one piece, in which something larger has room.
func inPlace(shape []int, ts ...*Tensor) *Tensor {
	var best *temporary
	for _, t := range ts {
		if t == nil || !slices.Equal(t.Shape(), Shape(shape)) {
			continue
		}
		if on, ok := t.Engine().(*temporary); ok && on.spent && (best == nil || on.at > best.at) {
			best = on
		}
	}
	if best == nil {
		return nil
	}
	return best.pass().tensor(shape)
}

// pass gives the block to a tensor that is to come, in the scope in which it was taken.
func (t *temporary) pass() *temporary {
	to := &temporary{Engine: t.Engine, arena: t.arena, chunk: t.chunk, at: t.at, size: t.size}
	t.gone = true
	t.arena.live[slices.Index(t.arena.live, t)] = to
	t.chunk.used[slices.Index(t.chunk.used, t)] = to
	return to
}

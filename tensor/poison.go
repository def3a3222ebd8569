package tensor

import (
	"math"
	"sync/atomic"
)

var poisoned atomic.Bool

// PoisonArenas fills, as long as it is on, the memory of an arena with NaN when it is taken and when it is given back: what reads it
// before it was written, or after its scope, is then seen in the result. For tests.
func PoisonArenas(on bool) { poisoned.Store(on) }

// poison fills the block with NaN.
func (t *temporary) poison() {
	nan := float32(math.NaN())
	if t.chunk.host == nil {
		t.Memcpy(t.tensor([]int{t.size}), Full(nan, t.size))
		return
	}
	block := t.chunk.host[t.at:][:t.size]
	for i := range block {
		block[i] = nan
	}
}

package clip

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestFLOP: what torch.utils.flop_counter counts for transformers' text encoder of Stable Diffusion 2.x.
func TestFLOP(t *testing.T) {
	c := DefaultConfig()
	c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads = 1024, 4096, 23, 16
	assert.InDelta(t, 45.13, c.FLOP(77)/1e9, 0.005)
}

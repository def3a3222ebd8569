package unet

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sowgen/sowgen/nn/config"
)

// TestFLOP: what torch.utils.flop_counter counts for diffusers' network of Stable Diffusion 2.1-base.
func TestFLOP(t *testing.T) {
	c := DefaultConfig()
	c.CrossAttentionDim, c.AttentionHeadDim, c.UseLinearProjection = 1024, config.Ints{5, 10, 20, 20}, true
	assert.InDelta(t, 804.26, c.FLOP(64, 64, 77)/1e9, 0.005)
	assert.InDelta(t, 181.09, c.FLOP(32, 32, 77)/1e9, 0.005)
}

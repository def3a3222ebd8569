package vae

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestFLOP: what torch.utils.flop_counter counts for diffusers' autoencoder of Stable Diffusion.
func TestFLOP(t *testing.T) {
	c := DefaultConfig()
	c.BlockOutChannels, c.LayersPerBlock = []int{128, 256, 512, 512}, 2
	c.DownBlockTypes, c.UpBlockTypes = slices.Repeat([]string{downBlock}, 4), slices.Repeat([]string{upBlock}, 4)
	assert.InDelta(t, 1116.66, c.EncodeFLOP(512, 512)/1e9, 0.005)
	assert.InDelta(t, 2514.52, c.DecodeFLOP(512, 512)/1e9, 0.005)
}

package unet

import (
	"fmt"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/tensor"
)

// Site is one self-attention of the network.
type Site struct {
	Name          string // as in the checkpoint: "mid_block.attentions.0.transformer_blocks.0.attn1"
	Height, Width int    // of its token grid
	Heads         int
}

// Sites returns the self-attentions of a network of this valid config on latents of h×w cells, in the order in which it computes them.
func (c *Config) Sites(h, w int) (sites []Site) {
	layers, _ := c.LayersPerBlock.Each("layers_per_block", len(c.BlockOutChannels))
	heads, _ := c.heads()
	last := len(c.BlockOutChannels) - 1
	grids := []Site{{Height: h, Width: w}}
	for range last {
		h, w = (h+1)/2, (w+1)/2
		grids = append(grids, Site{Height: h, Width: w})
	}
	add := func(block string, attention, level int) {
		site := grids[level]
		site.Name = fmt.Sprintf("%s.attentions.%d.transformer_blocks.0.attn1", block, attention)
		site.Heads = heads[level]
		sites = append(sites, site)
	}
	for i, kind := range c.DownBlockTypes {
		for j := range layers[i] {
			if kind == crossAttnDown {
				add(fmt.Sprintf("down_blocks.%d", i), j, i)
			}
		}
	}
	add("mid_block", 0, last)
	for i, kind := range c.UpBlockTypes {
		for j := range layers[last-i] + 1 {
			if kind == crossAttnUp {
				add(fmt.Sprintf("up_blocks.%d", i), j, last-i)
			}
		}
	}
	return sites
}

// Everywhere returns regions of the latent grid as every site sees them, on its own grid (see [tensor.Regions.At]), for [Input].Regions. A
// nil r is plain attention.
func Everywhere(r *tensor.Regions) func(Site) *tensor.Regions {
	if r == nil {
		return nil
	}
	return func(s Site) *tensor.Regions { return r.At(s.Height, s.Width) }
}

// Map is where the tokens of each region of a site look: [n, heads, R, height·width], on the site's grid or, where that has more than 32 cells a
// side, on a coarser one. n is 1 where all prompts still share it.
type Map struct {
	Height, Width int
	Mass          *tensor.Tensor
}

// maxMap bounds the sides of a map.
const maxMap = 32

func mapOf(s Site, a *nn.Attention, tokens *tensor.Tensor, p tensor.AttnParams) Map {
	step := (max(s.Height, s.Width) + maxMap - 1) / maxMap
	m := Map{Height: (s.Height + step - 1) / step, Width: (s.Width + step - 1) / step}
	cell := make([]int, s.Height*s.Width)
	for i := range cell {
		cell[i] = i/s.Width/step*m.Width + i%s.Width/step
	}
	m.Mass = a.Map(tokens, p, cell, m.Height*m.Width)
	return m
}

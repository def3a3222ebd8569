package vae

import "slices"

// EncodeFLOP is how many floating-point operations encoding one picture of h×w pixels takes: two for each multiplication of a convolution,
// a linear layer or an attention, computed directly. What lies between these is not counted. c must be valid.
func (c *Config) EncodeFLOP(h, w int) float64 {
	var n count
	channels := c.BlockOutChannels
	last := len(channels) - 1
	cells, in := h*w, channels[0]
	n.conv(cells, c.InChannels, in)
	for i, out := range channels {
		n.resnets(c.LayersPerBlock, cells, in, out)
		if i < last {
			cells /= 4
			n.conv(cells, out, out)
		}
		in = out
	}
	n.middle(c, cells, in)
	n.conv(cells, in, 2*c.LatentChannels)
	if c.UseQuantConv {
		n.linear(cells, 2*c.LatentChannels, 2*c.LatentChannels)
	}
	return 2 * n.multiplications
}

// DecodeFLOP is the same for decoding a picture of h×w pixels.
func (c *Config) DecodeFLOP(h, w int) float64 {
	var n count
	channels := slices.Clone(c.BlockOutChannels)
	slices.Reverse(channels)
	last := len(channels) - 1
	cells, in := h*w/(c.Factor()*c.Factor()), channels[0]
	if c.UsePostQuantConv {
		n.linear(cells, c.LatentChannels, c.LatentChannels)
	}
	n.conv(cells, c.LatentChannels, in)
	n.middle(c, cells, in)
	for i, out := range channels {
		n.resnets(c.LayersPerBlock+1, cells, in, out)
		if i < last {
			cells *= 4
			n.conv(cells, out, out)
		}
		in = out
	}
	n.conv(cells, in, c.OutChannels)
	return 2 * n.multiplications
}

// count adds up multiplications.
type count struct{ multiplications float64 }

func (n *count) linear(rows, in, out int) {
	n.multiplications += float64(rows) * float64(in) * float64(out)
}
func (n *count) conv(cells, in, out int) { n.linear(cells, 9*in, out) }

func (n *count) resnets(blocks, cells, in, out int) {
	for range blocks {
		n.conv(cells, in, out)
		n.conv(cells, out, out)
		if in != out {
			n.linear(cells, in, out)
		}
		in = out
	}
}

// middle is two resnet blocks and, as a rule, a self-attention.
func (n *count) middle(c *Config, cells, channels int) {
	n.resnets(2, cells, channels, channels)
	if c.MidBlockAddAttention {
		n.linear(cells, channels, 4*channels) // q, k, v and out
		n.linear(cells, channels, 2*cells)    // the logits, and the values summed
	}
}

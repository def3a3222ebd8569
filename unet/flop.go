package unet

// FLOP is how many floating-point operations one evaluation takes for one prompt of so many tokens on latents of h×w cells: two for each
// multiplication of a convolution, a linear layer or an attention, computed directly. What lies between these is not counted. c must be
// valid.
func (c *Config) FLOP(h, w, tokens int) float64 {
	channels := c.BlockOutChannels
	last := len(channels) - 1
	layers, _ := c.LayersPerBlock.Each("layers_per_block", len(channels))
	n := count{Config: c, tokens: tokens}

	n.linear(1, channels[0], c.timeDim())
	n.linear(1, c.timeDim(), c.timeDim())
	n.conv(h*w, c.InChannels, channels[0])
	type skip struct{ h, w, channels int }
	skips := []skip{{h, w, channels[0]}}
	in := channels[0]
	for i, out := range channels {
		for range layers[i] {
			n.layer(h*w, in, out, c.DownBlockTypes[i] == crossAttnDown)
			skips, in = append(skips, skip{h, w, out}), out
		}
		if i < last {
			h, w = (h+1)/2, (w+1)/2
			n.conv(h*w, out, out)
			skips = append(skips, skip{h, w, out})
		}
	}
	n.layer(h*w, in, in, true)
	n.layer(h*w, in, in, false)
	for i := range channels {
		j := last - i
		out := channels[j]
		for range layers[j] + 1 {
			top := skips[len(skips)-1]
			skips = skips[:len(skips)-1]
			n.layer(h*w, in+top.channels, out, c.UpBlockTypes[i] == crossAttnUp)
			in = out
		}
		if i < last {
			h, w = skips[len(skips)-1].h, skips[len(skips)-1].w
			n.conv(h*w, out, out)
		}
	}
	n.conv(h*w, channels[0], c.OutChannels)
	return 2 * n.multiplications
}

// count adds up multiplications.
type count struct {
	*Config
	tokens          int
	multiplications float64
}

func (n *count) linear(rows, in, out int) {
	n.multiplications += float64(rows) * float64(in) * float64(out)
}
func (n *count) conv(cells, in, out int) { n.linear(cells, 9*in, out) }

// attention is queries reading keys, and what they read being summed.
func (n *count) attention(queries, keys, c int) {
	n.linear(queries, c, keys)
	n.linear(queries, keys, c)
}

// layer is a resnet block and maybe a transformer.
func (n *count) layer(cells, in, out int, transformer bool) {
	n.conv(cells, in, out)
	n.linear(1, n.timeDim(), out)
	n.conv(cells, out, out)
	if in != out {
		n.linear(cells, in, out)
	}
	if !transformer {
		return
	}
	n.linear(cells, out, 6*out) // proj_in, proj_out, and q, k, v, out of the self-attention
	n.attention(cells, cells, out)
	n.linear(cells, out, 2*out) // q and out of the cross-attention
	n.linear(n.tokens, n.CrossAttentionDim, 2*out)
	n.attention(cells, n.tokens, out)
	n.linear(cells, out, 8*out)
	n.linear(cells, 4*out, out)
}

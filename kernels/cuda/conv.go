package cuda

// Conv is the shape of a convolution of n pictures, channels last.
type Conv struct {
	N, H, W, C, Out int
	KH, KW, Stride  int
	Top, Left       int // zeros above and left of the picture
	OH, OW          int // of the result
	Format          Format
}

// Packed is the layout of its weight.
func (c Conv) Packed() Packed {
	return Packed{Format: c.Format, Out: c.Out, In: c.C, Taps: c.KH * c.KW}
}

// Launch is dst [n, oh, ow, out] = x [n, h, w, c] convolved with the packed weight w, with the epilogue. In a format of 16 bits x is rounded
// to it and the sums are in float32. dst must not overlap x.
func (c Conv) Launch(dst, x, w Pointer, ep Epilogue) Launch {
	weight, m := c.Packed(), int(count(c.N, c.OH, c.OW))
	count(c.N, c.H, c.W, c.C)
	if c.KH*c.KW == 1 && c.Stride == 1 && c.OH == c.H && c.OW == c.W { // each pixel on its own
		return Linear{m, weight}.Launch(dst, x, w, ep)
	}
	tile := tileFor(m, c.Out, 1)
	block := tile.threads
	if c.Format != F32 {
		block = tile.halfThreads
	}
	work := product(c.Format, m, weight.K(), c.Out, c.N*c.H*c.W*c.C, m*c.Out, ep.residual(m*c.Out))
	work.Weight = float64(weight.Bytes())
	return Launch{"conv", "conv_" + c.Format.String() + "_" + tile.name, tile.grid(m, c.Out, 1), Dim{block, 1, 1}, 0, params(
		dst, x, w, ep.Bias, ep.Residual, count(c.N), count(c.H), count(c.W), count(c.C), count(c.Out), count(c.OH), count(c.OW),
		count(c.KW), count(c.Stride), count(c.Top), count(c.Left), count(weight.K()), count(weight.Pitch()), uint32(ep.Act)), work}
}

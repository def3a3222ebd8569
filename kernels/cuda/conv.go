package cuda

import (
	"fmt"
	"math"
)

// Conv is the shape of a convolution of n pictures, channels last.
type Conv struct {
	N, H, W, C, Out int
	KH, KW, Stride  int
	Top, Left       int // zeros above and left of the picture
	OH, OW          int // of the result
	Format          Format
	On              Hardware // the GPU that it is for, which decides how it is cut into blocks; unset, a large one
}

// Packed is the layout of its weight.
func (c Conv) Packed() Packed {
	return Packed{Format: c.Format, Out: c.Out, In: c.C, Taps: c.KH * c.KW}
}

// own says whether each pixel goes on its own, through a linear layer.
func (c Conv) own() bool { return c.KH*c.KW == 1 && c.Stride == 1 && c.OH == c.H && c.OW == c.W }

// Scratch is the number of float32 that Launches wants to work in.
func (c Conv) Scratch() int {
	m := int(count(c.N, c.OH, c.OW))
	switch {
	case c.own():
		return Linear{m, c.Packed(), c.On}.Scratch()
	case c.Format == F32:
		return 0
	}
	return c.half(m).scratch(c.N * c.H * c.W * c.Packed().wide())
}

func (c Conv) half(m int) half { return newHalf(c.Format, m, c.Out, c.Packed().Pitch(), c.On) }

// Launches is dst [n, oh, ow, out] = x [n, h, w, c] convolved with the packed weight w, with the epilogue. In a format of 16 bits x is rounded
// to it and the sums are in float32; x may be [InScratch]. dst must not overlap x.
func (c Conv) Launches(dst, x, w, scratch Pointer, ep Epilogue) []Launch {
	m := int(count(c.N, c.OH, c.OW))
	if c.own() {
		return Linear{m, c.Packed(), c.On}.Launches(dst, x, w, scratch, ep)
	}
	return c.launches(dst, x, w, scratch, ep, c.half(m))
}

func (c Conv) launches(dst, x, w, scratch Pointer, ep Epilogue, h half) []Launch {
	weight, m := c.Packed(), int(count(c.N, c.OH, c.OW))
	pixels := int(count(c.N, c.H, c.W, c.C)) / max(1, c.C)
	if c.Format == F32 {
		tile := tileFor(m, c.Out, 1)
		work := product(F32, m, weight.K(), c.Out, pixels*c.C, m*c.Out, ep.residual(m*c.Out))
		work.Weight = float64(weight.Bytes())
		return []Launch{{"conv", "conv_f32_" + tile.name, tile.grid(m, c.Out, 1), Dim{tile.threads, 1, 1}, 0, params(
			dst, x, w, ep.Bias, ep.Residual, count(c.N), count(c.H), count(c.W), count(c.C), count(c.Out), count(c.OH), count(c.OW),
			count(c.KW), count(c.Stride), count(c.Top), count(c.Left), count(weight.K()), count(weight.Pitch()), uint32(ep.Act)), work}}
	}
	if max(c.H, c.W)+max(c.Top, c.Left)+max(c.KH, c.KW) > math.MaxInt16 { // HalfPixels packs a place into 32 bits
		panic(fmt.Errorf("cuda: a convolution of a picture of %d × %d: less than %d a side", c.W, c.H, math.MaxInt16))
	}
	parts := h.parts(scratch, pixels*weight.wide())
	launches := append(c.Format.left(scratch, x, pixels, c.C), Launch{"conv", h.kernel("conv"), h.grid(), Dim{h.tile.threads, 1, 1}, h.tile.shared(), params(
		dst, parts, scratch, w, ep.Bias, ep.Residual, count(c.N), count(c.H), count(c.W), count(weight.wide()), count(c.Out), count(c.OH), count(c.OW),
		count(c.KW), count(c.Stride), count(c.Top), count(c.Left), count(weight.Pitch()), uint32(ep.Act), count(h.steps)),
		h.work(weight, pixels*c.C, m*c.Out, ep)})
	return h.finish(launches, dst, parts, ep, c.Out)
}

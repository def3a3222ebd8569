//go:build cuda

package tensor

import "github.com/sowgen/sowgen/kernels/cuda"

// rounded is a tensor whose numbers the working memory begins with, rounded as the products of 16 bits read them. A product rounds its left side
// to there, and so does a norm its result, in the same pass over memory: for products of the same tensor that follow it is there already. They
// write neither it nor the tensor; whatever else is asked of the device might, and ends that.
type rounded struct {
	of         cuda.Pointer
	n, columns int // numbers, and those of a row
}

func roundedOf(t *Tensor, columns int) rounded {
	return rounded{onGPU(t), elements(t.Shape()), columns}
}

// product asks for a product with the left side x of so many columns, in working memory of n float32. launches gets cuda.InScratch for an x that is there.
func (e *CUDA) product(op string, x *Tensor, columns, n int, launches func(x, scratch cuda.Pointer) []cuda.Launch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	left, at := roundedOf(x, columns), onGPU(x)
	there, working := e.rounded.Load(), e.working
	scratch := e.work(op, n)
	if there != nil && *there == left && scratch == working {
		at = cuda.InScratch
	}
	e.launch(op, launches(at, scratch)...)
	if e.precision != F32 {
		e.rounded.Store(&left)
	}
}

// rounding asks for the norm whose result is dst, and has it rounded where products may read it next.
func (e *CUDA) rounding(op string, dst *Tensor, launch func(cuda.Rounded) cuda.Launch) {
	s := dst.Shape()
	c := s[len(s)-1]
	if e.precision == F32 || !cuda.Rounds(c) {
		e.launch(op, launch(cuda.Rounded{}))
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	result := roundedOf(dst, c)
	e.launch(op, launch(cuda.Rounded{Format: e.products(), At: e.work(op, result.n/2)}))
	e.rounded.Store(&result)
}

// convolveNormed implements [roundingEngine]: nobody else reads what the convolution does, so that it is made in 16 bits alone, and as a whole unless
// the picture is huge.
func (e *CUDA) convolveNormed(dst, x, scale, shift *Tensor, w *Weight, ep Epilogue, g ConvGeometry) bool {
	s := x.Shape()
	if e.precision == F32 || !cuda.Rounds(s[3]) || elements(s[1:]) > 4*e.band {
		return false
	}
	c, at := e.conv(dst, x, w, g)
	e.mu.Lock()
	defer e.mu.Unlock()
	scratch := e.work("NormConv2D", c.Scratch())
	normed := cuda.ScaleChannels(0, onGPU(x), onGPU(scale), onGPU(shift), s[0], s[1]*s[2], s[3], true, cuda.Rounded{Format: e.products(), At: scratch})
	e.launch("NormConv2D", append([]cuda.Launch{normed}, c.Launches(onGPU(dst), cuda.InScratch, at, scratch, ep.onGPU())...)...)
	return true
}

// feedsForward implements [roundingEngine]: one row is read as float32.
func (e *CUDA) feedsForward(x *Tensor, gated, w *Weight) bool {
	return e.precision != F32 && gated.Gated && !w.Gated && cuda.Rounds(gated.Out) && elements(x.Shape()) > gated.In
}

// feedForward implements [roundingEngine]: what lies between the products is at the beginning of what the second one works in.
func (e *CUDA) feedForward(dst, x *Tensor, gated *Weight, bias *Tensor, w *Weight, ep Epilogue) {
	first, at := e.linear(x, gated)
	second := cuda.Linear{Rows: first.Rows, W: w.Packed.(*packed).layout, On: e.device.Hardware}
	between := (first.Scratch() + alignment - 1) / alignment * alignment
	e.product("FeedForward", x, gated.In, between+second.Scratch(), func(x, scratch cuda.Pointer) []cuda.Launch {
		middle := scratch + cuda.Pointer(4*between)
		return append(first.Launches(middle, x, at, scratch, cuda.Epilogue{Bias: onGPU(bias), Rounded: true}),
			second.Launches(onGPU(dst), cuda.InScratch, w.Packed.(*packed).at, middle, ep.onGPU())...)
	})
}

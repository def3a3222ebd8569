package tensor

import "fmt"

// Padding is the number of zero rows and columns around a picture.
type Padding struct{ Top, Left, Bottom, Right int }

// Pad is the same padding on all four sides.
func Pad(n int) Padding { return Padding{n, n, n, n} }

// ConvGeometry is how a kernel walks over a picture.
type ConvGeometry struct {
	Stride int
	Padding
}

// Conv2D returns the two-dimensional convolution (cross-correlation, as in PyTorch) of x [n, h, w, in] with w, from [PackConv] of
// [out, in, kh, kw], with its epilogue: [n, (h+top+bottom-kh)/stride+1, (w+left+right-kw)/stride+1, out].
func Conv2D(x *Tensor, w *Weight, ep Epilogue, stride int, padding Padding) *Tensor {
	e := w.check("Conv2D", true, x, ep)
	wantDims("Conv2D", x, 4, "[n, h, w, c]")
	g := ConvGeometry{stride, padding}
	y, ep := ep.result("Conv2D", e, w.convolved("Conv2D", x, x.Shape()[1], x.Shape()[2], g), nil)
	e.Conv2D(y, Contiguous(x), w, ep, g)
	return y
}

// convolved is the shape of x's pictures, made height×width, after the convolution. It fails unless that fits them.
func (w *Weight) convolved(op string, x *Tensor, height, width int, g ConvGeometry) []int {
	s := x.Shape()
	if s[3] != w.In {
		fail(op, fmt.Sprintf("want %d channels", w.In), x)
	}
	h, wd := height+g.Top+g.Bottom-w.KH, width+g.Left+g.Right-w.KW
	if g.Stride < 1 || h < 0 || wd < 0 || min(g.Top, g.Left, g.Bottom, g.Right) < 0 {
		fail(op, fmt.Sprintf("a %d×%d kernel with stride %d and padding %+v does not fit", w.KH, w.KW, g.Stride, g.Padding), x)
	}
	return []int{s[0], h/g.Stride + 1, wd/g.Stride + 1, w.Out}
}

// UpsampleNearest returns x [n, h, w, c] resized to [n, height, width, c] by repeating: output row i reads row ⌊i·(h/height)⌋, the
// quotient rounded to float32, as PyTorch's mode "nearest" does. It shrinks too.
func UpsampleNearest(x *Tensor, height, width int) *Tensor {
	e := home("UpsampleNearest", x)
	wantUpsampled("UpsampleNearest", x, height, width)
	y := alloc("UpsampleNearest", e, []int{x.Shape()[0], height, width, x.Shape()[3]})
	e.UpsampleNearest(y, Contiguous(x))
	return y
}

// wantUpsampled fails unless x is pictures and height×width a size for them.
func wantUpsampled(op string, x *Tensor, height, width int) {
	wantDims(op, x, 4, "[n, h, w, c]")
	if height < 1 || width < 1 {
		fail(op, fmt.Sprintf("no %d×%d picture", height, width), x)
	}
}

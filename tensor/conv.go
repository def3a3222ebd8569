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
	s := x.Shape()
	if s[3] != w.In {
		fail("Conv2D", fmt.Sprintf("want %d channels", w.In), x)
	}
	h, wd := s[1]+padding.Top+padding.Bottom-w.KH, s[2]+padding.Left+padding.Right-w.KW
	if stride < 1 || h < 0 || wd < 0 || min(padding.Top, padding.Left, padding.Bottom, padding.Right) < 0 {
		fail("Conv2D", fmt.Sprintf("a %d×%d kernel with stride %d and padding %+v does not fit", w.KH, w.KW, stride, padding), x)
	}
	y, ep := ep.result("Conv2D", e, []int{s[0], h/stride + 1, wd/stride + 1, w.Out})
	e.Conv2D(y, Contiguous(x), w, ep, ConvGeometry{stride, padding})
	return y
}

// UpsampleNearest returns x [n, h, w, c] resized to [n, height, width, c] by repeating: output row i reads row ⌊i·(h/height)⌋, the
// quotient rounded to float32, as PyTorch's mode "nearest" does. It shrinks too.
func UpsampleNearest(x *Tensor, height, width int) *Tensor {
	e := home("UpsampleNearest", x)
	wantDims("UpsampleNearest", x, 4, "[n, h, w, c]")
	if height < 1 || width < 1 {
		fail("UpsampleNearest", fmt.Sprintf("no %d×%d picture", height, width), x)
	}
	y := alloc("UpsampleNearest", e, []int{x.Shape()[0], height, width, x.Shape()[3]})
	e.UpsampleNearest(y, Contiguous(x))
	return y
}

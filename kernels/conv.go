package kernels

// ConvShape is the geometry of a convolution of n pictures.
type ConvShape struct {
	N, H, W, C, Out                      int // pictures, input size, channels in and out
	KH, KW, Stride                       int
	PadTop, PadLeft, PadBottom, PadRight int // zeros around the input
}

// OutH is the height of the output.
func (s ConvShape) OutH() int { return (s.H+s.PadTop+s.PadBottom-s.KH)/s.Stride + 1 }

// OutW is the width of the output.
func (s ConvShape) OutW() int { return (s.W+s.PadLeft+s.PadRight-s.KW)/s.Stride + 1 }

func (s ConvShape) check(op string) {
	sizes(op, s.N, s.H, s.W, s.C, s.Out, s.PadTop, s.PadLeft, s.PadBottom, s.PadRight)
	if s.KH < 1 || s.KW < 1 || s.Stride < 1 {
		fail(op, "filter %d×%d with stride %d: want at least 1", s.KH, s.KW, s.Stride)
	}
	if s.H+s.PadTop+s.PadBottom < s.KH || s.W+s.PadLeft+s.PadRight < s.KW {
		fail(op, "filter %d×%d is larger than the padded input %d×%d", s.KH, s.KW,
			s.H+s.PadTop+s.PadBottom, s.W+s.PadLeft+s.PadRight)
	}
}

// Conv2D is dst = act(x * w + bias) + residual for x [n, h, w, c], w of PackConv and dst [n, OutH, OutW, out]:
//
//	dst[n,y,x,o] = act(Σ_ky,kx,c x[n, y·Stride+ky-PadTop, x·Stride+kx-PadLeft, c]·w[o,c,ky,kx] + bias[o]) + residual[n,y,x,o]
//
// where x is 0 outside the picture. dst must not overlap x. It goes the way that ConvShape.Winograd
// names, but weights for products of bfloat16 (Packed.Mixed) go directly: Winograd's transforms would lose all of those few digits.
func Conv2D(dst, x []float32, s ConvShape, w *Packed, ep Epilogue) {
	if s.Winograd() && !w.mixed {
		Conv2DWinograd(dst, x, s, w, ep)
	} else {
		Conv2DDirect(dst, x, s, w, ep)
	}
}

// checkConv panics if the arguments of a convolution do not fit together.
func checkConv(op string, dst, x []float32, s ConvShape, w *Packed, ep Epilogue) {
	s.check(op)
	if w.k != s.KH*s.KW*s.C || w.n != s.Out {
		fail(op, "weight is packed as [%d, %d], want [%d·%d·%d, %d]", w.k, w.n, s.KH, s.KW, s.C, s.Out)
	}
	if w.gated {
		fail(op, "a gated weight is for a matrix product")
	}
	size := s.N * s.OutH() * s.OutW() * s.Out
	need(op, "x", len(x), s.N*s.H*s.W*s.C)
	need(op, "dst", len(dst), size)
	checkEpilogue(op, ep, s.Out, size)
}

// Conv2DDirect is Conv2D as a matrix product: each output is the sum that the formula says, in the order of its inner index.
func Conv2DDirect(dst, x []float32, s ConvShape, w *Packed, ep Epilogue) {
	checkConv("Conv2D", dst, x, s, w, ep)
	if s.N*s.Out == 0 {
		return
	}
	oh, ow := s.OutH(), s.OutW()
	if s.C == 0 || s.KH == 1 && s.KW == 1 && s.Stride == 1 && oh == s.H && ow == s.W {
		Gemm(dst, s.Out, x, s.C, s.N*oh*ow, w, ep)
		return
	}
	if w.mixed {
		gemmMixed(dst, s.Out, x, 0, s.N*oh*ow, s, w, ep)
		return
	}
	p := newProduct(dst, s.Out, w, ep)
	p.x, p.conv = x, cutConv(s)
	if !p.conv.inside {
		p.scratch = padded(p.conv.inputRows(p.conv.lines) * p.conv.inputCols(p.conv.width) * s.C)
	}
	p.run(s.N*p.conv.cuts, p.conv.lines*p.conv.width)
}

// convTasks cuts the output of a convolution into rectangles of about chunkRows pixels.
type convTasks struct {
	ConvShape
	oh, ow       int
	lines, width int  // of a rectangle
	down, across int  // rectangles in a picture
	cuts         int  // down·across
	inside       bool // no filter tap reads a zero of the border
}

func cutConv(s ConvShape) convTasks {
	c := convTasks{ConvShape: s, oh: s.OutH(), ow: s.OutW()}
	c.width = ceilDiv(c.ow, ceilDiv(c.ow, chunkRows))
	c.lines = min(c.oh, max(1, chunkRows/c.width))
	c.across, c.down = ceilDiv(c.ow, c.width), ceilDiv(c.oh, c.lines)
	c.cuts = c.across * c.down
	c.inside = s.PadTop == 0 && s.PadLeft == 0 && c.inputRows(c.oh) <= s.H && c.inputCols(c.ow) <= s.W
	return c
}

// inputRows and inputCols are how much of the input is read for that much of the output.
func (c *convTasks) inputRows(lines int) int { return (lines-1)*c.Stride + c.KH }
func (c *convTasks) inputCols(width int) int { return (width-1)*c.Stride + c.KW }

// view is the A side of a rectangle. Its input is copied with the zeros around it, unless no tap reads one.
func (c *convTasks) view(s *scratch, x []float32, i int) view {
	n, y, x0 := i/c.cuts, i%c.cuts/c.across*c.lines, i%c.across*c.width
	v := view{
		lines: min(c.lines, c.oh-y), width: min(c.width, c.ow-x0),
		row: c.Stride * c.C, segs: c.KH, run: c.KW * c.C,
		out: (n*c.oh+y)*c.ow + x0, outLine: c.ow,
	}
	x = x[n*c.H*c.W*c.C:][:c.H*c.W*c.C]
	top, left := y*c.Stride-c.PadTop, x0*c.Stride-c.PadLeft
	if c.inside {
		v.data = x[(top*c.W+left)*c.C:]
		v.seg = c.W * c.C
	} else {
		rows, cols := c.inputRows(v.lines), c.inputCols(v.width)
		v.data = s.take(rows * cols * c.C)
		v.seg = cols * c.C
		from, to := max(left, 0), min(left+cols, c.W) // columns that exist
		for r := range rows {
			line := v.data[r*v.seg:][:v.seg]
			if top+r < 0 || top+r >= c.H || from >= to {
				clear(line)
				continue
			}
			n := copy(line[(from-left)*c.C:], x[((top+r)*c.W+from)*c.C:((top+r)*c.W+to)*c.C])
			clear(line[:(from-left)*c.C])
			clear(line[(from-left)*c.C+n:])
		}
	}
	v.line = c.Stride * v.seg
	return v
}

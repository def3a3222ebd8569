package tensor

// A convolution whose input is made for it alone, by a norm or by repeating pixels, need not find it there as a whole: the input is made a band of
// rows at a time, convolved into the rows of the result that read it, and the next band takes its place. That is exact: a value is computed
// by the same operations in the same order as it would be from the whole (docs/adr/0009).

// NormConv2D returns SiLU of the group norm of x [n, h, w, in], convolved: [Conv2D] of [GroupNormSiLU]. If x is spent on it ([Spend]) and has
// the shape of the result, the result lies in x's memory.
func NormConv2D(x *Tensor, norm Norm, w *Weight, ep Epilogue, stride int, padding Padding) *Tensor {
	const op = "NormConv2D"
	e := w.check(op, true, x, ep)
	home(op, x, norm.Gamma, norm.Beta)
	wantDims(op, x, 4, "[n, h, w, c]")
	g, s := ConvGeometry{stride, padding}, x.Shape()
	shape := w.convolved(op, x, s[1], s[2], g)
	norm.check(op, x)
	x = Contiguous(x)
	y, ep := ep.result(op, e, shape, x)
	defer Tidy(y).Keep()
	scale, shift := norm.scales(op, e, x)
	if e, ok := device(e).(roundingEngine); ok && e.convolveNormed(y, x, scale, shift, w, ep, g) {
		return y
	}
	b := w.bands(e, s, shape, g)
	if b.n == 0 {
		normed := alloc(op, e, s)
		e.ScaleChannels(normed, x, scale, shift, true)
		e.Conv2D(y, normed, w, ep, g)
		return y
	}
	w.inBands(e, y, s[1], b, ep, g, &normed{e: e, x: x, scale: scale, shift: shift, band: alloc(op, e, []int{1, b.lines, s[2], s[3]})})
	return y
}

// UpsampleConv2D returns x [n, h, w, in] resized by repeating and convolved: [Conv2D] of [UpsampleNearest].
func UpsampleConv2D(x *Tensor, height, width int, w *Weight, ep Epilogue, stride int, padding Padding) *Tensor {
	const op = "UpsampleConv2D"
	e := w.check(op, true, x, ep)
	wantUpsampled(op, x, height, width)
	g, s := ConvGeometry{stride, padding}, []int{x.Shape()[0], height, width, x.Shape()[3]}
	shape := w.convolved(op, x, height, width, g)
	x = Contiguous(x)
	y, ep := ep.result(op, e, shape, nil)
	defer Tidy(y).Keep()
	b := w.bands(e, s, shape, g)
	if b.n == 0 || height != 2*x.Shape()[1] { // other rows than every second would begin in the middle of one of x
		enlarged := alloc(op, e, s)
		e.UpsampleNearest(enlarged, x)
		e.Conv2D(y, enlarged, w, ep, g)
		return y
	}
	w.inBands(e, y, height, b, ep, g, &enlarged{e: e, x: x, band: alloc(op, e, []int{1, b.lines + 2, width, s[3]})})
	return y
}

// bandRows is what the rows of a result come in, but for what is left over at the end: tiles of the CPU's Winograd convolution, which must lie in
// each band as they would in the whole.
const bandRows = 4

// bands is how a result is cut. The zero value says that it is not.
type bands struct {
	n     int // in a picture …
	tiles int // … of so many times bandRows rows, and less than that left over
	lines int // rows of the input that a band reads at most
}

// bands cuts what becomes of pictures of shape x, the result y, if there is something to gain, a picture being larger than four bands, and if the
// filter is of a kind for which there are bands.
func (w *Weight) bands(e Engine, x, y []int, g ConvGeometry) bands {
	size, pixels := e.Band()
	tiles := y[1] / bandRows
	if elements(x[1:])/4 <= size || tiles == 0 || w.KH > 3 || max(g.Top, g.Bottom) >= w.KH {
		return bands{}
	}
	each := max((size/(x[2]*x[3])-w.KH)/g.Stride+1, (pixels+y[2]-1)/y[2])
	each = max(1, each/bandRows)
	n := (tiles + each - 1) / each
	each = (tiles+n-1)/n*bandRows + bandRows - 1
	return bands{n, tiles, min(x[1], (each-1)*g.Stride+w.KH)}
}

// rows returns which rows of h band i has.
func (b bands) rows(i, h int) (from, to int) {
	from, to = b.tiles*i/b.n*bandRows, b.tiles*(i+1)/b.n*bandRows
	if i == b.n-1 {
		to = h // a band of less than a tile might go another way than the whole
	}
	return from, to
}

// picture is the input of a convolution that is made as it is read.
type picture interface {
	// rows returns rows from … to-1 of picture n. They are good until the next call.
	rows(n, from, to int) *Tensor
}

// inBands convolves pictures of h rows into y.
func (w *Weight) inBands(e Engine, y *Tensor, h int, b bands, ep Epilogue, g ConvGeometry, p picture) {
	s := y.Shape()
	for n := range s[0] {
		for i := range b.n {
			from, to := b.rows(i, s[1])
			first, end := from*g.Stride-g.Top, (to-1)*g.Stride-g.Top+w.KH
			in := ConvGeometry{g.Stride, Padding{Top: max(0, -first), Left: g.Left, Bottom: max(0, end-h), Right: g.Right}}
			out := ep
			if ep.Residual != nil {
				out.Residual = rows(e, ep.Residual, n*s[1]+from, n*s[1]+to)
			}
			e.Conv2D(rows(e, y, n*s[1]+from, n*s[1]+to), p.rows(n, first+in.Top, end-in.Bottom), w, out, in)
		}
	}
}

// normed is SiLU of x·scale + shift.
type normed struct {
	e               Engine
	x, scale, shift *Tensor
	band            *Tensor
	n, from, to     int // what the band holds
}

// rows keeps the rows that the band before has read too: the result may have taken their place in x.
func (p *normed) rows(n, from, to int) *Tensor {
	kept := 0
	if n == p.n && from < p.to {
		kept = p.to - from
		p.e.Unary(OpCopy, rows(p.e, p.band, 0, kept), rows(p.e, p.band, from-p.from, p.to-p.from), 0, 0)
	}
	s := p.x.Shape()
	channels := func(t *Tensor) *Tensor {
		return rows(p.e, header(p.e, t, []int{1, s[0], 1, s[3]}), n, n+1)
	}
	p.e.ScaleChannels(rows(p.e, p.band, kept, to-from), rows(p.e, p.x, n*s[1]+from+kept, n*s[1]+to), channels(p.scale), channels(p.shift), true)
	p.n, p.from, p.to = n, from, to
	return rows(p.e, p.band, 0, to-from)
}

// enlarged is x with every row twice.
type enlarged struct {
	e       Engine
	x, band *Tensor
}

func (p *enlarged) rows(n, from, to int) *Tensor {
	first, end := from/2, (to+1)/2
	n *= p.x.Shape()[1]
	p.e.UpsampleNearest(rows(p.e, p.band, 0, 2*(end-first)), rows(p.e, p.x, n+first, n+end))
	return rows(p.e, p.band, from-2*first, to-2*first)
}

// rows returns rows from … to-1 of the pictures t [n, h, w, c], counted through all of them, as one picture: a header on their memory.
func rows(e Engine, t *Tensor, from, to int) *Tensor {
	s := t.Shape()
	line, shape := s[2]*s[3], []int{1, to - from, s[2], s[3]}
	if e.AllocAccessible() {
		return onHost(e, memory(t)[from*line:to*line:to*line], shape)
	}
	return onDevice(e, t.Uintptr()+uintptr(from*line)*4, shape)
}

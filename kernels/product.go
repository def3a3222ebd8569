package kernels

import (
	"sync"

	"github.com/sowgen/sowgen/kernels/ref"
)

// A product is cut twice. A task is about chunkRows rows of A by up to blockPanels panels of B. Inside, the inner index runs in blocks of about
// kBlock, and in a block panel after panel is multiplied with all rows, in one call of the micro-kernel: the rows (chunkRows × kBlock × 4 B = 336 KiB)
// stay in the second-level cache while the panels go by, and so does a panel (48 KiB), which each tile streams from there, while
// the rows go by. A B of 16-bit numbers is widened panel by panel, once for all rows of the task.
// Every border follows from the shape alone, and each value is summed in the order of its inner index, so neither the number of
// threads nor the tiles change a bit.
const (
	chunkRows   = 224
	blockPanels = 10
	kBlock      = 384
)

// product is one matrix product or convolution in work.
type product struct {
	dst []float32
	ldd int
	b   *Packed
	ep  Epilogue

	x     []float32 // A, or the picture
	lda   int       // A's row stride
	m     int       // A's rows
	chunk int       // rows of A in a task
	conv  convTasks // how the picture is cut; unused for a matrix

	panels  int // panels in a task
	blocks  int // tasks side by side
	scratch int // values of working memory in a task

	paired []float32 // memory for the bias of a gated weight
}

var products = sync.Pool{New: func() any { return new(product) }}

func newProduct(dst []float32, ldd int, b *Packed, ep Epilogue) *product {
	p := products.Get().(*product)
	*p = product{dst: dst, ldd: ldd, b: b, ep: ep, paired: p.paired}
	if b.gated && ep.Bias != nil {
		p.paired = pairs(p.paired[:0], ep.Bias)
		p.ep.Bias = p.paired
	}
	return p
}

// matrix is run for a matrix A of m rows lda values apart.
func (p *product) matrix(a []float32, lda, m int) {
	chunks := ceilDiv(m, chunkRows)
	p.x, p.lda, p.m = a, lda, m
	p.chunk = ceilDiv(m, chunks)
	p.run(ceilDiv(m, p.chunk), p.chunk)
}

// run does the tasks: chunks chunks of at most rows rows. Few rows (a small picture, one embedding) are cut finer in the other
// direction to give every thread something.
func (p *product) run(chunks, rows int) {
	p.panels = min(blockPanels, p.b.panels())
	for chunks*ceilDiv(p.b.panels(), p.panels) < 16 && p.panels > 1 && rows*p.b.k*p.panels*panel >= smallWork {
		p.panels = (p.panels + 1) / 2
	}
	p.blocks = ceilDiv(p.b.panels(), p.panels)
	p.scratch += padded(rows * p.panels * panel)
	if p.b.format != F32 {
		p.scratch += padded(min(kBlock, p.b.k) * panel)
	}
	spread(chunks*rows*p.b.k*p.b.n, chunks*p.blocks, p)
	*p = product{paired: p.paired}
	products.Put(p)
}

func (p *product) do(i int) {
	s := getScratch(p.scratch)
	var v view
	if p.conv.cuts > 0 {
		v = p.conv.view(s, p.x, i/p.blocks)
	} else {
		from := i / p.blocks * p.chunk
		v = view{data: p.x[from*p.lda:], lines: 1, width: min(p.chunk, p.m-from), row: p.lda, segs: 1, run: p.b.depth(), out: from}
	}
	first := i % p.blocks * p.panels
	p.multiply(s, &v, first, min(first+p.panels, p.b.panels()))
	s.put()
}

// view is the A side of one task: lines of width rows each. Row x of line l is segs runs of run values each, and run s begins at
// data[l*line + x*row + s*seg]. A matrix is one line with one run a row. A convolution has a line for each line of output
// pixels and a run for each line of the filter, and neighbouring rows overlap: nothing is copied out (no im2col).
type view struct {
	data      []float32
	lines     int
	width     int
	line      int
	row       int
	segs, seg int
	run       int
	out       int // row of dst that row 0 of line 0 makes
	outLine   int // rows of dst from line to line
}

// multiply computes the rows of v by the panels first … last-1.
func (p *product) multiply(s *scratch, v *view, first, last int) {
	segs, run := v.segs, v.run // in one block of the inner index
	if run > kBlock {
		segs, run = 1, ceilDiv(run, ceilDiv(run, kBlock))
	} else if run > 0 {
		segs = min(segs, max(1, kBlock/run))
	}
	m := active.Load()
	rows, ld := v.lines*v.width, (last-first)*panel
	part := s.take(rows * ld) // sums on their way
	var wide []float32
	if p.b.format != F32 {
		wide = s.take(segs * run * panel) // a block of a panel of B
	}
	t := &s.tile
	t.ACol = 1
	for s0 := 0; s0 < v.segs; s0 += segs {
		for k0 := 0; k0 == 0 || k0 < v.run; k0 += run {
			begin, end := s0 == 0 && k0 == 0, s0+segs >= v.segs && k0+run >= v.run
			segs, run := min(segs, v.segs-s0), min(run, v.run-k0)
			a := v.data[s0*v.seg+k0:]
			for j := first; j < last; j++ {
				t.B = p.b.block(m, wide, j, s0*v.run+k0, segs*run)
				for line := range v.lines {
					t.Rows, t.A = v.width, a[line*v.line:]
					t.ARow, t.ASeg, t.Segs, t.K = v.row, v.seg, segs, run
					p.tile(m, t, part[line*v.width*ld+(j-first)*panel:], ld, v.out+line*v.outLine, j, begin, end)
				}
			}
		}
	}
	for line := range v.lines {
		p.finish(m, part[line*v.width*ld:], ld, v.out+line*v.outLine, v.width, first, last)
	}
}

// direct says whether panel j can be stored from the inner loop: whole and without an activation or a gate.
func (p *product) direct(j int) bool {
	return p.ep.Act == None && !p.b.gated && (p.b.n-j*panel >= panel || p.b.n-j*panel == panel/2)
}

// tile computes one tile by panel j of B: begin and end say whether this is the first and the last block of the inner index.
func (p *product) tile(m *implementation, t *ref.Tile, part []float32, ldp, out, j int, begin, end bool) {
	t.Cols = panel
	if p.b.n-j*panel <= panel/2 {
		t.Cols = panel / 2
	}
	t.Init, t.InitStride = part, ldp
	if begin {
		t.Init = nil
		if p.ep.Bias != nil && p.b.n-j*panel >= t.Cols {
			t.Init, t.InitStride = p.ep.Bias[j*panel:], 0
		}
	}
	t.Add = nil
	t.Dst, t.DstStride = part, ldp
	if end && p.direct(j) {
		at := out*p.ldd + j*panel
		t.Dst, t.DstStride = p.dst[at:], p.ldd
		if p.ep.Residual != nil {
			t.Add, t.AddStride = p.ep.Residual[at:], p.ldd
		}
	}
	multiply, _ := p.b.loops(m)
	multiply(t)
}

// finish stores what the inner loop could not: columns with an activation or a gate, and a last panel that is not whole.
func (p *product) finish(m *implementation, part []float32, ldp, out, rows, first, last int) {
	for first < last && p.direct(first) {
		first++
		part = part[panel:]
	}
	if first == last {
		return
	}
	from, to := first*panel, min(last*panel, p.b.n)
	for i := range rows {
		row := part[i*ldp:][:to-from]
		if rest := p.b.n - (last-1)*panel; p.ep.Bias != nil && rest < panel && rest != panel/2 {
			tail := row[len(row)-rest:]
			m.Add(tail, tail, p.ep.Bias[to-rest:])
		}
		if p.b.gated {
			m.GEGLU(p.dst[(out+i)*p.ldd+from/2:][:len(row)/2], row)
			continue
		}
		p.ep.Act.apply(m, row)
		at := (out+i)*p.ldd + from
		dst := p.dst[at:][:len(row)]
		if p.ep.Residual != nil {
			m.Add(dst, row, p.ep.Residual[at:])
		} else {
			copy(dst, row)
		}
	}
}

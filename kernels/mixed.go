package kernels

import (
	"unsafe"

	"github.com/sowgen/sowgen/kernels/ref"
)

// Mixed returns b for products of bfloat16: its numbers are rounded to that format, and an operation rounds those of the other side
// too, to nearest even. The products, which are exact, are summed in float32. b is not to be used any more.
//
// If the implementation in use multiplies bfloat16, the numbers are laid out for it, in words of two rows: as they lie they are what its loop
// reads. Another implementation, chosen later, multiplies them in plain Go.
func (b *Packed) Mixed() *Packed {
	p := &Packed{k: b.k, n: b.n, format: BF16, mixed: true, gated: b.gated, half: b.half}
	m := active.Load()
	words := m.Dot != nil
	if b.format == F32 || words && b.k%2 != 0 {
		p.half = newPacked(b.k+b.k%2, b.n, BF16).half
	}
	if words {
		p.words = halfWords(p.half)
	} else if b.format == BF16 {
		return p
	}
	const piece = 1 << 9 // rows, an even number
	pieces := ceilDiv(b.k, piece)
	Parallel(b.panels()*pieces, func(i int) {
		j, from := i/pieces, i%pieces*piece
		rows := min(piece, b.k-from)
		s := getScratch(padded((piece + 1) * panel))
		defer s.put()
		wide, at := s.take((piece+1)*panel), (j*b.k+from)*panel
		if b.format == F32 {
			copy(wide[:rows*panel], b.data[at:])
		} else {
			m.widen(b.format, wide[:rows*panel], b.half[at:])
		}
		if !words {
			m.narrow(BF16, p.half[at:][:rows*panel], wide)
			return
		}
		clear(wide[rows*panel:][:rows%2*panel])
		pairs := (rows + 1) / 2
		m.PanelPairs(wide, pairs)
		copy(p.words[(j*p.depth()+from/2)*panel:], wide[:pairs*panel])
	})
	return p
}

// halfWords is 16-bit numbers as words of two.
func halfWords(h []uint16) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(h))), len(h)/2)
}

// depth is how many rows of numbers, or words, a panel has.
func (b *Packed) depth() int {
	if b.words != nil {
		return (b.k + 1) / 2
	}
	return b.k
}

// loops gives the inner loop for b, and what rounds the other side for it.
func (b *Packed) loops(m *implementation) (multiply func(t *ref.Tile), round func(dst, x []float32)) {
	switch {
	case !b.mixed:
		return m.Matrix, nil
	case b.words == nil:
		return m.Matrix, m.RoundBF16
	case m.Dot == nil:
		return ref.Dot, ref.Pairs
	}
	return m.Dot, m.Pairs
}

// rounding is the A side of a product of bfloat16: the rows of a matrix or of a picture, rounded. They are made for a round at a time, which
// roundValues bounds, once for all panels of B.
type rounding struct {
	x       []float32
	lda     int       // from row to row of a matrix
	picture ConvShape // or else, if picture.KH > 0
	w       *Packed
	rows    []float32 // [n, w.depth()]
	first   int       // of this round
	n       int
}

var roundings stock[rounding]

// roundedRows is how many rows a task rounds.
const roundedRows = 32

// gemmMixed is Gemm for products of bfloat16, where A is the rows of x, a matrix or, if picture.KH > 0, a picture.
func gemmMixed(dst []float32, ldd int, x []float32, lda, m int, picture ConvShape, b *Packed, ep Epilogue) {
	r := roundings.get()
	depth := b.depth()
	round := ceilDiv(m, ceilDiv(m, max(chunkRows, roundValues/depth)))
	*r = rounding{x: x, lda: lda, picture: picture, w: b, rows: r.rows}
	if len(r.rows) < round*depth {
		r.rows = aligned[float32](round * depth)
		hugePages(r.rows)
	}
	for ; r.first < m; r.first += round {
		r.n = min(round, m-r.first)
		spread(r.n*b.k*b.n, ceilDiv(r.n, roundedRows), r)
		ep := ep
		if ep.Residual != nil {
			ep.Residual = ep.Residual[r.first*ldd:]
		}
		newProduct(dst[r.first*ldd:], ldd, b, ep).matrix(r.rows, depth, r.n)
	}
	*r = rounding{rows: r.rows}
	roundings.put(r)
}

func (r *rounding) do(i int) {
	_, round := r.w.loops(active.Load())
	k, depth := r.w.k, r.w.depth()
	s := getScratch(padded(k))
	line := s.take(k)
	for row := i * roundedRows; row < min((i+1)*roundedRows, r.n); row++ {
		from := line
		if r.picture.KH > 0 {
			r.picture.gather(line, r.x, r.first+row)
		} else {
			from = r.x[(r.first+row)*r.lda:][:k]
		}
		round(r.rows[row*depth:][:depth], from)
	}
	s.put()
}

// gather puts what output pixel i is made of into row: the KH·KW·C numbers under the filter.
func (s ConvShape) gather(row, x []float32, i int) {
	oh, ow := s.OutH(), s.OutW()
	n, y, x0 := i/(oh*ow), i/ow%oh*s.Stride-s.PadTop, i%ow*s.Stride-s.PadLeft
	for ky := range s.KH {
		for kx := range s.KW {
			pixel := row[(ky*s.KW+kx)*s.C:][:s.C]
			if y, x0 := y+ky, x0+kx; y >= 0 && y < s.H && x0 >= 0 && x0 < s.W {
				copy(pixel, x[((n*s.H+y)*s.W+x0)*s.C:])
			} else {
				clear(pixel)
			}
		}
	}
}

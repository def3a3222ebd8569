package kernels

import (
	"math"
	"sync/atomic"

	"github.com/sowgen/sowgen/kernels/ref"
)

// panel is the width of a panel of the B side.
const panel = ref.Panel

// Packed is a [k, n] matrix, the B side of a product, laid out for the inner loop: ceil(n/32) panels of [k, 32], the last one
// filled up with zeros. It is made once for each weight and never changes.
//
// Its numbers may be kept in 16 bits. An operation widens a block of them at a time (see block), so that the results are the same
// bytes as with float32.
type Packed struct {
	k, n   int
	format Format
	mixed  bool      // see Mixed
	gated  bool      // see PackGated
	data   []float32 // if the format is F32 …
	half   []uint16  // … or else
	words  []float32 // half, if it is laid out in words of two rows (see Mixed)
}

// K is the number of rows: the inner size of the product.
func (b *Packed) K() int { return b.k }

// N is the number of columns: of a gated weight, those of values and those of gates.
func (b *Packed) N() int { return b.n }

// Format is how the numbers are kept.
func (b *Packed) Format() Format { return b.format }

// panels is the number of 32-wide panels.
func (b *Packed) panels() int { return ceilDiv(b.n, panel) }

func newPacked(k, n int, f Format) *Packed {
	p, size := &Packed{k: k, n: n, format: f}, ceilDiv(n, panel)*k*panel
	if f == F32 {
		p.data = aligned[float32](size)
		hugePages(p.data)
	} else {
		p.half = aligned[uint16](size)
		hugePages(p.half)
	}
	return p
}

// PackedBytes is how much memory a [k, n] matrix takes.
func PackedBytes(k, n int, f Format) int64 {
	bytes := int64(ceilDiv(n, panel)) * panel * int64(k)
	if f == F32 {
		return 4 * bytes
	}
	return 2 * bytes
}

// block gives the rows from … from+rows-1 of panel j, of numbers or of words, in b itself or widened in buf, which must have room for rows·32
// values.
func (b *Packed) block(m *implementation, buf []float32, j, from, rows int) []float32 {
	at := (j*b.depth() + from) * panel
	switch {
	case b.words != nil:
		return b.words[at:]
	case b.format == F32:
		return b.data[at:]
	}
	m.widen(b.format, buf[:rows*panel], b.half[at:])
	return buf
}

// Pack lays out b [k, n], whose rows start ldb values apart.
func Pack(b []float32, k, n, ldb int) *Packed {
	checkMatrix("Pack", "b", b, k, n, ldb)
	p := newPacked(k, n, F32)
	if k == 0 {
		return p
	}
	Parallel(p.panels(), func(i int) { packPanel(p.data[i*k*panel:], b[i*panel:], ldb, k, min(panel, n-i*panel)) })
	return p
}

// PackTransposed lays out the transpose of b [n, k], whose rows start ldb values apart: PyTorch's linear weight [out, in].
func PackTransposed(b []float32, k, n, ldb int) *Packed {
	checkMatrix("PackTransposed", "b", b, n, k, ldb)
	p := newPacked(k, n, F32)
	Parallel(p.panels(), func(i int) {
		packPanelTransposed(p.data[i*k*panel:], b[i*panel*ldb:], ldb, k, min(panel, n-i*panel))
	})
	return p
}

// PackConv lays out PyTorch's convolution weight w [out, in, kh, kw] as the [kh·kw·in, out] matrix of Conv2D: the inner index is
// (ky·kw + kx)·in + c.
func PackConv(w []float32, out, in, kh, kw int) *Packed {
	sizes("PackConv", out, in, kh, kw)
	need("PackConv", "w", len(w), out*in*kh*kw)
	p := newPacked(kh*kw*in, out, F32)
	Parallel(p.panels(), func(i int) {
		packFilters(p.data[i*p.k*panel:], w[i*panel*p.k:], in, kh*kw, min(panel, out-i*panel))
	})
	return p
}

// PackStored lays out a weight [out, in, kh, kw] as PackConv does, which for kh = kw = 1 is what PackTransposed makes of [out, in].
// It keeps its format, and is read panel by panel: there is never another copy of the whole.
func PackStored(w Stored, out, in, kh, kw int) (*Packed, error) {
	sizes("PackStored", out, in, kh, kw)
	p := newPacked(kh*kw*in, out, w.Format)
	errs := make([]error, p.panels())
	Parallel(p.panels(), func(i int) {
		filters := min(panel, out-i*panel)
		if w.Format == F32 {
			errs[i] = readFilters(p.data[i*p.k*panel:], w.F32, i*panel*p.k, in, kh*kw, filters)
		} else {
			errs[i] = readFilters(p.half[i*p.k*panel:], w.Half, i*panel*p.k, in, kh*kw, filters)
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// PackGated lays out the weight [2c, in] of a gated linear layer, whose first c rows make values and whose others make their gates: a product
// with it is value·GELU(gate) (see [Gemm]). A panel has up to 16 columns of values and then their gates', so that what has summed up the ones
// has the others, too. It keeps its format and is read as by PackStored.
func PackGated(w Stored, c, in int) (*Packed, error) {
	switch w.Format {
	case F32:
		w.F32 = readPairs(w.F32, c, in)
	default:
		w.Half = readPairs(w.Half, c, in)
	}
	p, err := PackStored(w, 2*c, in, 1, 1)
	if err == nil {
		p.gated = true
	}
	return p, err
}

// readPairs is read for the rows, of k numbers each, in the order of a gated weight's columns. It can read a panel's rows.
func readPairs[T number](read func(dst []T, first int) error, c, k int) func(dst []T, first int) error {
	return func(dst []T, first int) error {
		half, at := len(dst)/2, first/2
		if err := read(dst[:half], at); err != nil {
			return err
		}
		return read(dst[half:], c*k+at)
	}
}

// pairs appends to buf the numbers x of a gated weight's rows in the order of its columns.
func pairs(buf, x []float32) []float32 {
	c := len(x) / 2
	for i := 0; i < c; i += panel / 2 {
		next := min(i+panel/2, c)
		buf = append(append(buf, x[i:next]...), x[c+i:c+next]...)
	}
	return buf
}

// packPanel copies cols columns of the [k, ·] matrix b into a panel and fills it up with zeros.
func packPanel(dst, b []float32, ldb, k, cols int) {
	for i := range k {
		row := dst[i*panel:][:panel]
		copy(row, b[i*ldb:][:cols])
		clear(row[cols:])
	}
}

// packPanelTransposed copies the cols rows of the [cols, k] matrix b into the columns of a panel and fills it up with zeros.
func packPanelTransposed[T number](dst, b []T, ldb, k, cols int) {
	if cols < panel {
		clear(dst[:k*panel])
	}
	const piece = 512 // of k, whose part of the panel stays in the first-level cache until all columns are in
	for i := 0; i < k; i += piece {
		transpose(dst[i*panel:], panel, b[i:], ldb, cols, min(piece, k-i))
	}
}

// packFilters lays out so many filters [in, taps] as a panel, whose row t·in + c holds tap t of channel c.
func packFilters[T number](dst, w []T, in, taps, filters int) {
	k := in * taps
	if taps == 1 {
		packPanelTransposed(dst, w, k, k, filters)
		return
	}
	const piece = 512 // of k
	channels := min(in, max(1, piece/taps))
	buf := make([]T, channels*taps*panel)
	for c := 0; c < in; c += channels {
		n := min(channels, in-c)
		packPanelTransposed(buf, w[c*taps:], k, n*taps, filters) // row c·taps + t
		for i := range n {
			for t := range taps {
				*(*[panel]T)(dst[(t*in+c+i)*panel:]) = *(*[panel]T)(buf[(i*taps+t)*panel:])
			}
		}
	}
}

// readFilters is packFilters for filters that begin with number first of read.
func readFilters[T number](dst []T, read func(dst []T, first int) error, first, in, taps, filters int) error {
	s := getScratch(padded(filters * in * taps))
	defer s.put()
	w := take[T](s, filters*in*taps)
	if err := read(w, first); err != nil {
		return err
	}
	packFilters(dst, w, in, taps, filters)
	return nil
}

// Narrow returns b in 16 bits if that loses nothing, in bfloat16 if either format would do; else b itself.
func (b *Packed) Narrow() *Packed {
	if b.format != F32 {
		return b
	}
	const piece = 1024 // most float32 weights are told by the first
	var lossy [BF16 + 1]atomic.Bool
	Parallel(b.panels(), func(i int) {
		m := active.Load()
		h, wide := make([]uint16, piece), make([]float32, piece)
		x := b.data[i*b.k*panel:][:b.k*panel]
		for from := 0; from < len(x) && !(lossy[F16].Load() && lossy[BF16].Load()); from += piece {
			part := x[from:min(from+piece, len(x))]
			for _, f := range []Format{F16, BF16} {
				m.narrow(f, h[:len(part)], part)
				m.widen(f, wide[:len(part)], h)
				for j, v := range part {
					if math.Float32bits(v) != math.Float32bits(wide[j]) {
						lossy[f].Store(true)
						break
					}
				}
			}
		}
	})
	for _, f := range []Format{BF16, F16} {
		if !lossy[f].Load() {
			p := newPacked(b.k, b.n, f)
			p.gated = b.gated
			Parallel(b.panels(), func(i int) {
				from, to := i*b.k*panel, (i+1)*b.k*panel
				active.Load().narrow(f, p.half[from:to], b.data[from:to])
			})
			return p
		}
	}
	return b
}

// Widen returns b as float32; what Mixed made stays as it is.
func (b *Packed) Widen() *Packed {
	if b.format == F32 || b.mixed {
		return b
	}
	p := newPacked(b.k, b.n, F32)
	p.gated = b.gated
	Parallel(b.panels(), func(i int) {
		from, to := i*b.k*panel, (i+1)*b.k*panel
		active.Load().widen(b.format, p.data[from:to], b.half[from:to])
	})
	return p
}

func checkMatrix(op, name string, b []float32, rows, cols, ld int) {
	sizes(op, rows, cols)
	if ld < cols {
		fail(op, "rows of %s start %d values apart, want at least %d", name, ld, cols)
	}
	need(op, name, len(b), span(rows, cols, ld))
}

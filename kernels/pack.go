package kernels

import "github.com/sowgen/sowgen/kernels/ref"

// panel is the width of a panel of the B side.
const panel = ref.Panel

// Packed is a [k, n] matrix, the B side of a product, laid out for the inner loop: ceil(n/32) panels of [k, 32], the last one
// filled up with zeros. It is made once for each weight and never changes.
type Packed struct {
	k, n int
	data []float32
}

// K is the number of rows: the inner size of the product.
func (b *Packed) K() int { return b.k }

// N is the number of columns.
func (b *Packed) N() int { return b.n }

// panels is the number of 32-wide panels.
func (b *Packed) panels() int { return ceilDiv(b.n, panel) }

func newPacked(k, n int) *Packed {
	p := &Packed{k: k, n: n, data: aligned(ceilDiv(n, panel) * k * panel)}
	hugePages(p.data)
	return p
}

// Pack lays out b [k, n], whose rows start ldb values apart.
func Pack(b []float32, k, n, ldb int) *Packed {
	checkMatrix("Pack", "b", b, k, n, ldb)
	p := newPacked(k, n)
	if k == 0 {
		return p
	}
	Parallel(p.panels(), func(i int) { packPanel(p.data[i*k*panel:], b[i*panel:], ldb, k, min(panel, n-i*panel)) })
	return p
}

// PackTransposed lays out the transpose of b [n, k], whose rows start ldb values apart: PyTorch's linear weight [out, in].
func PackTransposed(b []float32, k, n, ldb int) *Packed {
	checkMatrix("PackTransposed", "b", b, n, k, ldb)
	p := newPacked(k, n)
	Parallel(p.panels(), func(i int) {
		packPanelTransposed(p.data[i*k*panel:], b[i*panel*ldb:], ldb, k, min(panel, n-i*panel))
	})
	return p
}

// PackConv lays out PyTorch's convolution weight w [out, in, kh, kw] as the [kh·kw·in, out] matrix of Conv2D: the inner index is
// (ky·kw + kx)·in + c.
func PackConv(w []float32, out, in, kh, kw int) *Packed {
	sizes("PackConv", out, in, kh, kw)
	taps := kh * kw
	need("PackConv", "w", len(w), out*in*taps)
	p := newPacked(taps*in, out)
	Parallel(p.panels(), func(i int) {
		dst := p.data[i*p.k*panel:]
		for o := range min(panel, out-i*panel) {
			for c := range in {
				for t, v := range w[((i*panel+o)*in+c)*taps:][:taps] {
					dst[(t*in+c)*panel+o] = v
				}
			}
		}
	})
	return p
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
func packPanelTransposed(dst, b []float32, ldb, k, cols int) {
	if cols < panel {
		clear(dst[:k*panel])
	}
	active.Load().Transpose(dst, panel, b, ldb, cols, k)
}

func checkMatrix(op, name string, b []float32, rows, cols, ld int) {
	sizes(op, rows, cols)
	if ld < cols {
		fail(op, "rows of %s start %d values apart, want at least %d", name, ld, cols)
	}
	need(op, name, len(b), span(rows, cols, ld))
}

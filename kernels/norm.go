package kernels

import "math"

// GroupNorm normalises x [n, hw, c] over each picture's groups of c/groups neighbouring channels, and applies SiLU if silu is
// set:
//
//	dst = (x - mean)/√(var + eps)·gamma[c] + beta[c]
//
// gamma and beta are [c], or nil for 1 and 0. var is the mean square deviation (divided by the count). The statistics are taken
// block by block around each block's own mean and joined in float64, so a large mean costs no digits. dst may be x.
func GroupNorm(dst, x, gamma, beta []float32, n, hw, c, groups int, eps float32, silu bool) {
	sizes("GroupNorm", n, hw, c)
	if groups < 1 || c%groups != 0 {
		fail("GroupNorm", "%d channels do not divide into %d groups", c, groups)
	}
	need("GroupNorm", "x", len(x), n*hw*c)
	need("GroupNorm", "dst", len(dst), n*hw*c)
	checkAffine("GroupNorm", gamma, beta, c)
	if n*hw*c == 0 {
		return
	}
	m := active.Load()
	blocks := ceilDiv(hw, normRows)
	s := getScratch(2*padded(n*blocks*c) + 2*padded(n*c))
	defer s.put()
	// mean and squares are [n, blocks, c]: each block's mean and the sum of squares around it, by channel.
	mean, squares := s.take(n*blocks*c), s.take(n*blocks*c)
	scale, shift := s.take(n*c), s.take(n*c)
	rowsOf := func(i int) int { return min(normRows, hw-i%blocks*normRows) }
	spread(8*n*hw*c, n*blocks, funcTasks(func(i int) {
		rows, x := rowsOf(i), x[(i/blocks*hw+i%blocks*normRows)*c:]
		mean, squares := mean[i*c:][:c], squares[i*c:][:c]
		m.ColSum(mean, x, c, rows)
		for j := range mean {
			mean[j] /= float32(rows)
		}
		m.ColSumSquares(squares, x, mean, c, rows)
	}))
	per := c / groups
	for i := range n * groups {
		from := i % groups * per
		var all moments
		for b := range blocks {
			at := (i/groups*blocks + b) * c
			for j := at + from; j < at+from+per; j++ {
				all.add(float64(rowsOf(b)), float64(mean[j]), float64(squares[j]))
			}
		}
		rstd := 1 / math.Sqrt(all.squares/all.n+float64(eps))
		for j := from; j < from+per; j++ {
			at := i/groups*c + j
			scale[at], shift[at] = float32(rstd), float32(-all.mean*rstd)
			if gamma != nil {
				scale[at], shift[at] = float32(rstd*float64(gamma[j])), float32(-all.mean*rstd*float64(gamma[j]))
			}
			if beta != nil {
				shift[at] = float32(float64(shift[at]) + float64(beta[j]))
			}
		}
	}
	apply := m.Affine
	if silu {
		apply = m.AffineSiLU
	}
	spread(8*n*hw*c, n*blocks, funcTasks(func(i int) {
		scale, shift := scale[i/blocks*c:][:c], shift[i/blocks*c:][:c]
		for r := range rowsOf(i) {
			at := (i/blocks*hw + i%blocks*normRows + r) * c
			apply(dst[at:at+c], x[at:at+c], scale, shift)
		}
	}))
}

// normRows is how many rows make a block: short enough that float32 sums down the columns lose nothing to speak of and that the
// second pass finds the block in the cache.
const normRows = 64

// moments is a count, a mean and a sum of squares around it.
type moments struct{ n, mean, squares float64 }

// add joins another set (Chan, Golub, LeVeque 1979).
func (m *moments) add(n, mean, squares float64) {
	d := mean - m.mean
	m.n += n
	m.mean += d * n / m.n
	m.squares += squares + d*d*n*(m.n-n)/m.n
}

// LayerNorm normalises each row of x [rows, c]: dst = (x - mean)/√(var + eps)·gamma + beta, with gamma and beta [c], or nil for
// 1 and 0. The variance is taken in a second pass around the mean. dst may be x.
func LayerNorm(dst, x, gamma, beta []float32, rows, c int, eps float32) {
	sizes("LayerNorm", rows, c)
	need("LayerNorm", "x", len(x), rows*c)
	need("LayerNorm", "dst", len(dst), rows*c)
	checkAffine("LayerNorm", gamma, beta, c)
	if rows*c == 0 {
		return
	}
	m := active.Load()
	s := getScratch(2 * padded(c))
	defer s.put()
	if gamma == nil {
		gamma = s.take(c)
		for j := range gamma {
			gamma[j] = 1
		}
	}
	if beta == nil {
		beta = s.take(c)
		clear(beta)
	}
	byRows(rows, c, func(r int) {
		row := x[r*c:][:c]
		mean := m.Sum(row) / float32(c)
		variance := m.SumSquares(row, mean) / float32(c)
		rstd := float32(1 / math.Sqrt(float64(variance)+float64(eps)))
		m.Normalize(dst[r*c:][:c], row, gamma[:c], beta[:c], mean, rstd)
	})
}

func checkAffine(op string, gamma, beta []float32, c int) {
	if gamma != nil {
		need(op, "gamma", len(gamma), c)
	}
	if beta != nil {
		need(op, "beta", len(beta), c)
	}
}

// byRows calls f for every row of a [rows, c] matrix, a good number of them in a task.
func byRows(rows, c int, f func(r int)) {
	per := max(1, chunk/max(1, c))
	spread(rows*c*8, ceilDiv(rows, per), funcTasks(func(i int) {
		for r := i * per; r < min(rows, (i+1)*per); r++ {
			f(r)
		}
	}))
}

// Softmax is e^x / Σ e^x over each row of x [rows, c]; the row's largest value is taken off first, so nothing overflows. A row
// with a NaN, a +Inf or nothing but -Inf becomes NaN. dst may be x.
func Softmax(dst, x []float32, rows, c int) {
	sizes("Softmax", rows, c)
	need("Softmax", "x", len(x), rows*c)
	need("Softmax", "dst", len(dst), rows*c)
	m := active.Load()
	byRows(rows, c, func(r int) {
		row, out := x[r*c:][:c], dst[r*c:][:c]
		sum := m.ExpSum(out, row, m.Max(row))
		m.Axpby(out, 1/sum, out, 0, out)
	})
}

package kernels

import "math"

// GroupScales is what normalising x [n, hw, c] over each picture's groups of c/groups neighbouring channels comes to for each channel: a scale
// and a shift, both [n, c], that [ScaleChannels] applies:
//
//	scale = gamma[c]/√(var + eps)
//	shift = beta[c] - mean·scale
//
// gamma and beta are [c], or nil for 1 and 0. var is the mean square deviation (divided by the count). The statistics are taken
// block by block around each block's own mean and joined in float64, so a large mean costs no digits.
func GroupScales(scale, shift, x, gamma, beta []float32, n, hw, c, groups int, eps float32) {
	sizes("GroupScales", n, hw, c)
	if groups < 1 || c%groups != 0 {
		fail("GroupScales", "%d channels do not divide into %d groups", c, groups)
	}
	need("GroupScales", "x", len(x), n*hw*c)
	need("GroupScales", "scale", len(scale), n*c)
	need("GroupScales", "shift", len(shift), n*c)
	checkAffine("GroupScales", gamma, beta, c)
	if n*hw*c == 0 {
		return
	}
	t := groupMoments.get()
	*t = groupTasks{x: x, hw: hw, c: c, groups: groups, moments: t.moments}
	t.rows = normRows * ceilDiv(hw, normRows*normTasks)
	t.slabs = ceilDiv(hw, t.rows)
	if len(t.moments) < n*t.slabs*groups {
		t.moments = make([]moments, n*t.slabs*groups)
	}
	spread(8*n*hw*c, n*t.slabs, t)
	per := c / groups
	for i := range n * groups {
		var all moments
		for slab := range t.slabs {
			all.join(t.moments[(i/groups*t.slabs+slab)*groups+i%groups])
		}
		rstd := 1 / math.Sqrt(all.squares/all.n+float64(eps))
		for j := i % groups * per; j < (i%groups+1)*per; j++ {
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
	*t = groupTasks{moments: t.moments}
	groupMoments.put(t)
}

// groupTasks finds the moments of each picture's groups in slabs of rows, one a task.
type groupTasks struct {
	x             []float32
	hw, c, groups int
	rows, slabs   int       // rows in a slab, slabs in a picture
	moments       []moments // [n, slabs, groups]
}

var groupMoments stock[groupTasks]

// normTasks is about how many slabs a picture has at most.
const normTasks = 256

func (t *groupTasks) do(i int) {
	m, c, per := active.Load(), t.c, t.c/t.groups
	s := getScratch(2 * padded(c))
	mean, squares := s.take(c), s.take(c)
	all := t.moments[i*t.groups:][:t.groups]
	clear(all)
	first := i % t.slabs * t.rows
	x := t.x[(i/t.slabs*t.hw+first)*c:]
	for left := min(t.rows, t.hw-first); left > 0; left -= normRows {
		rows := min(normRows, left)
		m.ColSum(mean, x, c, rows)
		for j := range mean {
			mean[j] /= float32(rows)
		}
		m.ColSumSquares(squares, x, mean, c, rows)
		for j := range mean {
			all[j/per].join(moments{float64(rows), float64(mean[j]), float64(squares[j])})
		}
		x = x[rows*c:]
	}
	s.put()
}

// ScaleChannels is dst = x·scale + shift for x [n, hw, c] and scale and shift [n, c], and applies SiLU if silu is set. dst may be x.
func ScaleChannels(dst, x, scale, shift []float32, n, hw, c int, silu bool) {
	sizes("ScaleChannels", n, hw, c)
	need("ScaleChannels", "x", len(x), n*hw*c)
	need("ScaleChannels", "dst", len(dst), n*hw*c)
	need("ScaleChannels", "scale", len(scale), n*c)
	need("ScaleChannels", "shift", len(shift), n*c)
	apply := active.Load().Affine
	if silu {
		apply = active.Load().AffineSiLU
	}
	blocks := ceilDiv(hw, normRows)
	spread(8*n*hw*c, n*blocks, funcTasks(func(i int) {
		scale, shift := scale[i/blocks*c:][:c], shift[i/blocks*c:][:c]
		for r := range min(normRows, hw-i%blocks*normRows) {
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

// join adds another set (Chan, Golub, LeVeque 1979).
func (m *moments) join(o moments) {
	d := o.mean - m.mean
	m.n += o.n
	part := o.n / m.n
	m.mean += d * part
	m.squares += o.squares + d*d*part*(m.n-o.n)
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

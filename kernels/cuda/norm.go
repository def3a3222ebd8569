package cuda

// GroupNorm normalises pictures over groups of neighbouring channels, and applies SiLU if that is set.
type GroupNorm struct {
	N, HW, C, Groups int
	Eps              float32
	SiLU             bool
}

// slabs is how many parts each picture is cut into: about a thousand altogether keep every multiprocessor busy.
func (g GroupNorm) slabs() (rows, slabs int) {
	rows = ceilDiv(g.HW, min(g.HW, max(1, 1024/g.N)))
	return rows, ceilDiv(g.HW, rows)
}

// Scratch is the number of float32 that Launches wants to work in.
func (g GroupNorm) Scratch() int {
	_, slabs := g.slabs()
	return 2*ceilDiv(g.N*g.C, 4)*4 + 2*g.N*slabs*g.Groups
}

// Launches is dst = (x - mean)/√(var + eps)·gamma + beta for x [n, hw, c], gamma and beta [c] or null. dst may be x.
func (g GroupNorm) Launches(dst, x, gamma, beta, scratch Pointer) []Launch {
	elements := count(g.N, g.HW, g.C)
	n := int(elements)
	rows, slabs := g.slabs()
	scale := scratch
	shift := scale.plus(ceilDiv(g.N*g.C, 4) * 4)
	moments := shift.plus(ceilDiv(g.N*g.C, 4) * 4)
	return []Launch{
		{"norm", "group_norm_moments", Dim{slabs, g.N, 1}, Dim{threads, 1, 1}, 0, params(
			moments, x, count(g.HW), count(g.C), count(g.Groups), count(rows)), moved(n)},
		{"norm", "group_norm_scales", warpEach(g.N * g.Groups), Dim{threads, 1, 1}, 0, params(
			scale, shift, moments, gamma, beta, count(g.N), count(g.HW), count(g.C), count(g.Groups), count(rows), count(slabs), g.Eps), moved(g.Scratch())},
		{"norm", "group_norm_apply", spread((elements + 3) / 4), Dim{threads, 1, 1}, 0, params(
			dst, x, scale, shift, count(g.N), count(g.HW), count(g.C), g.SiLU), moved(n, n)},
	}
}

// LayerNorm is dst = (x - mean)/√(var + eps)·gamma + beta for each row of x [rows, c], gamma and beta [c] or null. dst may be x.
func LayerNorm(dst, x, gamma, beta Pointer, rows, c int, eps float32) Launch {
	count(rows, c)
	return Launch{"norm", "layer_norm", warpEach(rows), Dim{threads, 1, 1}, 0, params(dst, x, gamma, beta, count(rows), count(c), eps), moved(2 * rows * c)}
}

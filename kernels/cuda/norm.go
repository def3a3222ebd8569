package cuda

// GroupNorm normalises pictures over groups of neighbouring channels.
type GroupNorm struct {
	N, HW, C, Groups int
	Eps              float32
}

// slabs is how many parts each picture is cut into: about a thousand altogether keep every multiprocessor busy.
func (g GroupNorm) slabs() (rows, slabs int) {
	rows = ceilDiv(g.HW, min(g.HW, max(1, 1024/g.N)))
	return rows, ceilDiv(g.HW, rows)
}

// Scratch is the number of float32 that Launches wants to work in.
func (g GroupNorm) Scratch() int {
	_, slabs := g.slabs()
	return 2 * g.N * slabs * g.Groups
}

// Launches is scale = gamma/√(var + eps) and shift = beta - mean·scale, both [n, c], for x [n, hw, c], gamma and beta [c] or null.
func (g GroupNorm) Launches(scale, shift, x, gamma, beta, scratch Pointer) []Launch {
	n := int(count(g.N, g.HW, g.C))
	rows, slabs := g.slabs()
	return []Launch{
		{"norm", "group_norm_moments", Dim{slabs, g.N, 1}, Dim{threads, 1, 1}, 0, params(
			scratch, x, count(g.HW), count(g.C), count(g.Groups), count(rows)), moved(n)},
		{"norm", "group_norm_scales", warpEach(g.N * g.Groups), Dim{threads, 1, 1}, 0, params(
			scale, shift, scratch, gamma, beta, count(g.N), count(g.HW), count(g.C), count(g.Groups), count(rows), count(slabs), g.Eps), moved(g.Scratch() + 2*g.N*g.C)},
	}
}

// ScaleChannels is dst = x·scale + shift for x [n, hw, c], scale and shift [n, c], and SiLU of that if silu is set. dst may be x.
func ScaleChannels(dst, x, scale, shift Pointer, n, hw, c int, silu bool) Launch {
	elements := count(n, hw, c)
	return Launch{"norm", "group_norm_apply", spread((elements + 3) / 4), Dim{threads, 1, 1}, 0, params(
		dst, x, scale, shift, count(n), count(hw), count(c), silu), moved(int(elements), int(elements))}
}

// LayerNorm is dst = (x - mean)/√(var + eps)·gamma + beta for each row of x [rows, c], gamma and beta [c] or null. dst may be x.
func LayerNorm(dst, x, gamma, beta Pointer, rows, c int, eps float32) Launch {
	count(rows, c)
	return Launch{"norm", "layer_norm", warpEach(rows), Dim{threads, 1, 1}, 0, params(dst, x, gamma, beta, count(rows), count(c), eps), moved(2 * rows * c)}
}

package cuda

// GroupNorm normalises pictures over groups of neighbouring channels.
type GroupNorm struct {
	N, HW, C, Groups int
	Eps              float32
}

// How the kernels of group norm share the work: a block has a tile of columns, its threads four columns each and every so many rows, a batch of them at
// a time.
const (
	mostColumns = 1024 // of a tile: four for each thread of a block
	tileColumns = 160  // the most of those that are chosen: there are many, and rows of them fill transactions
	batch       = 4
	blocks      = 512 // of a launch, about: four for each multiprocessor of a large GPU
)

// lanes is how many rows the threads of a block read side by side.
func lanes(columns int) int { return threads / ceilDiv(columns, 4) }

// tiled is how many columns a tile has: a divisor of c and a multiple of unit, itself one; at least least, and not more than tileColumns, as far as
// there is such a number.
func tiled(c, unit, least int) int {
	columns := unit
	for next := 2 * unit; next <= tileColumns && columns < least; next += unit {
		if c%next == 0 {
			columns = next
		}
	}
	return columns
}

// parts is into how many equal runs of channels a group is cut so that a tile can hold one: 1 but for very wide groups.
func (g GroupNorm) parts() int {
	per := g.C / g.Groups
	for parts := 1; ; parts++ {
		if per%parts == 0 && per/parts <= mostColumns {
			return parts
		}
	}
}

// unit is the columns that a tile has at least: whole groups, or whole parts of one, and whole quads where that can be.
func (g GroupNorm) unit() int {
	unit := g.C / (g.Groups * g.parts())
	for quads := unit; g.C%4 == 0 && quads <= mostColumns; quads += unit {
		if quads%4 == 0 {
			return quads
		}
	}
	return unit
}

// whole is the columns of a tile of which a block sees all rows, if that does not take it long: 16 rows for each thread.
func (g GroupNorm) whole() (columns int, ok bool) {
	columns = tiled(g.C, g.unit(), 32)
	return columns, g.parts() == 1 && g.HW <= 16*lanes(columns)
}

// slabs is the tiles and slabs that the pictures are cut into otherwise.
func (g GroupNorm) slabs() (columns, rows, slabs int) {
	columns = tiled(g.C, g.unit(), tileColumns)
	step := batch * lanes(columns)
	rows = ceilDiv(ceilDiv(g.HW, max(1, blocks*columns/(g.C*g.N))), step) * step
	return columns, rows, ceilDiv(g.HW, rows)
}

// Scratch is the number of float32 that Launches wants to work in.
func (g GroupNorm) Scratch() int {
	if _, ok := g.whole(); ok {
		return 0
	}
	_, _, slabs := g.slabs()
	return 2 * g.N * slabs * g.Groups * g.parts()
}

// Launches is scale = gamma/√(var + eps) and shift = beta - mean·scale, both [n, c], for x [n, hw, c], gamma and beta [c] or null.
func (g GroupNorm) Launches(scale, shift, x, gamma, beta, scratch Pointer) []Launch {
	n, result := int(count(g.N, g.HW, g.C)), 2*g.N*g.C
	if columns, ok := g.whole(); ok {
		return []Launch{{"norm", "group_norm_whole", Dim{1, g.C / columns, g.N}, Dim{threads, 1, 1}, 0, params(
			scale, shift, x, gamma, beta, count(g.HW), count(g.C), count(g.Groups), count(columns), g.Eps), moved(n, result)}}
	}
	columns, rows, slabs := g.slabs()
	return []Launch{
		{"norm", "group_norm_moments", Dim{slabs, g.C / columns, g.N}, Dim{threads, 1, 1}, 0, params(
			scratch, x, count(g.HW), count(g.C), count(g.Groups, g.parts()), count(columns), count(rows)), moved(n)},
		{"norm", "group_norm_scales", warpEach(g.N * g.Groups), Dim{threads, 1, 1}, 0, params(
			scale, shift, scratch, gamma, beta, count(g.N), count(g.HW), count(g.C), count(g.Groups), count(g.parts()), count(rows), count(slabs), g.Eps), moved(g.Scratch(), result)},
	}
}

// Rounded is where a result goes in a format of 16 bits, in which products read it; the zero value says that it does not.
type Rounded struct {
	Format Format
	At     Pointer
}

// Rounds says whether norms of c channels round their results: products read rows that begin at multiples of 16 bytes.
func Rounds(c int) bool { return c%8 == 0 }

// ScaleChannels is dst = x·scale + shift for x [n, hw, c], scale and shift [n, c], and SiLU of that if silu is set. dst may be x, or null if
// only the rounded result is wanted.
func ScaleChannels(dst, x, scale, shift Pointer, n, hw, c int, silu bool, rounded Rounded) Launch {
	elements := int(count(n, hw, c))
	unit := 4
	if c%4 != 0 {
		unit = 1
	}
	columns := tiled(c, unit, tileColumns)
	rows := lanes(columns) * min(batch, max(1, elements/(4*threads*blocks)))
	work := rounded.moved(elements)
	if dst != 0 {
		work.Floats += float64(elements)
	}
	return Launch{"norm", "group_norm_apply", Dim{ceilDiv(hw, rows), c / columns, n}, Dim{threads, 1, 1}, 0, params(
		dst, x, scale, shift, rounded.At, uint32(rounded.Format), count(hw), count(c), count(columns), count(rows), silu), work}
}

// moved is the work of reading so many numbers and of writing them rounded.
func (r Rounded) moved(elements int) Work {
	work := moved(elements)
	if r.Format != F32 {
		work.Floats += float64(elements) / 2
	}
	return work
}

// LayerNorm is dst = (x - mean)/√(var + eps)·gamma + beta for each row of x [rows, c], gamma and beta [c] or null. dst may be x.
func LayerNorm(dst, x, gamma, beta Pointer, rows, c int, eps float32, rounded Rounded) Launch {
	elements := int(count(rows, c))
	work := rounded.moved(elements)
	work.Floats += float64(elements)
	return Launch{"norm", "layer_norm", warpEach(rows), Dim{threads, 1, 1}, 0, params(
		dst, x, gamma, beta, rounded.At, uint32(rounded.Format), count(rows), count(c), eps), work}
}

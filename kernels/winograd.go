package kernels

import "github.com/sowgen/sowgen/kernels/ref"

// A Winograd convolution (see ref.WinogradInput) goes over the output in tiles of 4×4, in rounds: the patches of a round's tiles
// are transformed into 36 matrices V [tiles, c], one for each point; each is multiplied by the weights' matrix U [c, out] of its
// point; and what the 36 products say about a tile is transformed back into it. V is the only thing that is kept for the whole round, and
// roundValues bounds it, so it stays in the third-level cache while the panels of U go by. U would be four times the weights: it is
// made anew, one panel and channelBlock channels at a time, for every taskTiles tiles, which costs 1/30 of the products that it serves.
const (
	points       = ref.WinogradPoints
	tileSide     = 4
	patchSide    = 6
	roundValues  = 2 << 20
	taskTiles    = 128
	leastTiles   = 64 // in a round, however many channels there are
	channelBlock = kBlock
	widened      = 32 // channels whose weights are widened and transformed at a time
	inputTiles   = 8  // in a task of the first transform
)

// Winograd says whether Conv2D goes by Winograd's algorithm, which needs a 3×3 filter and stride 1: it does if that is less work, counted in
// multiplications for each pair of an input and an output channel. Directly they are 9 a pixel; by Winograd 36 a tile, where fewer than four
// tiles keep the inner loop no less busy than four, and 160 more for the transform of the weights. Below 32 channels there
// is little to win, and sums so short are hardly rounded: there the transforms' own rounding would be felt (docs/adr/0006). The figures
// are measured (docs/performance.md).
//
// Rounding errors of the Winograd way are up to twice as large, and an Inf or NaN in the input makes NaN of the whole 4×4 tiles
// that it reaches.
func (s ConvShape) Winograd() bool {
	if s.KH != 3 || s.KW != 3 || s.Stride != 1 || s.C < 32 {
		return false
	}
	tiles := s.N * ceilDiv(s.OutH(), tileSide) * ceilDiv(s.OutW(), tileSide)
	return points*max(tiles, 4)+160 < 9*s.N*s.OutH()*s.OutW()
}

// winograd is one convolution in work.
type winograd struct {
	ConvShape
	dst, x []float32
	w      *Packed
	ep     Epilogue

	oh, ow       int
	down, across int // tiles in a picture
	first, tiles int // of this round

	v      []float32 // the round's [36, tiles, c] …
	row    int       // … with so many values from tile to tile …
	point  int       // … and from point to point
	rows   int       // tiles in a task of the products
	blocks int       // tasks for a panel
}

var winograds stock[winograd]

// Conv2DWinograd is Conv2D for a 3×3 filter and stride 1 by Winograd's algorithm, in float32: w must not be mixed.
func Conv2DWinograd(dst, x []float32, s ConvShape, w *Packed, ep Epilogue) {
	checkConv("Conv2D", dst, x, s, w, ep)
	if s.KH != 3 || s.KW != 3 || s.Stride != 1 {
		fail("Conv2D", "filter %d×%d with stride %d: Winograd's algorithm wants 3×3 with stride 1", s.KH, s.KW, s.Stride)
	}
	if w.mixed {
		fail("Conv2D", "Winograd's algorithm takes no weights for products of bfloat16")
	}
	if s.N*s.Out == 0 {
		return
	}
	if s.C == 0 { // empty sums
		Conv2DDirect(dst, x, s, w, ep)
		return
	}
	c := winograds.get()
	*c = winograd{ConvShape: s, dst: dst, x: x, w: w, ep: ep, v: c.v}
	all, round := c.cut()
	if len(c.v) < points*c.point {
		c.v = aligned[float32](points * c.point)
		hugePages(c.v)
	}
	for ; c.first < all; c.first += round {
		c.tiles = min(round, all-c.first)
		c.rows = taskRows(c.tiles)
		c.blocks = ceilDiv(c.tiles, c.rows)
		work := c.tiles * points * s.C * s.Out
		spread(work, ceilDiv(c.tiles, inputTiles), (*winogradInput)(c))
		spread(work, c.blocks*w.panels(), c)
	}
	*c = winograd{v: c.v}
	winograds.put(c)
}

// cut lays out the tiles in rounds: it returns how many there are in all and in a round.
func (c *winograd) cut() (all, round int) {
	c.oh, c.ow, c.row = c.OutH(), c.OutW(), padded(c.C)
	c.down, c.across = ceilDiv(c.oh, tileSide), ceilDiv(c.ow, tileSide)
	all = c.N * c.down * c.across
	round = ceilDiv(all, ceilDiv(all, max(leastTiles, roundValues/(points*c.row))))
	c.point = apart(round * c.row)
	return all, round
}

// taskRows is how many of so many tiles a task of the products takes: whole tiles of the micro-kernel.
func taskRows(tiles int) int {
	most := active.Load().Rows
	return ceilDiv(tiles, ceilDiv(tiles, taskTiles)*most) * most
}

// WorkingMemory is how many bytes Conv2D works in beside its operands, on each of its threads and on all of them together. It is kept for the next
// operation, whichever that is. Of a convolution that goes directly nothing is counted: it is little.
func (s ConvShape) WorkingMemory() (each, together int64) {
	if !s.Winograd() {
		return 0, 0
	}
	c := winograd{ConvShape: s}
	_, round := c.cut()
	_, values := c.taskValues(taskRows(round))
	return 4 * int64(values), 4 * int64(points*c.point)
}

// apart is a distance of at least n values that puts the same place of successive matrices into different sets of every cache.
func apart(n int) int { return padded(n) | cacheLine }

// at is where tile t of all pictures begins: its picture, and its place in the output.
func (c *winograd) at(t int) (n, y, x int) {
	return t / (c.down * c.across), t / c.across % c.down * tileSide, t % c.across * tileSide
}

// winogradInput is the first half of a round: it transforms patches of the input.
type winogradInput winograd

func (c *winogradInput) do(i int) {
	m, size := active.Load(), patchSide*patchSide*c.C
	s := getScratch(padded(size))
	edge := s.take(size)
	for tile := i * inputTiles; tile < min((i+1)*inputTiles, c.tiles); tile++ {
		n, y, x := (*winograd)(c).at(c.first + tile)
		y, x = y-c.PadTop, x-c.PadLeft
		picture := c.x[n*c.H*c.W*c.C:][:c.H*c.W*c.C]
		v := c.v[tile*c.row:]
		if y >= 0 && x >= 0 && y+patchSide <= c.H && x+patchSide <= c.W {
			m.WinogradInput(v, c.point, picture[(y*c.W+x)*c.C:], c.W*c.C, c.C, c.C)
			continue
		}
		for j := range patchSide * patchSide { // with the zeros around it
			pixel, y, x := edge[j*c.C:][:c.C], y+j/patchSide, x+j%patchSide
			if y >= 0 && y < c.H && x >= 0 && x < c.W {
				copy(pixel, picture[(y*c.W+x)*c.C:])
			} else {
				clear(pixel)
			}
		}
		m.WinogradInput(v, c.point, edge, patchSide*c.C, c.C, c.C)
	}
	s.put()
}

// do is a task of a round's second half: the outputs of one panel for a block of tiles.
func (c *winograd) do(i int) {
	j, from := i/c.blocks, i%c.blocks*c.rows
	rows := min(c.rows, c.tiles-from)
	channels, values := c.taskValues(rows)
	uPoint := apart(channels * panel)
	s := getScratch(values)
	u, sums, rest := s.take(points*uPoint), s.take(rows*points*panel), s.take(9*widened*panel)
	m := active.Load()
	for k := 0; k < c.C; k += channels {
		n := min(channels, c.C-k)
		c.weights(m, u, uPoint, rest, j, k, n)
		c.multiply(m, &s.tile, sums, u, uPoint, j, from, rows, k, n)
	}
	c.output(m, rest, sums, j, from, rows)
	s.put()
}

// weights transforms the weights of n channels from k on for panel j. buf has room for those of as many as are widened at a time.
func (c *winograd) weights(m *implementation, u []float32, uPoint int, buf []float32, j, k, n int) {
	at, tap := (j*c.w.k+k)*panel, c.C*panel // where the first tap's are, and from tap to tap
	switch {
	case c.w.format == F32:
		m.WinogradWeights(u, uPoint, c.w.data[at:], tap, n*panel)
		return
	case c.w.format == F16 && m.WinogradWeightsF16 != nil:
		m.WinogradWeightsF16(u, uPoint, c.w.half[at:], tap, n*panel)
		return
	}
	for i := 0; i < n; i += widened {
		some := min(widened, n-i) * panel
		for t := range 9 {
			m.widen(c.w.format, buf[t*some:][:some], c.w.half[at+t*tap+i*panel:])
		}
		m.WinogradWeights(u[i*panel:], uPoint, buf, some, some)
	}
}

// taskValues is how many channels a task of so many rows takes at a time, and how many values it works in.
func (c *winograd) taskValues(rows int) (channels, values int) {
	channels = ceilDiv(c.C, ceilDiv(c.C, channelBlock))
	return channels, points*(apart(channels*panel)+rows*panel) + 9*widened*panel
}

// multiply adds to the sums [rows, 36, panel] of panel j what the channels k … k+n-1 give: V·U for each point.
func (c *winograd) multiply(m *implementation, t *ref.Tile, sums, u []float32, uPoint, j, from, rows, k, n int) {
	t.ARow, t.ACol, t.Segs, t.K = c.row, 1, 1, n
	t.Cols = panel
	if c.w.n-j*panel <= panel/2 {
		t.Cols = panel / 2
	}
	t.InitStride, t.DstStride = points*panel, points*panel
	t.Rows = rows
	for p := range points {
		t.A, t.B, t.Dst = c.v[p*c.point+from*c.row+k:], u[p*uPoint:], sums[p*panel:]
		if k > 0 {
			t.Init = t.Dst
		}
		m.Matrix(t)
	}
}

// output transforms the sums of panel j into outputs. buf has room for a tile and a bias.
func (c *winograd) output(m *implementation, buf, sums []float32, j, from, rows int) {
	cols := min(panel, c.w.n-j*panel)
	bias, tile := buf[:cols], buf[panel:][:tileSide*tileSide*cols]
	if c.ep.Bias == nil {
		clear(bias)
	} else {
		copy(bias, c.ep.Bias[j*panel:])
	}
	for r := range rows {
		n, y, x := c.at(c.first + from + r)
		at := ((n*c.oh+y)*c.ow+x)*c.Out + j*panel
		sums := sums[r*points*panel:]
		if c.ep.Act == None && y+tileSide <= c.oh && x+tileSide <= c.ow {
			var residual []float32
			if c.ep.Residual != nil {
				residual = c.ep.Residual[at:]
			}
			m.WinogradOutput(c.dst[at:], c.ow*c.Out, c.Out, sums, bias, residual, cols)
			continue
		}
		m.WinogradOutput(tile, tileSide*cols, cols, sums, bias, nil, cols)
		c.ep.Act.apply(m, tile)
		for i := range min(tileSide, c.oh-y) {
			for k := range min(tileSide, c.ow-x) {
				at := at + (i*c.ow+k)*c.Out
				dst, pixel := c.dst[at:][:cols], tile[(i*tileSide+k)*cols:]
				if c.ep.Residual != nil {
					m.Add(dst, pixel, c.ep.Residual[at:])
				} else {
					copy(dst, pixel)
				}
			}
		}
	}
}

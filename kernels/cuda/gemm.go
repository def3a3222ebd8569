package cuda

import (
	"fmt"

	"github.com/sowgen/sowgen/kernels"
)

// Epilogue is what happens to a product [m, n] on its way to memory: dst = act(product + bias) + residual.
type Epilogue struct {
	Bias     Pointer // [n], or null
	Act      kernels.Activation
	Residual Pointer // laid out like dst, or null; may be dst
	Rounded  bool    // dst, of a gated weight in 16 bits, is in its format, for a product to read
}

// geglu is what the products of a gated weight apply: the number after those of the activations. In a format of 16 bits it is so many further on.
const geglu = kernels.QuickGELUAct + 1

// Gemm is the shape of a matrix product.
type Gemm struct {
	Batch, M, K, N int
	TransB         bool // b is [n, k], as a linear layer's weight, and not [k, n]
	// Elements from row to row; 0 means that rows follow each other.
	LdA, LdB, LdD int
}

// Launch is dst [batch, m, n] = a [batch, m, k] · b in float32, with the epilogue. dst must not overlap a or b.
func (g Gemm) Launch(dst, a, b Pointer, ep Epilogue) Launch {
	if g.Batch > maxGrid {
		panic(fmt.Errorf("cuda: a batch of %d products: at most %d", g.Batch, maxGrid))
	}
	columns, rows := g.N, g.K
	kind := "gemm_nn_f32_"
	if g.TransB {
		columns, rows, kind = g.K, g.N, "gemm_nt_f32_"
	}
	lda, ldb, ldd := orElse(g.LdA, g.K), orElse(g.LdB, columns), orElse(g.LdD, g.N)
	tile := tileFor(g.M, g.N, g.Batch)
	written := g.Batch * g.M * min(g.N, ldd) // half of the columns for a gated weight
	return Launch{"gemm", kind + tile.name, tile.grid(g.M, g.N, g.Batch), Dim{tile.threads, 1, 1}, 0, params(
		dst, a, b, ep.Bias, ep.Residual, count(g.M), count(g.N), count(g.K), count(lda), count(ldb), count(ldd),
		uint64(count(g.M, lda)), uint64(count(rows, ldb)), uint64(count(g.M, ldd)), uint32(ep.Act)),
		product(F32, g.Batch*g.M, g.K, g.N, g.Batch*g.M*g.K, g.Batch*g.K*g.N, written, ep.residual(written))}
}

// Linear is the shape of a linear layer on rows rows.
type Linear struct {
	Rows int
	W    Packed
	On   Hardware // the GPU that it is for, which decides how it is cut into blocks; unset, a large one
}

// Row says whether it is one row, for which there is a kernel of its own in 16 bits: it wants no scratch, and x as float32.
func (l Linear) Row() bool { return l.Rows == 1 && l.W.Format != F32 && !l.W.Gated }

// Scratch is the number of float32 that Launches wants to work in.
func (l Linear) Scratch() int {
	if l.W.Format == F32 || l.Row() {
		return 0
	}
	return l.half().scratch(l.Rows * l.W.Pitch())
}

func (l Linear) half() half { return newHalf(l.W.Format, l.Rows, l.W.Out, l.W.Pitch(), l.On) }

// Launches is dst [rows, out] = x [rows, in] · wᵀ for the packed weight w, with the epilogue; dst is [rows, out/2] for a gated w, which has
// no other activation and no residual. In a format of 16 bits x is rounded to it and the sums are in float32; x may be
// [InScratch]. dst must not overlap x.
func (l Linear) Launches(dst, x, w, scratch Pointer, ep Epilogue) []Launch {
	if l.Row() {
		return []Launch{l.row(dst, x, w, ep)}
	}
	return l.launches(dst, x, w, scratch, ep, l.half())
}

func (l Linear) row(dst, x, w Pointer, ep Epilogue) Launch {
	work := product(l.W.Format, 1, l.W.K(), l.W.Out, l.W.K(), l.W.Out, ep.residual(l.W.Out))
	work.Weight = float64(l.W.Bytes())
	return Launch{"gemv", "gemv_" + l.W.Format.String(), warpEach(l.W.Out), Dim{threads, 1, 1}, 0, params(
		dst, x, w, ep.Bias, ep.Residual, count(l.W.Out), count(l.W.K()), count(l.W.Pitch()), uint32(ep.Act)), work}
}

func (l Linear) launches(dst, x, w, scratch Pointer, ep Epilogue, h half) []Launch {
	ldd := l.W.Out
	if l.W.Gated {
		if ep.Act != kernels.None || ep.Residual != 0 {
			panic(fmt.Errorf("cuda: %+v on a gated weight: want a bias at most", ep))
		}
		ldd, ep.Act = l.W.Out/2, geglu
	}
	result := l.Rows * ldd
	if ep.Rounded {
		if !l.W.Gated || l.W.Format == F32 || !Rounds(ldd) {
			panic(fmt.Errorf("cuda: %+v has no rounded result", l))
		}
		ep.Act += kernels.Activation(l.W.Format)
		result /= 2 // float32
	}
	if l.W.Format == F32 {
		return []Launch{Gemm{Batch: 1, M: l.Rows, K: l.W.K(), N: l.W.Out, TransB: true, LdB: l.W.Pitch(), LdD: ldd}.Launch(dst, x, w, ep)}
	}
	count(l.Rows, l.W.Out)
	numbers := l.Rows * l.W.K()
	parts := h.parts(scratch, l.Rows*l.W.Pitch())
	launches := l.W.Format.left(scratch, x, l.Rows, l.W.In)
	launches = append(launches, Launch{"gemm", h.kernel("gemm"), h.grid(), Dim{h.tile.threads, 1, 1}, h.tile.shared(), params(
		dst, parts, scratch, w, ep.Bias, ep.Residual, count(l.Rows), count(l.W.Out), count(l.W.Pitch()), count(ldd), uint32(ep.Act), count(h.steps)),
		h.work(l.W, numbers, result, ep)})
	return h.finish(launches, dst, parts, ep, ldd)
}

// tile is the part of a product in float32 that a block of threads computes.
type tile struct {
	name    string // the end of the kernel's name
	edge    int    // rows and columns
	threads int
}

var largeTile, smallTile = tile{"128", 128, 256}, tile{"64", 64, 64}

// tileFor chooses the tile for a product. The large one reads half as much for each number that it computes, but a product of few tiles
// leaves multiprocessors idle: a GPU has about a hundred of them, and two large tiles, or four small ones, keep one busy.
func tileFor(m, n, batch int) tile {
	if ceilDiv(m, largeTile.edge)*ceilDiv(n, largeTile.edge)*batch >= 128 {
		return largeTile
	}
	return smallTile
}

func (t tile) grid(m, n, batch int) Dim {
	return Dim{ceilDiv(n, t.edge) * ceilDiv(m, t.edge), 1, batch}
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

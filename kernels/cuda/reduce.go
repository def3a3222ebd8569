package cuda

// ReduceOp folds an axis. The reductions are numbered as in package tensor and as in reduce.cu.
type ReduceOp uint32

// The reductions.
const (
	Sum ReduceOp = iota
	Mean
	ReduceMax
	ReduceMin
)

// Reduce folds the middle axis of x [outer, n, inner] into dst [outer, inner].
func Reduce(op ReduceOp, dst, x Pointer, outer, n, inner int) Launch {
	work := moved(int(count(outer, n, inner)), outer*inner)
	if inner == 1 {
		return Launch{"reduce", "reduce_rows", Dim{outer, 1, 1}, Dim{threads, 1, 1}, 0, params(dst, x, count(n), uint32(op)), work}
	}
	const columns = 32 // a block's
	return Launch{"reduce", "reduce_columns", Dim{outer * ceilDiv(inner, columns), 1, 1}, Dim{threads, 1, 1}, 0, params(
		dst, x, count(n), count(inner), uint32(op)), work}
}

// Softmax is the softmax of each row of x [rows, c]. dst may be x.
func Softmax(dst, x Pointer, rows, c int) Launch {
	count(rows, c)
	return Launch{"softmax", "softmax", warpEach(rows), Dim{threads, 1, 1}, 0, params(dst, x, count(rows), count(c)), moved(2 * rows * c)}
}

// warpEach is the grid that has a warp of 32 threads for each of n rows.
func warpEach(n int) Dim { return Dim{ceilDiv(n, threads/32), 1, 1} }

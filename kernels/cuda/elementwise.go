package cuda

// UnaryOp is an elementwise operator of one tensor and two numbers a, b; BinaryOp one of two tensors. They are numbered as in package
// tensor and as in elementwise.cu.
type (
	UnaryOp  uint32
	BinaryOp uint32
)

// The unary operators.
const (
	Copy   UnaryOp = iota // x
	Affine                // a·x + b
	SiLU
	GELU
	QuickGELU
	Exp
	Log
	Sqrt
	Abs
	Clamp // min(max(x, a), b)
)

// The binary operators.
const (
	Add BinaryOp = iota
	Sub
	Mul
	Div
	Max
	Min
)

// Unary is dst = op(x; a, b) for n elements. dst may be x.
func Unary(op UnaryOp, dst, x Pointer, n int, a, b float32) Launch {
	elements := count(n)
	return Launch{"elementwise", "unary", spread((elements + 3) / 4), Dim{threads, 1, 1}, 0, params(dst, x, elements, uint32(op), a, b), moved(2 * n)}
}

// Binary is dst = op(x, y) over a walk of the given shape: along axis i, x advances by xStrides[i] elements and y by yStrides[i], 0 where
// they repeat. dst may be an operand that does not repeat.
func Binary(op BinaryOp, dst, x, y Pointer, shape, xStrides, yStrides []int) []Launch {
	w := walk{shape, [][]int{xStrides, yStrides}}.collapse()
	if len(w.shape) == 1 && w.strides[0][0] == 1 && w.strides[1][0] == 1 {
		n := count(w.shape[0])
		return []Launch{{"elementwise", "binary", spread((n + 3) / 4), Dim{threads, 1, 1}, 0, params(dst, x, y, n, uint32(op)), moved(3 * int(n))}}
	}
	var launches []Launch
	w.each(func(at int, from []int, n uint32, d axes, s []axes) {
		launches = append(launches, Launch{"elementwise", "binary_broadcast", spread(n), Dim{threads, 1, 1}, 0, params(
			dst.plus(at), x.plus(from[0]), y.plus(from[1]), n, uint32(op),
			d[1], d[2], d[3], d[4], d[5],
			s[0][0], s[0][1], s[0][2], s[0][3], s[0][4], s[0][5],
			s[1][0], s[1][1], s[1][2], s[1][3], s[1][4], s[1][5]), moved(int(n), distinct(d, s[0]), distinct(d, s[1]))})
	})
	return launches
}

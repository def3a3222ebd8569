package tensor

// BinaryOp is an elementwise operator of two tensors.
type BinaryOp uint8

// The binary operators.
const (
	OpAdd BinaryOp = iota
	OpSub
	OpMul
	OpDiv
	OpMax
	OpMin
)

// UnaryOp is an elementwise operator of one tensor and up to two numbers a, b.
type UnaryOp uint8

// The unary operators.
const (
	OpCopy      UnaryOp = iota // x
	OpAffine                   // a·x + b
	OpSiLU                     // x·σ(x)
	OpGELU                     // x·Φ(x), the exact form with erf
	OpQuickGELU                // x·σ(1.702x)
	OpExp
	OpLog
	OpSqrt
	OpAbs
	OpClamp // min(max(x, a), b)
)

// Add returns x + y. As in NumPy, shapes are aligned at the last axis, and an axis of 1 (or one that is not there) repeats.
func Add(x, y *Tensor) *Tensor { return binary("Add", OpAdd, x, y) }

// Sub returns x - y, broadcasting as [Add].
func Sub(x, y *Tensor) *Tensor { return binary("Sub", OpSub, x, y) }

// Mul returns x·y elementwise, broadcasting as [Add].
func Mul(x, y *Tensor) *Tensor { return binary("Mul", OpMul, x, y) }

// Div returns x / y elementwise, broadcasting as [Add].
func Div(x, y *Tensor) *Tensor { return binary("Div", OpDiv, x, y) }

// Max returns the larger of x and y elementwise, broadcasting as [Add]. NaN wins.
func Max(x, y *Tensor) *Tensor { return binary("Max", OpMax, x, y) }

// Min returns the smaller of x and y elementwise, broadcasting as [Add]. NaN wins.
func Min(x, y *Tensor) *Tensor { return binary("Min", OpMin, x, y) }

// Scale returns a·x.
func Scale(x *Tensor, a float32) *Tensor { return unary("Scale", OpAffine, x, a, 0) }

// Affine returns a·x + b.
func Affine(x *Tensor, a, b float32) *Tensor { return unary("Affine", OpAffine, x, a, b) }

// Axpby returns a·x + b·y, broadcasting as [Add].
func Axpby(a float32, x *Tensor, b float32, y *Tensor) *Tensor { return Add(Scale(x, a), Scale(y, b)) }

// SiLU returns x·σ(x).
func SiLU(x *Tensor) *Tensor { return unary("SiLU", OpSiLU, x, 0, 0) }

// GELU returns x·Φ(x), the exact form with erf that PyTorch's gelu is.
func GELU(x *Tensor) *Tensor { return unary("GELU", OpGELU, x, 0, 0) }

// QuickGELU returns x·σ(1.702x), the approximation that OpenAI's CLIP was trained with.
func QuickGELU(x *Tensor) *Tensor { return unary("QuickGELU", OpQuickGELU, x, 0, 0) }

// Exp returns eˣ.
func Exp(x *Tensor) *Tensor { return unary("Exp", OpExp, x, 0, 0) }

// Log returns the natural logarithm of x.
func Log(x *Tensor) *Tensor { return unary("Log", OpLog, x, 0, 0) }

// Sqrt returns the square root of x.
func Sqrt(x *Tensor) *Tensor { return unary("Sqrt", OpSqrt, x, 0, 0) }

// Abs returns |x|.
func Abs(x *Tensor) *Tensor { return unary("Abs", OpAbs, x, 0, 0) }

// Clamp returns min(max(x, lo), hi). NaN stays NaN.
func Clamp(x *Tensor, lo, hi float32) *Tensor { return unary("Clamp", OpClamp, x, lo, hi) }

func unary(name string, op UnaryOp, x *Tensor, a, b float32) *Tensor {
	e := home(name, x)
	y := alloc(name, e, x.Shape())
	e.Unary(op, y, Contiguous(x), a, b)
	return y
}

func binary(name string, op BinaryOp, x, y *Tensor) *Tensor {
	e := home(name, x, y)
	bc, ok := broadcast(x.Shape(), y.Shape())
	if !ok {
		fail(name, "shapes do not broadcast", x, y)
	}
	z := alloc(name, e, bc.Shape)
	e.Binary(op, z, Contiguous(x), Contiguous(y), bc)
	return z
}

package kernels

// The operations of this file work value by value on len(dst) values. dst may be any of the operands, but must not overlap one
// otherwise.

// Exp is dst = e^x.
func Exp(dst, x []float32) { unary("Exp", active.Load().Exp, dst, x) }

// Sqrt is dst = √x; NaN for x < 0.
func Sqrt(dst, x []float32) { unary("Sqrt", active.Load().Sqrt, dst, x) }

// Neg is dst = -x.
func Neg(dst, x []float32) { unary("Neg", active.Load().Neg, dst, x) }

// SiLU is dst = x·σ(x).
func SiLU(dst, x []float32) { unary("SiLU", active.Load().SiLU, dst, x) }

// GELU is dst = x·Φ(x), by erf.
func GELU(dst, x []float32) { unary("GELU", active.Load().GELU, dst, x) }

// QuickGELU is dst = x·σ(1.702x), as OpenAI's CLIP has it.
func QuickGELU(dst, x []float32) { unary("QuickGELU", active.Load().QuickGELU, dst, x) }

// Add is dst = a + b.
func Add(dst, a, b []float32) { binary("Add", active.Load().Add, dst, a, b) }

// Sub is dst = a - b.
func Sub(dst, a, b []float32) { binary("Sub", active.Load().Sub, dst, a, b) }

// Mul is dst = a·b.
func Mul(dst, a, b []float32) { binary("Mul", active.Load().Mul, dst, a, b) }

// Div is dst = a/b.
func Div(dst, a, b []float32) { binary("Div", active.Load().Div, dst, a, b) }

// Axpby is dst = a·x + b·y.
func Axpby(dst []float32, a float32, x []float32, b float32, y []float32) {
	need("Axpby", "x", len(x), len(dst))
	need("Axpby", "y", len(y), len(dst))
	f := active.Load().Axpby
	chunks(len(dst), func(i, j int) { f(dst[i:j], a, x[i:j], b, y[i:j]) })
}

// AddBias is dst = x + bias for x [rows, c] and bias [c]: one number a channel.
func AddBias(dst, x, bias []float32, rows, c int) {
	sizes("AddBias", rows, c)
	need("AddBias", "dst", len(dst), rows*c)
	need("AddBias", "x", len(x), rows*c)
	need("AddBias", "bias", len(bias), c)
	f := active.Load().Add
	byRows(rows, c, func(r int) { f(dst[r*c:][:c], x[r*c:][:c], bias) })
}

func unary(op string, f func(dst, x []float32), dst, x []float32) {
	need(op, "x", len(x), len(dst))
	chunks(len(dst), func(i, j int) { f(dst[i:j], x[i:j]) })
}

func binary(op string, f func(dst, a, b []float32), dst, a, b []float32) {
	need(op, "a", len(a), len(dst))
	need(op, "b", len(b), len(dst))
	chunks(len(dst), func(i, j int) { f(dst[i:j], a[i:j], b[i:j]) })
}

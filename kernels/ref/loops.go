package ref

// Loops is one version of every inner loop. What an entry computes is the function of its name in this package.
type Loops struct {
	Rows   int // most rows that Matrix takes
	Matrix func(t *Tile)

	Transpose   func(dst []float32, ldd int, src []float32, lds, rows, cols int)
	Transpose16 func(dst []uint16, ldd int, src []uint16, lds, rows, cols int)

	Exp, SiLU, GELU, QuickGELU, Sqrt, Neg func(dst, x []float32)
	Add, Sub, Mul, Div                    func(dst, a, b []float32)
	GEGLU                                 func(dst, x []float32)
	Axpby                                 func(dst []float32, a float32, x []float32, b float32, y []float32)
	Affine, AffineSiLU                    func(dst, x, scale, shift []float32)
	Normalize                             func(dst, x, gamma, beta []float32, mean, rstd float32)

	Sum           func(x []float32) float32
	SumSquares    func(x []float32, mean float32) float32
	ColSum        func(sum, x []float32, ldx, rows int)
	ColSumSquares func(sum, x, mean []float32, ldx, rows int)
	Max           func(x []float32) float32
	ExpSum        func(dst, x []float32, shift float32) float32

	WinogradInput   func(v []float32, step int, x []float32, line, pixel, n int)
	WinogradWeights func(u []float32, step int, w []float32, tap, n int)
	// WinogradWeightsF16 may be nil; n is a multiple of 16.
	WinogradWeightsF16 func(u []float32, step int, w []uint16, tap, n int)
	WinogradOutput     func(y []float32, line, pixel int, m, bias, residual []float32, n int)

	PanelRange func(s []float32, rows int, hi, lo *Lanes)
	PanelExp2  func(s []float32, rows int, mul float32, shift, sum *Lanes)
	PanelScale func(s []float32, rows int, factor *Lanes)

	F16ToF32, BF16ToF32 func(dst []float32, src []uint16)
	F32ToF16, F32ToBF16 func(dst []uint16, src []float32)
	RoundBF16           func(dst, x []float32)

	Dot        func(t *Tile) // nil, and the next three not used, without an instruction for it
	Pairs      func(dst, x []float32)
	Join       func(dst, x, y []float32)
	PanelPairs func(s []float32, pairs int)

	Peak     func(rounds int) (flop float64)
	PeakBF16 func(rounds int) (flop float64) // nil without such instructions
}

// Go is the loops of this package.
var Go = Loops{
	Rows: 14, Matrix: Matrix,
	Transpose: Transpose, Transpose16: Transpose16,
	Exp: Exp, SiLU: SiLU, GELU: GELU, QuickGELU: QuickGELU, Sqrt: Sqrt, Neg: Neg,
	Add: Add, Sub: Sub, Mul: Mul, Div: Div, GEGLU: GEGLU, Axpby: Axpby,
	Affine: Affine, AffineSiLU: AffineSiLU, Normalize: Normalize,
	Sum: Sum, SumSquares: SumSquares, ColSum: ColSum, ColSumSquares: ColSumSquares, Max: Max, ExpSum: ExpSum,
	WinogradInput: WinogradInput, WinogradWeights: WinogradWeights, WinogradWeightsF16: WinogradWeightsF16, WinogradOutput: WinogradOutput,
	PanelRange: PanelRange, PanelExp2: PanelExp2, PanelScale: PanelScale,
	F16ToF32: F16ToF32, BF16ToF32: BF16ToF32, F32ToF16: F32ToF16, F32ToBF16: F32ToBF16, RoundBF16: RoundBF16,
	Dot: Dot, Pairs: Pairs, Join: Join, PanelPairs: PanelPairs,
	Peak: Peak,
}

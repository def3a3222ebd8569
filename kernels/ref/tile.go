// Package ref is the plain Go of every inner loop of package kernels: the reading copy, the oracle of the assembly, and what
// runs on processors (or under the build tag purego) for which there is no assembly. A function does one loop on slices, in
// one goroutine; blocking, packing and parallelism belong to package kernels.
package ref

// Panel is the width of a panel of the B side of a product: a [k, n] matrix is stored as ceil(n/Panel) panels of [k, Panel].
const Panel = 32

// Tile is the work of one matrix micro-kernel, a few rows of A by one panel of B:
//
//	for i in 0..Rows, j in 0..Cols:
//		sum = Init[i*InitStride + j]                       // 0 if Init is nil
//		for s in 0..Segs, p in 0..K:
//			sum += A[i*ARow + s*ASeg + p*ACol] * B[(s*K+p)*Panel + j]
//		Dst[i*DstStride + j] = sum + Add[i*AddStride + j]  // no Add if it is nil
//
// InitStride or AddStride 0 repeats one row (a bias). Dst may be Init or Add. Cols is 16 or 32. One of ARow and ACol is 1.
type Tile struct {
	Rows, Cols, K, Segs   int
	A                     []float32
	ARow, ACol, ASeg      int
	B                     []float32
	Init, Add, Dst        []float32
	InitStride, AddStride int
	DstStride             int
}

// Matrix runs the tile. Two rows by four columns are summed at a time, which is what fits into 16 scalar registers.
func Matrix(t *Tile) {
	i := 0
	for ; i+2 <= t.Rows; i += 2 {
		for j := 0; j < t.Cols; j += 4 {
			t.two(i, j)
		}
	}
	if i < t.Rows {
		for j := 0; j < t.Cols; j++ {
			t.one(i, j)
		}
	}
}

func (t *Tile) two(i, j int) {
	var x0, x1, x2, x3, y0, y1, y2, y3 float32
	if t.Init != nil {
		x := t.Init[i*t.InitStride+j:][:4]
		y := t.Init[(i+1)*t.InitStride+j:][:4]
		x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
		y0, y1, y2, y3 = y[0], y[1], y[2], y[3]
	}
	for s := range t.Segs {
		a := t.A[i*t.ARow+s*t.ASeg:]
		b := t.B[s*t.K*Panel+j:]
		for p := range t.K {
			u, v := a[p*t.ACol], a[p*t.ACol+t.ARow]
			w := (*[4]float32)(b[p*Panel:])
			x0 += u * w[0]
			x1 += u * w[1]
			x2 += u * w[2]
			x3 += u * w[3]
			y0 += v * w[0]
			y1 += v * w[1]
			y2 += v * w[2]
			y3 += v * w[3]
		}
	}
	x := t.Dst[i*t.DstStride+j:][:4]
	y := t.Dst[(i+1)*t.DstStride+j:][:4]
	if t.Add != nil {
		a := t.Add[i*t.AddStride+j:][:4]
		b := t.Add[(i+1)*t.AddStride+j:][:4]
		x0, x1, x2, x3 = x0+a[0], x1+a[1], x2+a[2], x3+a[3]
		y0, y1, y2, y3 = y0+b[0], y1+b[1], y2+b[2], y3+b[3]
	}
	x[0], x[1], x[2], x[3] = x0, x1, x2, x3
	y[0], y[1], y[2], y[3] = y0, y1, y2, y3
}

func (t *Tile) one(i, j int) {
	var sum float32
	if t.Init != nil {
		sum = t.Init[i*t.InitStride+j]
	}
	for s := range t.Segs {
		for p := range t.K {
			sum += t.A[i*t.ARow+s*t.ASeg+p*t.ACol] * t.B[(s*t.K+p)*Panel+j]
		}
	}
	if t.Add != nil {
		sum += t.Add[i*t.AddStride+j]
	}
	t.Dst[i*t.DstStride+j] = sum
}

// Transpose writes the [rows, cols] matrix src as the [cols, rows] matrix dst: dst[j*ldd+i] = src[i*lds+j].
func Transpose(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for i := range rows {
		for j, v := range src[i*lds:][:cols] {
			dst[j*ldd+i] = v
		}
	}
}

// Transpose16 is Transpose for 16-bit numbers.
func Transpose16(dst []uint16, ldd int, src []uint16, lds, rows, cols int) {
	for i := range rows {
		for j, v := range src[i*lds:][:cols] {
			dst[j*ldd+i] = v
		}
	}
}

package kernels

// Activation is a function of one value that a product can apply to its result.
type Activation uint8

const (
	None         Activation = iota
	SiLUAct                 // x·σ(x)
	GELUAct                 // x·Φ(x), by erf
	QuickGELUAct            // x·σ(1.702x)
)

// apply is x = act(x).
func (a Activation) apply(m *implementation, x []float32) {
	switch a {
	case SiLUAct:
		m.SiLU(x, x)
	case GELUAct:
		m.GELU(x, x)
	case QuickGELUAct:
		m.QuickGELU(x, x)
	}
}

// Epilogue is what happens to a product on its way to memory: dst = act(a·b + bias) + residual.
type Epilogue struct {
	Bias     []float32 // [n], or nil
	Residual []float32 // laid out like dst, or nil; may be dst itself
	Act      Activation
}

// Gemm is dst = act(a·b + bias) + residual for a [m, k], b [k, n] and dst [m, n], whose rows start lda and ldd values apart:
//
//	for i in 0..m, j in 0..n:
//		dst[i*ldd+j] = act(Σ_p a[i*lda+p]·b[p,j] + bias[j]) + residual[i*ldd+j]
//
// dst must not overlap a.
//
// For a gated b (see [PackGated]) dst is [m, n/2], the bias is that of all values and then of all gates, there is no other activation and no
// residual:
//
//	dst[i*ldd+j] = value·GELU(gate), value = Σ_p a[i*lda+p]·b[p,j] + bias[j] and gate = Σ_p a[i*lda+p]·b[p,n/2+j] + bias[n/2+j]
func Gemm(dst []float32, ldd int, a []float32, lda, m int, b *Packed, ep Epilogue) {
	columns := b.n
	if b.gated {
		columns /= 2
		if ep.Act != None || ep.Residual != nil {
			fail("Gemm", "a gated weight takes no activation and no residual")
		}
	}
	checkMatrix("Gemm", "dst", dst, m, columns, ldd)
	checkMatrix("Gemm", "a", a, m, b.k, lda)
	checkEpilogue("Gemm", ep, b.n, span(m, columns, ldd))
	if m == 0 || b.n == 0 {
		return
	}
	if b.k == 0 { // an empty sum
		gated := b.gated
		a, lda, b = make([]float32, m), 1, newPacked(1, b.n, F32)
		b.gated = gated
	}
	if b.mixed {
		gemmMixed(dst, ldd, a, lda, m, ConvShape{}, b, ep)
		return
	}
	newProduct(dst, ldd, b, ep).matrix(a, lda, m)
}

func checkEpilogue(op string, ep Epilogue, n, dst int) {
	if ep.Bias != nil {
		need(op, "bias", len(ep.Bias), n)
	}
	if ep.Residual != nil {
		need(op, "residual", len(ep.Residual), dst)
	}
	if ep.Act > QuickGELUAct {
		fail(op, "unknown activation %d", ep.Act)
	}
}

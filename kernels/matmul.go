package kernels

// MatMul is a product for each of batch pairs of matrices: dst [batch, m, n] = a [batch, m, k] · b [batch, k, n], or
// b [batch, n, k] transposed if transB is set:
//
//	dst[i,r,c] = Σ_p a[i,r,p]·b[i,p,c]     or, transposed,     Σ_p a[i,r,p]·b[i,c,p]
//
// dst must not overlap a or b.
func MatMul(dst, a, b []float32, batch, m, k, n int, transB bool) {
	sizes("MatMul", batch, m, k, n)
	need("MatMul", "dst", len(dst), batch*m*n)
	need("MatMul", "a", len(a), batch*m*k)
	need("MatMul", "b", len(b), batch*k*n)
	if m*n == 0 {
		return
	}
	one := func(i int) {
		panels := ceilDiv(n, panel)
		s := getScratch(panels * k * panel)
		packed := Packed{k: k, n: n, data: s.take(panels * k * panel)}
		b := b[i*k*n:][:k*n]
		if k == 0 {
			panels = 0
		}
		Parallel(panels, func(j int) {
			cols := min(panel, n-j*panel)
			if transB {
				packPanelTransposed(packed.data[j*k*panel:], b[j*panel*k:], k, k, cols)
			} else {
				packPanel(packed.data[j*k*panel:], b[j*panel:], n, k, cols)
			}
		})
		Gemm(dst[i*m*n:], n, a[i*m*k:], k, m, &packed, Epilogue{})
		s.put()
	}
	// Many small products are spread whole; few large ones are each spread.
	if batch >= 8 || m*k*n < smallWork {
		Parallel(batch, one)
		return
	}
	for i := range batch {
		one(i)
	}
}

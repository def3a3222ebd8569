package ref

// A convolution of stride 1 by a 3×3 filter, four by four outputs at a time, with 36 multiplications a channel instead of 144
// (Winograd's F(4×4, 3×3); Lavin and Gray, 1509.09308): a patch d of 6×6 inputs and a filter g give the 4×4 outputs
//
//	Y = Aᵀ·[(G·g·Gᵀ) ⊙ (Bᵀ·d·B)]·A
//
// where ⊙ multiplies number by number. A row of Bᵀ, a row of G and a column of Aᵀ belong to one of the points 0, ±α, ±β, ∞ at
// which the polynomials d and g are evaluated:
//
//	     ⎡α²β²    0  -(α²+β²)     0     1  0⎤       ⎡1/α²β²   0    0 ⎤
//	     ⎢  0  -αβ²    -β²        α     1  0⎥       ⎢1/p     α/p α²/p⎥        ⎡1  1  1   1  1   0⎤
//	Bᵀ = ⎢  0   αβ²    -β²       -α     1  0⎥   G = ⎢1/p    -α/p α²/p⎥   Aᵀ = ⎢0  α -α   β -β   0⎥
//	     ⎢  0  -α²β    -α²        β     1  0⎥       ⎢1/q     β/q β²/q⎥        ⎢0  α² α²  β² β²  0⎥
//	     ⎢  0   α²β    -α²       -β     1  0⎥       ⎢1/q    -β/q β²/q⎥        ⎣0  α³ -α³ β³ -β³ 1⎦
//	     ⎣  0  α²β²     0    -(α²+β²)   0  1⎦       ⎣ 0       0    1 ⎦
//
// with p = 2α²(α²-β²) and q = 2β²(β²-α²). The points decide how much is lost to rounding; why these, docs/adr/0005 tells.
const (
	alpha, beta = 5. / 8, 3. / 2

	alpha2, beta2 = alpha * alpha, beta * beta
	alpha3, beta3 = alpha * alpha2, beta * beta2
	p, q          = 2 * alpha2 * (alpha2 - beta2), 2 * beta2 * (beta2 - alpha2)
)

// WinogradPoints is the number of products that make a 4×4 tile of outputs.
const WinogradPoints = 36

// WinogradInput is Bᵀ·d·B for n channels of a patch: with d[i][j] = x[i*line+j*pixel+c],
//
//	v[(6i+j)*step+c] = (Bᵀ·d·B)[i][j]
func WinogradInput(v []float32, step int, x []float32, line, pixel, n int) {
	for c := range n {
		var d [6][6]float32
		for j := range 6 {
			x := x[j*pixel+c:]
			d[0][j], d[1][j], d[2][j], d[3][j], d[4][j], d[5][j] =
				inputPoints(x[0], x[line], x[2*line], x[3*line], x[4*line], x[5*line])
		}
		for i, d := range d {
			v := v[6*i*step+c:]
			v[0], v[step], v[2*step], v[3*step], v[4*step], v[5*step] = inputPoints(d[0], d[1], d[2], d[3], d[4], d[5])
		}
	}
}

// inputPoints is Bᵀ·d: even and odd powers of a pair of points are shared.
func inputPoints(d0, d1, d2, d3, d4, d5 float32) (v0, v1, v2, v3, v4, v5 float32) {
	evenA, oddA := d4-beta2*d2, d3-beta2*d1
	evenB, oddB := d4-alpha2*d2, d3-alpha2*d1
	return alpha2*beta2*d0 + d4 - (alpha2+beta2)*d2,
		evenA + alpha*oddA, evenA - alpha*oddA,
		evenB + beta*oddB, evenB - beta*oddB,
		d5 - (alpha2+beta2)*d3 + alpha2*beta2*d1
}

// WinogradWeights is G·g·Gᵀ for n filters of one channel each, or n numbers in any other sense: with g[i][j] = w[(3i+j)*tap+c],
//
//	u[(6i+j)*step+c] = (G·g·Gᵀ)[i][j]
func WinogradWeights(u []float32, step int, w []float32, tap, n int) {
	for c := range n {
		var g [6][3]float32
		for j := range 3 {
			w := w[j*tap+c:]
			g[0][j], g[1][j], g[2][j], g[3][j], g[4][j], g[5][j] = weightPoints(w[0], w[3*tap], w[6*tap])
		}
		for i, g := range g {
			u := u[6*i*step+c:]
			u[0], u[step], u[2*step], u[3*step], u[4*step], u[5*step] = weightPoints(g[0], g[1], g[2])
		}
	}
}

// WinogradWeightsF16 is WinogradWeights for w as half floats.
func WinogradWeightsF16(u []float32, step int, w []uint16, tap, n int) {
	var g [9]float32
	for c := range n {
		for i := range g {
			F16ToF32(g[i:i+1], w[i*tap+c:])
		}
		WinogradWeights(u[c:], step, g[:], 1, 1)
	}
}

// weightPoints is G·g.
func weightPoints(g0, g1, g2 float32) (u0, u1, u2, u3, u4, u5 float32) {
	evenA, evenB := g0/p+alpha2/p*g2, g0/q+beta2/q*g2
	return g0 / (alpha2 * beta2),
		evenA + alpha/p*g1, evenA - alpha/p*g1,
		evenB + beta/q*g1, evenB - beta/q*g1,
		g2
}

// WinogradOutput is Aᵀ·M·A + bias + residual for n ≤ Panel channels of a tile: with M[i][j] = m[(6i+j)*Panel+c],
//
//	y[i*line+j*pixel+c] = (Aᵀ·M·A)[i][j] + bias[c] + residual[i*line+j*pixel+c]
//
// residual may be nil, for 0, or y. m is used up: it holds anything afterwards.
func WinogradOutput(y []float32, line, pixel int, m, bias, residual []float32, n int) {
	for c := range n {
		var t [4][6]float32
		for j := range 6 {
			m := m[j*Panel+c:]
			t[0][j], t[1][j], t[2][j], t[3][j] = outputs(m[0], m[6*Panel], m[12*Panel], m[18*Panel], m[24*Panel], m[30*Panel])
		}
		for i, t := range t {
			y, b := y[i*line+c:], bias[c]
			y0, y1, y2, y3 := outputs(t[0], t[1], t[2], t[3], t[4], t[5])
			y0, y1, y2, y3 = y0+b, y1+b, y2+b, y3+b
			if residual != nil {
				r := residual[i*line+c:]
				y0, y1, y2, y3 = y0+r[0], y1+r[pixel], y2+r[2*pixel], y3+r[3*pixel]
			}
			y[0], y[pixel], y[2*pixel], y[3*pixel] = y0, y1, y2, y3
		}
	}
}

// outputs is Aᵀ·m.
func outputs(m0, m1, m2, m3, m4, m5 float32) (y0, y1, y2, y3 float32) {
	sumA, diffA, sumB, diffB := m1+m2, m1-m2, m3+m4, m3-m4
	return m0 + sumA + sumB,
		alpha*diffA + beta*diffB,
		alpha2*sumA + beta2*sumB,
		m5 + alpha3*diffA + beta3*diffB
}

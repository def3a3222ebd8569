package sampler

import "math"

// boxMuller turns 16 uniforms in [0, 1) into 16 normals: numbers j and j+8 are the radius and the angle of pair j, and become its
// cosine and sine (Box and Muller, Ann. Math. Statist. 29(2), 1958).
//
// torch does this in AVX2 with single-precision polynomials whose rounding shows in the last bits, so the same polynomials stand here,
// with a fused multiply-add exactly where torch's compiler put one: the numbers are torch's bit for bit, on any machine.
func boxMuller(u *[16]float32) {
	for j := range 8 {
		radius := sqrt32(-2 * log32(1-u[j])) // 1-u is in (0, 1]
		sin, cos := sincos32(2 * math.Pi * u[j+8])
		u[j], u[j+8] = radius*cos, radius*sin
	}
}

// log32 is the natural logarithm of a normal, positive x: logf of S. Moshier's Cephes.
func log32(x float32) float32 {
	bits := math.Float32bits(x)
	e := float32(int(bits>>23) - 126)
	x = math.Float32frombits(bits&(1<<23-1) | 0x3f000000) // the fraction, in [½, 1)
	if x < math.Sqrt2/2 {
		e--
		x += x
	}
	x--
	y := float32(7.0376836292e-2)
	for _, p := range [...]float32{
		-1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
	} {
		y = fma32(y, x, p)
	}
	y *= x
	z := x * x
	y = fma32(y, z, e*-2.12194440e-4) // ln 2 in two pieces, .693359375 - 2.12e-4
	y = fma32(z, -.5, y)
	return fma32(e, .693359375, x+y)
}

// sincos32 is sine and cosine of x in [0, 2π]: sinf and cosf of Cephes.
func sincos32(x float32) (sin, cos float32) {
	octant := int(x * (4 / math.Pi))
	octant = (octant + 1) &^ 1
	j := float32(octant)
	x = fma32(j, -.78515625, x) // x - j·π/4, π/4 in three pieces
	x = fma32(j, -2.4187564849853515625e-4, x)
	x = fma32(j, -3.77489497744594108e-8, x)
	z := x * x

	c := float32(2.443315711809948e-5)
	c = fma32(c, z, -1.388731625493765e-3)
	c = fma32(c, z, 4.166664568298827e-2)
	c = fma32(c*z, z, -.5*z)
	c++

	s := float32(-1.9515295891e-4)
	s = fma32(s, z, 8.3321608736e-3)
	s = fma32(s, z, -1.6666654611e-1)
	s = fma32(s*z, x, x)

	switch octant & 6 {
	case 0:
		return s, c
	case 2:
		return c, -s
	case 4:
		return -s, -c
	default:
		return -c, s
	}
}

// fma32 is x·y + z rounded to float32 once: the product of two float32 is exact in float64. (The sum is rounded to float64 first,
// which could only show if it fell on a float32 tie within 2⁻⁵³.)
func fma32(x, y, z float32) float32 { return float32(float64(x)*float64(y) + float64(z)) }

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

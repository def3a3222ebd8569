package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var constants = map[string]operand.Mem{}

// bits is a constant in memory with every lane the same (one value is enough where the instruction repeats it).
func (s isa) bits(v uint32) operand.Mem {
	name := fmt.Sprintf("const%08x%s", v, s.name)
	m, ok := constants[name]
	if !ok {
		m = GLOBL(name, RODATA|NOPTR)
		n := 1
		if !s.wide() {
			n = s.lanes
		}
		for i := range n {
			DATA(4*i, operand.U32(v))
		}
		constants[name] = m
	}
	return m
}

func (s isa) num(v float64) operand.Mem { return s.bits(math.Float32bits(float32(v))) }

// load puts a constant into a register.
func (s isa) load(v float64) reg.VecVirtual {
	r := s.vec()
	VBROADCASTSS(s.num(v).Offset(0), r)
	return r
}

// Each of these is dst = a op constant.
func (s isa) mulC(v float64, a, dst reg.Register) {
	if s.wide() {
		VMULPS_BCST(s.num(v), a, dst)
	} else {
		VMULPS(s.num(v), a, dst)
	}
}

func (s isa) addC(v float64, a, dst reg.Register) {
	if s.wide() {
		VADDPS_BCST(s.num(v), a, dst)
	} else {
		VADDPS(s.num(v), a, dst)
	}
}

func (s isa) orC(v uint32, a, dst reg.Register) {
	if s.wide() {
		VPORD_BCST(s.bits(v), a, dst)
	} else {
		VPOR(s.bits(v), a, dst)
	}
}

func (s isa) addIntC(v uint32, a, dst reg.Register) {
	if s.wide() {
		VPADDD_BCST(s.bits(v), a, dst)
	} else {
		VPADDD(s.bits(v), a, dst)
	}
}

func (s isa) xorC(v uint32, a, dst reg.Register) {
	if s.wide() {
		VPXORD_BCST(s.bits(v), a, dst)
	} else {
		VXORPS(s.bits(v), a, dst)
	}
}

func (s isa) andC(v uint32, a, dst reg.Register) {
	if s.wide() {
		VPANDD_BCST(s.bits(v), a, dst)
	} else {
		VANDPS(s.bits(v), a, dst)
	}
}

// mulAddC is p = p·x + v.
func (s isa) mulAddC(v float64, x, p reg.Register) {
	if s.wide() {
		VFMADD213PS_BCST(s.num(v), x, p)
	} else {
		VFMADD213PS(s.num(v), x, p)
	}
}

// subMulC is p = p - x·v.
func (s isa) subMulC(v float64, x, p reg.Register) {
	if s.wide() {
		VFNMADD231PS_BCST(s.num(v), x, p)
	} else {
		VFNMADD231PS(s.num(v), x, p)
	}
}

// horner evaluates the polynomial of x with these coefficients, the highest power first.
func (s isa) horner(x reg.Register, coefficients ...float64) reg.VecVirtual {
	p := s.load(coefficients[0])
	for _, c := range coefficients[1:] {
		s.mulAddC(c, x, p)
	}
	return p
}

// exp is x = e^x: x = n·ln 2 + f with |f| ≤ ln 2 / 2, and e^f by the polynomial of degree 6 with the least relative error (3e-9)
// that is 1 + f + … . The clamp to [-104, 89] changes nothing but Inf - Inf: beyond, the result is 0 or Inf already. MAX and MIN
// hand on a NaN only from the operand that is x here.
func (s isa) exp(x reg.Register) {
	VMAXPS(x, s.load(-104), x)
	VMINPS(x, s.load(89), x)
	n := s.vec()
	s.mulC(math.Log2E, x, n)
	if s.wide() {
		VRNDSCALEPS(operand.Imm(8), n, n)
	} else {
		VROUNDPS(operand.Imm(8), n, n)
	}
	const ln2 = 0.693359375 // the leading bits of ln 2: n·ln2 is exact
	s.subMulC(ln2, n, x)
	s.subMulC(math.Ln2-ln2, n, x)
	p := s.horner(x, 0.0013814540104342184, 0.0083687451956035, 0.04166839079139085, 0.16666520398318657, 0.49999993432076684, 1, 1)
	if s.wide() {
		VSCALEFPS(n, p, x)
		return
	}
	// 2^n as 2^⌊n/2⌋ · 2^(n-⌊n/2⌋): n reaches -150 and 128.
	VCVTPS2DQ(n, n)
	half := s.vec()
	VPSRAD(operand.Imm(1), n, half)
	VPSUBD(half, n, n)
	for _, n := range []reg.VecVirtual{half, n} {
		VPADDD(s.bits(127), n, n)
		VPSLLD(operand.Imm(23), n, n)
		VMULPS(n, p, p)
	}
	VMOVUPS(p, x)
}

// exp2 loads the constants of 2^x, for x up to 127, and returns the function that computes it, which spoils x: x = n + f with
// |f| ≤ 1/2, and 2^f by the polynomial of degree 5 with the least relative error (9e-8) that is 1 + … . What is far below -126 is 0,
// that of -Inf too; a NaN stays (see exp).
func (s isa) exp2() func(x reg.VecVirtual) reg.VecVirtual {
	lowest := -127.0 // where n makes the exponent 0, and 1 + 0 a zero
	if s.wide() {
		lowest = -200
	}
	least := s.load(lowest)
	var c []reg.VecVirtual
	for _, v := range []float64{0.0013264727252917025, 0.009671512785780156, 0.05550733744470897, 0.24022242083111703, 0.6931469775976786, 1} {
		c = append(c, s.load(v))
	}
	return func(x reg.VecVirtual) reg.VecVirtual {
		n, p := s.vec(), s.vec()
		VMAXPS(x, least, x)
		if s.wide() {
			VRNDSCALEPS(operand.Imm(8), x, n)
		} else {
			VROUNDPS(operand.Imm(8), x, n)
		}
		VSUBPS(n, x, x)
		VMOVAPS(c[0], p)
		for _, c := range c[1:] {
			VFMADD213PS(c, x, p)
		}
		if s.wide() {
			VSCALEFPS(n, p, p)
			return p
		}
		VCVTPS2DQ(n, n)
		VPSLLD(operand.Imm(23), n, n)
		VPADDD(n, p, p) // adds n to the exponent
		return p
	}
}

// sigmoid is dst = x / (1 + e^(-slope·x)).
func (s isa) sigmoid(slope float64, x, dst reg.Register) {
	d := s.vec()
	s.mulC(-slope, x, d)
	s.exp(d)
	s.addC(1, d, d)
	VDIVPS(d, x, dst)
}

// gelu is dst = x·Φ(x) = max(x, 0) - u·Φ(-u) with u = |x|, and Φ(-u) = e^(-u²/2)·t·Q(t) with t = 1/(1 + .35u): Q is the
// polynomial with the least relative error (3e-8) on 0 ≤ u ≤ 14. So both tails keep their digits. u is cut at 20, where Φ(-u)
// is 0 in float32, to keep Inf·0 out.
func (s isa) gelu(x, dst reg.Register) {
	u, t, tail := s.vec(), s.vec(), s.vec()
	s.andC(0x7fffffff, x, u)
	VMINPS(u, s.load(20), u)
	one := s.load(1)
	VMOVUPS(u, t)
	s.mulAddC(1, s.load(.35), t)
	VDIVPS(t, one, t)
	VMULPS(u, u, tail)
	s.mulC(-.5, tail, tail)
	s.exp(tail)
	q := s.horner(t, -0.029145918179831944, 0.143971649124941, -0.25571417462761015, 0.1591740928043, -0.0231098045613984,
		0.10550799770074588, 0.11983286763258849, 0.1398618698876061, 0.13962140427421788)
	VMULPS(t, q, q)
	VMULPS(q, tail, tail)
	VMAXPS(x, s.zero(), dst)
	VFNMADD231PS(tail, u, dst)
}

// roundBF16 rounds x to the upper halves of its lanes, to nearest even: half of the last place that stays, less one if that place is
// even, is added, and the lower half is cut off. A NaN is made quiet and not added to, or it might become something else.
func (s isa) roundBF16(x reg.VecVirtual) {
	r := s.vec()
	VPSRLD(operand.Imm(16), x, r)
	s.andC(1, r, r)
	s.addIntC(0x7fff, r, r)
	VPADDD(x, r, r)
	if s.wide() {
		k := K()
		VCMPPS(operand.Imm(3), x, x, k) // unordered
		s.orC(0x00400000, x, x)
		VMOVUPS(x, k, r)
	} else {
		nan := s.vec()
		VCMPPS(operand.Imm(3), x, x, nan)
		s.orC(0x00400000, x, x)
		VBLENDVPS(nan, x, r, r)
	}
	s.andC(0xffff0000, r, x)
}

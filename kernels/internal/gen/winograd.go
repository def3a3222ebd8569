package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The points of ref's Winograd convolution.
const (
	alpha, beta   = 5. / 8, 3. / 2
	alpha2, beta2 = alpha * alpha, beta * beta
	alpha3, beta3 = alpha * alpha2, beta * beta2
)

// winograd writes the transforms of the Winograd convolution. Each goes over the channels, vector by vector, and transforms
// first down the columns of a patch and then along its rows. In between the numbers lie in memory where the result (or, for
// the outputs, what they are made of) has its place: there are more of them than registers.
func (s isa) winograd() {
	s.winogradInput()
	s.winogradWeights()
	if s.wide() {
		s.winogradWeightsF16()
	}
	s.winogradOutput()
}

// channels writes the loop over the channels, like each: body is written for whole vectors and for the rest. The pointers go
// on by a vector each time.
func (s isa) channels(pointers []reg.Register, body func(r *rest)) {
	n := pointer("n")
	loop("whole", n, s.lanes, func() {
		body(nil)
		for _, p := range pointers {
			ADDQ(operand.Imm(uint64(s.bytes())), p)
		}
		SUBQ(operand.Imm(uint64(s.lanes)), n)
	})
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	body(s.rest(n))
	Label("done")
}

// strides is a distance between numbers and its multiples: index gives number i < 6 from p on.
type strides struct{ one, three, five reg.Register }

// multiples makes the strides of a distance in bytes.
func multiples(one reg.Register) strides {
	three, five := GP64(), GP64()
	LEAQ(operand.Mem{Base: one, Index: one, Scale: 2}, three)
	LEAQ(operand.Mem{Base: one, Index: one, Scale: 4}, five)
	return strides{one, three, five}
}

// parameter is the strides of a parameter that counts float32.
func parameter(name string) strides {
	d := pointer(name)
	times4(d)
	return multiples(d)
}

func (d strides) index(p reg.Register, i int) operand.Mem {
	switch i {
	case 1, 2, 4:
		return operand.Mem{Base: p, Index: d.one, Scale: uint8(i)}
	case 3:
		return operand.Mem{Base: p, Index: d.three, Scale: 1}
	case 5:
		return operand.Mem{Base: p, Index: d.five, Scale: 1}
	}
	return operand.Mem{Base: p}
}

// times6 is six of them.
func (d strides) times6() strides {
	six := GP64()
	LEAQ(operand.Mem{Base: d.three, Index: d.three, Scale: 1}, six)
	return multiples(six)
}

// loads puts constants into registers, where they stay.
func (s isa) loads(values ...float64) []reg.VecVirtual {
	var c []reg.VecVirtual
	for _, v := range values {
		c = append(c, s.load(v))
	}
	return c
}

func (s isa) copy(v reg.Register) reg.VecVirtual {
	c := s.vec()
	VMOVAPS(v, c)
	return c
}

func (s isa) winogradInput() {
	s.text("winogradInput", "(v *float32, step int, x *float32, line, pixel, n int)", "is ref.WinogradInput.")
	c := s.loads(alpha2*beta2, -(alpha2 + beta2), -beta2, -alpha2, alpha, beta)
	points := func(d [6]reg.VecVirtual) [6]reg.VecVirtual {
		ends, middle, evens, odds, a, b := c[0], c[1], c[2], c[3], c[4], c[5]
		VFMADD213PS(d[4], ends, d[0]) // d0 = d0·α²β² + d4 …
		VFMADD231PS(middle, d[2], d[0])
		VFMADD231PS(middle, d[3], d[5])
		VFMADD231PS(ends, d[1], d[5])
		evenA, oddA := s.copy(d[4]), s.copy(d[3])
		VFMADD231PS(evens, d[2], evenA)
		VFMADD231PS(evens, d[1], oddA)
		evenB, oddB := d[4], d[3]
		VFMADD231PS(odds, d[2], evenB)
		VFMADD231PS(odds, d[1], oddB)
		plusA, plusB := d[1], d[2]
		VMOVAPS(evenA, plusA)
		VMOVAPS(evenB, plusB)
		VFMADD231PS(a, oddA, plusA)
		VFNMADD231PS(a, oddA, evenA)
		VFMADD231PS(b, oddB, plusB)
		VFNMADD231PS(b, oddB, evenB)
		return [6]reg.VecVirtual{d[0], plusA, evenA, plusB, evenB, d[5]}
	}
	v, x, p := pointer("v"), pointer("x"), GP64()
	step, line, pixel := parameter("step"), parameter("line"), pointer("pixel")
	times4(pixel)
	step6 := step.times6()
	s.channels([]reg.Register{v, x}, func(r *rest) {
		MOVQ(x, p)
		q := GP64()
		MOVQ(v, q)
		for range 6 {
			var d [6]reg.VecVirtual
			for i := range d {
				d[i] = s.read(line.index(p, i), r)
			}
			for i, u := range points(d) {
				s.write(u, step6.index(q, i), r)
			}
			ADDQ(pixel, p)
			ADDQ(step.one, q)
		}
		MOVQ(v, q)
		for range 6 {
			var d [6]reg.VecVirtual
			for j := range d {
				d[j] = s.read(step.index(q, j), r)
			}
			for j, u := range points(d) {
				s.write(u, step.index(q, j), r)
			}
			ADDQ(step6.one, q)
		}
	})
	s.ret()
}

// weightPoints returns what transforms a column or a row of a filter.
func (s isa) weightPoints() func(g [3]reg.VecVirtual) [6]reg.VecVirtual {
	const p, q = 2 * alpha2 * (alpha2 - beta2), 2 * beta2 * (beta2 - alpha2)
	c := s.loads(1/(alpha2*beta2), 1/p, alpha/p, alpha2/p, 1/q, beta/q, beta2/q)
	return func(g [3]reg.VecVirtual) [6]reg.VecVirtual {
		var u [6]reg.VecVirtual
		for i := range 2 {
			one, odd, square := c[1+3*i], c[2+3*i], c[3+3*i]
			plus, minus := s.vec(), s.vec()
			VMULPS(one, g[0], minus)
			VFMADD231PS(square, g[2], minus)
			VMOVAPS(minus, plus)
			VFMADD231PS(odd, g[1], plus)
			VFNMADD231PS(odd, g[1], minus)
			u[1+2*i], u[2+2*i] = plus, minus
		}
		VMULPS(c[0], g[0], g[0])
		u[0], u[5] = g[0], g[2]
		return u
	}
}

func (s isa) winogradWeights() {
	s.text("winogradWeights", "(u *float32, step int, w *float32, tap, n int)", "is ref.WinogradWeights.")
	points := s.weightPoints()
	u, w, tap := pointer("u"), pointer("w"), pointer("tap")
	times4(tap)
	tap3, at := GP64(), GP64()
	LEAQ(operand.Mem{Base: tap, Index: tap, Scale: 2}, tap3)
	step := parameter("step")
	step6 := step.times6()
	s.channels([]reg.Register{u, w}, func(r *rest) {
		from := GP64()
		MOVQ(w, from)
		MOVQ(u, at)
		for range 3 {
			var g [3]reg.VecVirtual
			for i := range g {
				m := operand.Mem{Base: from}
				if i > 0 {
					m.Index, m.Scale = tap3, uint8(i)
				}
				g[i] = s.read(m, r)
			}
			for i, v := range points(g) {
				s.write(v, step6.index(at, i), r)
			}
			ADDQ(tap, from)
			ADDQ(step.one, at)
		}
		MOVQ(u, at)
		for range 6 {
			var g [3]reg.VecVirtual
			for j := range g {
				g[j] = s.read(step.index(at, j), r)
			}
			for j, v := range points(g) {
				s.write(v, step.index(at, j), r)
			}
			ADDQ(step6.one, at)
		}
	})
	s.ret()
}

// winogradWeightsF16 is winogradWeights for half floats, with registers enough for all that is in between. What comes 2 KB later is asked for: the
// channels after these, from memory.
func (s isa) winogradWeightsF16() {
	s.text("winogradWeightsF16", "(u *float32, step int, w *uint16, tap, n int)", "is ref.WinogradWeightsF16. n is a multiple of 16.")
	points := s.weightPoints()
	n, u, w, tap := pointer("n"), pointer("u"), pointer("w"), pointer("tap")
	SHLQ(operand.Imm(1), tap)
	tap3 := GP64()
	LEAQ(operand.Mem{Base: tap, Index: tap, Scale: 2}, tap3)
	step := parameter("step")
	step6 := GP64()
	LEAQ(operand.Mem{Base: step.three, Index: step.three, Scale: 1}, step6)
	loop("whole", n, s.lanes, func() {
		from, at := GP64(), GP64()
		MOVQ(w, from)
		var t [6][3]reg.VecVirtual
		for j := range 3 {
			var g [3]reg.VecVirtual
			for i := range g {
				m := operand.Mem{Base: from}
				if i > 0 {
					m.Index, m.Scale = tap3, uint8(i)
				}
				g[i] = s.vec()
				VCVTPH2PS(m, g[i])
				PREFETCHT0(m.Offset(2048))
			}
			for i, v := range points(g) {
				t[i][j] = v
			}
			ADDQ(tap, from)
		}
		MOVQ(u, at)
		for i := range t {
			for j, v := range points(t[i]) {
				VMOVUPS(v, step.index(at, j))
			}
			ADDQ(step6, at)
		}
		ADDQ(operand.Imm(uint64(2*s.lanes)), w)
		ADDQ(operand.Imm(uint64(s.bytes())), u)
		SUBQ(operand.Imm(uint64(s.lanes)), n)
	})
	s.ret()
}

func (s isa) winogradOutput() {
	s.text("winogradOutput", "(y *float32, line, pixel int, m, bias, residual *float32, n int)", "is ref.WinogradOutput.")
	c := s.loads(alpha, beta, alpha2, beta2, alpha3, beta3)
	outputs := func(m [6]reg.VecVirtual) [4]reg.VecVirtual {
		diffA, sumA := s.copy(m[1]), m[1]
		VSUBPS(m[2], diffA, diffA)
		VADDPS(m[2], sumA, sumA)
		diffB, sumB := m[2], m[3]
		VMOVAPS(m[3], diffB)
		VSUBPS(m[4], diffB, diffB)
		VADDPS(m[4], sumB, sumB)
		VADDPS(sumA, m[0], m[0])
		VADDPS(sumB, m[0], m[0])
		VFMADD231PS(c[4], diffA, m[5])
		VFMADD231PS(c[5], diffB, m[5])
		VMULPS(c[0], diffA, diffA)
		VFMADD231PS(c[1], diffB, diffA)
		VMULPS(c[2], sumA, sumA)
		VFMADD231PS(c[3], sumB, sumA)
		return [4]reg.VecVirtual{m[0], diffA, sumA, m[5]}
	}
	y, m, bias := pointer("y"), pointer("m"), pointer("bias")
	line, pixel := pointer("line"), pointer("pixel")
	times4(line)
	times4(pixel)
	pixel3 := GP64()
	LEAQ(operand.Mem{Base: pixel, Index: pixel, Scale: 2}, pixel3)
	residual, beside := pointer("residual"), GP64() // beside: where its place is from y's
	MOVQ(residual, beside)
	SUBQ(y, beside)
	place := func(i, j int) operand.Mem { return operand.Mem{Base: m, Disp: panelBytes * (6*i + j)} }
	s.channels([]reg.Register{y, m, bias}, func(r *rest) {
		for j := range 6 {
			var t [6]reg.VecVirtual
			for i := range t {
				t[i] = s.read(place(i, j), r)
			}
			for i, v := range outputs(t) {
				s.write(v, place(i, j), r)
			}
		}
		to := GP64()
		MOVQ(y, to)
		for i := range 4 {
			var t [6]reg.VecVirtual
			for j := range t {
				t[j] = s.read(place(i, j), r)
			}
			b := s.read(operand.Mem{Base: bias}, r)
			pixels := outputs(t)
			for _, v := range pixels {
				VADDPS(b, v, v)
			}
			store := fmt.Sprintf("store%d", i)
			if r != nil {
				store += "_rest"
			}
			TESTQ(residual, residual)
			JZ(operand.LabelRef(store))
			from := GP64()
			LEAQ(operand.Mem{Base: to, Index: beside, Scale: 1}, from)
			for j, v := range pixels {
				VADDPS(s.read(strides{pixel, pixel3, nil}.index(from, j), r), v, v)
			}
			Label(store)
			for j, v := range pixels {
				s.write(v, strides{pixel, pixel3, nil}.index(to, j), r)
			}
			ADDQ(line, to)
		}
	})
	s.ret()
}

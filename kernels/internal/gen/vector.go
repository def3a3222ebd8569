package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// each writes the loop over n float32 at the pointers named by params: body gets the place of a vector in each. It is written
// twice, for whole vectors and for a last one that is not, where rest says which lanes exist.
func (s isa) each(params []string, body func(p map[string]operand.Mem, rest *rest)) {
	n, i := pointer("n"), GP64()
	XORQ(i, i)
	p := map[string]operand.Mem{}
	for _, name := range params {
		p[name] = operand.Mem{Base: pointer(name), Index: i, Scale: 4}
	}
	loop("whole", n, s.lanes, func() {
		body(p, nil)
		ADDQ(operand.Imm(uint64(s.lanes)), i)
		SUBQ(operand.Imm(uint64(s.lanes)), n)
	})
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	body(p, s.rest(n))
	Label("done")
}

// rest is the lanes of a vector that is not whole.
type rest struct {
	k    reg.Register // AVX-512
	mask reg.Register // AVX2: all bits of a lane set
}

func (s isa) rest(n reg.Register) *rest {
	if s.wide() {
		bits := GP64()
		MOVQ(operand.I32(-1), bits)
		BZHIQ(n, bits, bits)
		k := K()
		KMOVW(bits.As32(), k)
		return &rest{k: k}
	}
	mask, p := s.vec(), GP64()
	table, ok := constants["mask"]
	if !ok {
		table = GLOBL("mask"+s.name, RODATA|NOPTR)
		for i := range 2 * s.lanes {
			DATA(4*i, operand.U32(0xffffffff*uint32(1-i/s.lanes)))
		}
		constants["mask"] = table
	}
	LEAQ(table.Offset(4*s.lanes), p)
	SHLQ(operand.Imm(2), n)
	SUBQ(n, p)
	VMOVUPS(operand.Mem{Base: p}, mask)
	return &rest{mask: mask}
}

// read loads a vector, 0 in the lanes that do not exist.
func (s isa) read(m operand.Mem, r *rest) reg.VecVirtual {
	v := s.vec()
	switch {
	case r == nil:
		VMOVUPS(m, v)
	case s.wide():
		VMOVUPS_Z(m, r.k, v)
	default:
		VMASKMOVPS(m, r.mask, v)
	}
	return v
}

func (s isa) write(v reg.Register, m operand.Mem, r *rest) {
	switch {
	case r == nil:
		VMOVUPS(v, m)
	case s.wide():
		VMOVUPS(v, r.k, m)
	default:
		VMASKMOVPS(v, r.mask, m)
	}
}

// keep makes the lanes 0 that do not exist.
func (s isa) keep(v reg.Register, r *rest) {
	switch {
	case r == nil:
	case s.wide():
		VMOVUPS_Z(v, r.k, v)
	default:
		VANDPS(r.mask, v, v)
	}
}

// vmap writes dst[i] = f(inputs[i]...). f may change the registers it gets.
func (s isa) vmap(name, doc string, inputs []string, scalars []string, f func(in, scalars []reg.VecVirtual) reg.Register) {
	signature := "(dst, " + strings.Join(inputs, ", ") + " *float32, n int"
	if len(scalars) > 0 {
		signature += ", " + strings.Join(scalars, ", ") + " float32"
	}
	s.text(name, signature+")", doc)
	var constant []reg.VecVirtual
	for _, sc := range scalars {
		constant = append(constant, s.broadcast(sc))
	}
	s.each(append([]string{"dst"}, inputs...), func(p map[string]operand.Mem, r *rest) {
		var in []reg.VecVirtual
		for _, name := range inputs {
			in = append(in, s.read(p[name], r))
		}
		s.write(f(in, constant), p["dst"], r)
	})
	s.ret()
}

func (s isa) maps() {
	type regs = []reg.VecVirtual
	unary := func(name, doc string, f func(x reg.VecVirtual)) {
		s.vmap(name, doc, []string{"x"}, nil, func(in, _ regs) reg.Register { f(in[0]); return in[0] })
	}
	unary("exp", "is ref.Exp.", func(x reg.VecVirtual) { s.exp(x) })
	unary("silu", "is ref.SiLU.", func(x reg.VecVirtual) { s.sigmoid(1, x, x) })
	unary("quickGELU", "is ref.QuickGELU.", func(x reg.VecVirtual) { s.sigmoid(1.702, x, x) })
	unary("gelu", "is ref.GELU.", func(x reg.VecVirtual) { s.gelu(x, x) })
	unary("sqrt", "is ref.Sqrt.", func(x reg.VecVirtual) { VSQRTPS(x, x) })
	unary("roundBF16", "is ref.RoundBF16.", func(x reg.VecVirtual) { s.roundBF16(x) })
	unary("neg", "is ref.Neg.", func(x reg.VecVirtual) { s.xorC(0x80000000, x, x) })

	binary := func(name, doc string, f func(a, b, dst operand.Op)) {
		s.vmap(name, doc, []string{"a", "b"}, nil, func(in, _ regs) reg.Register {
			f(in[1], in[0], in[0]) // Go's order of operands: dst = second op first
			return in[0]
		})
	}
	binary("add", "is ref.Add.", func(b, a, dst operand.Op) { VADDPS(b, a, dst) })
	binary("sub", "is ref.Sub.", func(b, a, dst operand.Op) { VSUBPS(b, a, dst) })
	binary("mul", "is ref.Mul.", func(b, a, dst operand.Op) { VMULPS(b, a, dst) })
	binary("div", "is ref.Div.", func(b, a, dst operand.Op) { VDIVPS(b, a, dst) })
	s.vmap("axpby", "is ref.Axpby.", []string{"x", "y"}, []string{"a", "b"}, func(in, c regs) reg.Register {
		VMULPS(c[1], in[1], in[1])
		VFMADD231PS(c[0], in[0], in[1])
		return in[1]
	})
	affine := []string{"x", "scale", "shift"}
	s.vmap("affine", "is ref.Affine.", affine, nil, func(in, _ regs) reg.Register {
		VFMADD213PS(in[2], in[1], in[0])
		return in[0]
	})
	s.vmap("affineSiLU", "is ref.AffineSiLU.", affine, nil, func(in, _ regs) reg.Register {
		VFMADD213PS(in[2], in[1], in[0])
		s.sigmoid(1, in[0], in[0])
		return in[0]
	})
	s.vmap("normalize", "is ref.Normalize.", []string{"x", "gamma", "beta"}, []string{"mean", "rstd"},
		func(in, c regs) reg.Register {
			VSUBPS(c[0], in[0], in[0])
			VMULPS(c[1], in[0], in[0])
			VFMADD213PS(in[2], in[1], in[0])
			return in[0]
		})
	s.vmap("addSquares", "is one row of ref.ColSumSquares: dst = sum + (x - mean)².", []string{"sum", "x", "mean"}, nil,
		func(in, _ regs) reg.Register {
			VSUBPS(in[2], in[1], in[1])
			VFMADD231PS(in[1], in[1], in[0])
			return in[0]
		})
}

// fold puts the sum or maximum of all lanes of v into its lowest.
func (s isa) fold(v reg.VecVirtual, op func(a, b, dst operand.Op)) reg.Register {
	y, x := YMM(), XMM()
	if s.wide() {
		VEXTRACTF64X4(operand.Imm(1), v, y)
		op(v.AsY(), y, y)
	} else {
		VMOVUPS(v, y)
	}
	VEXTRACTF128(operand.Imm(1), y, x)
	op(y.AsX(), x, x)
	h := XMM()
	VPERMILPS(operand.Imm(0b1110), x, h)
	op(h, x, x)
	VPERMILPS(operand.Imm(1), x, h)
	op(h, x, x)
	return x
}

func vadd(a, b, dst operand.Op) { VADDPS(a, b, dst) }
func vmax(a, b, dst operand.Op) { VMAXPS(a, b, dst) }

func (s isa) reductions() {
	const whole = 4 // vectors summed side by side
	// reduce writes a reduction of x: term turns a vector into what acc takes up.
	reduce := func(name, signature, doc string, term func(x reg.VecVirtual, r *rest), scalars []string, c *reg.VecVirtual) {
		s.text(name, signature, doc)
		for _, sc := range scalars {
			*c = s.broadcast(sc)
		}
		n, x := pointer("n"), pointer("x")
		var acc [whole]reg.VecVirtual
		for i := range acc {
			acc[i] = s.zero()
		}
		loop("four", n, whole*s.lanes, func() {
			for i := range acc {
				v := s.read(at(x, i*s.lanes), nil)
				term(v, nil)
				VADDPS(v, acc[i], acc[i])
			}
			ADDQ(operand.U32(whole*s.bytes()), x)
			SUBQ(operand.U32(whole*s.lanes), n)
		})
		loop("one", n, s.lanes, func() {
			v := s.read(at(x, 0), nil)
			term(v, nil)
			VADDPS(v, acc[0], acc[0])
			ADDQ(operand.Imm(uint64(s.bytes())), x)
			SUBQ(operand.Imm(uint64(s.lanes)), n)
		})
		TESTQ(n, n)
		JZ(operand.LabelRef("done"))
		r := s.rest(n)
		v := s.read(at(x, 0), r)
		term(v, r)
		VADDPS(v, acc[1], acc[1])
		Label("done")
		VADDPS(acc[1], acc[0], acc[0])
		VADDPS(acc[3], acc[2], acc[2])
		VADDPS(acc[2], acc[0], acc[0])
		Store(s.fold(acc[0], vadd), ReturnIndex(0))
		s.ret()
	}
	reduce("sum", "(x *float32, n int) float32", "is ref.Sum.", func(reg.VecVirtual, *rest) {}, nil, nil)
	var mean reg.VecVirtual
	reduce("sumSquares", "(x *float32, n int, mean float32) float32", "is ref.SumSquares.", func(x reg.VecVirtual, r *rest) {
		VSUBPS(mean, x, x)
		s.keep(x, r)
		VMULPS(x, x, x)
	}, []string{"mean"}, &mean)

	s.text("max", "(x *float32, n int) float32", "is ref.Max.")
	top := s.vec()
	VBROADCASTSS(s.bits(0xff800000).Offset(0), top)
	least := s.vec()
	VMOVUPS(top, least)
	s.each([]string{"x"}, func(p map[string]operand.Mem, r *rest) {
		v := s.read(p["x"], r)
		if r != nil && s.wide() {
			VMAXPS(v, top, r.k, top)
			return
		}
		if r != nil {
			VBLENDVPS(r.mask, v, least, v)
		}
		VMAXPS(v, top, top)
	})
	Store(s.fold(top, vmax), ReturnIndex(0))
	s.ret()

	s.text("expSum", "(dst, x *float32, n int, shift float32) float32", "is ref.ExpSum.")
	shift, sum := s.broadcast("shift"), s.zero()
	s.each([]string{"dst", "x"}, func(p map[string]operand.Mem, r *rest) {
		v := s.read(p["x"], r)
		VSUBPS(shift, v, v)
		s.exp(v)
		s.write(v, p["dst"], r)
		s.keep(v, r)
		VADDPS(v, sum, sum)
	})
	Store(s.fold(sum, vadd), ReturnIndex(0))
	s.ret()
}

// panels writes the loops of the softmax down the columns of a [rows, 32] panel.
func (s isa) panels() {
	width := 32 / s.lanes
	vecs := func() []reg.VecVirtual {
		v := make([]reg.VecVirtual, width)
		for i := range v {
			v[i] = s.vec()
		}
		return v
	}
	fetch := func(param string) (reg.Register, []reg.VecVirtual) {
		p, v := pointer(param), vecs()
		for i := range v {
			VMOVUPS(at(p, i*s.lanes), v[i])
		}
		return p, v
	}
	rows := func(body func(p reg.Register)) {
		p, n := pointer("p"), pointer("rows")
		loop("row", n, 1, func() {
			body(p)
			ADDQ(operand.Imm(panelBytes), p)
			DECQ(n)
		})
	}

	s.text("panelRange", "(p *float32, rows int, hi, lo *float32)", "is ref.PanelRange.")
	hiAt, hi := fetch("hi")
	loAt, lo := fetch("lo")
	rows(func(p reg.Register) {
		for i := range width {
			v := s.read(at(p, i*s.lanes), nil)
			VMAXPS(hi[i], v, hi[i]) // the second source, here the old extreme, is what a NaN leaves
			VMINPS(lo[i], v, lo[i])
		}
	})
	for i := range width {
		VMOVUPS(hi[i], at(hiAt, i*s.lanes))
		VMOVUPS(lo[i], at(loAt, i*s.lanes))
	}
	s.ret()

	s.text("panelExp2", "(p *float32, rows int, mul float32, shift, sum *float32)", "is ref.PanelExp2.")
	mul := s.broadcast("mul")
	shiftAt := pointer("shift")
	sumAt, sum := fetch("sum")
	exp2 := s.exp2()
	rows(func(p reg.Register) {
		for i := range width {
			v := s.read(at(p, i*s.lanes), nil)
			VFMSUB213PS(at(shiftAt, i*s.lanes), mul, v)
			e := exp2(v)
			VMOVUPS(e, at(p, i*s.lanes))
			VADDPS(e, sum[i], sum[i])
		}
	})
	for i := range width {
		VMOVUPS(sum[i], at(sumAt, i*s.lanes))
	}
	s.ret()

	s.text("panelScale", "(p *float32, rows int, factor *float32)", "is ref.PanelScale.")
	_, factor := fetch("factor")
	rows(func(p reg.Register) {
		for i := range width {
			v := s.vec()
			VMULPS(at(p, i*s.lanes), factor[i], v)
			VMOVUPS(v, at(p, i*s.lanes))
		}
	})
	s.ret()
}

// geglu goes through groups of 16 values and their gates, and then through the values and gates that are left.
func (s isa) geglu() {
	s.text("geglu", "(dst, x *float32, n int)", "is ref.GEGLU.")
	n, dst, x := pointer("n"), pointer("dst"), pointer("x")
	gated := func(value, gate, to operand.Mem, r *rest) {
		g := s.read(gate, r)
		s.gelu(g, g)
		v := s.read(value, r)
		VMULPS(v, g, v)
		s.write(v, to, r)
	}
	const group = 16
	loop("whole", n, group, func() {
		for i := 0; i < group; i += s.lanes {
			gated(at(x, i), at(x, group+i), at(dst, i), nil)
		}
		ADDQ(operand.U32(2*4*group), x)
		ADDQ(operand.Imm(4*group), dst)
		SUBQ(operand.Imm(group), n)
	})
	gates := GP64()
	LEAQ(operand.Mem{Base: x, Index: n, Scale: 4}, gates)
	loop("vector", n, s.lanes, func() {
		gated(at(x, 0), at(gates, 0), at(dst, 0), nil)
		for _, p := range []reg.Register{x, gates, dst} {
			ADDQ(operand.Imm(uint64(s.bytes())), p)
		}
		SUBQ(operand.Imm(uint64(s.lanes)), n)
	})
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	gated(at(x, 0), at(gates, 0), at(dst, 0), s.rest(n))
	Label("done")
	s.ret()
}

// halves writes the conversions between float32 and the 16-bit formats, for whole vectors only.
func (s isa) halves() {
	half := func() reg.Register {
		if s.wide() {
			return YMM()
		}
		return XMM()
	}
	convert := func(name, doc, signature string, from, to int, body func(src, dst operand.Mem)) {
		s.text(name, signature, doc+fmt.Sprintf(" n is a multiple of %d.", s.lanes))
		n, i := pointer("n"), GP64()
		dst, src := pointer("dst"), pointer("src")
		XORQ(i, i)
		loop("whole", n, s.lanes, func() {
			body(operand.Mem{Base: src, Index: i, Scale: uint8(from)}, operand.Mem{Base: dst, Index: i, Scale: uint8(to)})
			if from == 2 && s.wide() {
				PREFETCHT0(operand.Mem{Base: src, Index: i, Scale: 2, Disp: 2048})
			}
			ADDQ(operand.Imm(uint64(s.lanes)), i)
			SUBQ(operand.Imm(uint64(s.lanes)), n)
		})
		s.ret()
	}
	convert("f16ToF32", "is ref.F16ToF32.", "(dst *float32, src *uint16, n int)", 2, 4, func(src, dst operand.Mem) {
		v := s.vec()
		VCVTPH2PS(src, v)
		VMOVUPS(v, dst)
	})
	convert("f32ToF16", "is ref.F32ToF16.", "(dst *uint16, src *float32, n int)", 4, 2, func(src, dst operand.Mem) {
		v, h := s.vec(), half()
		VMOVUPS(src, v)
		VCVTPS2PH(operand.Imm(0), v, h) // to nearest even
		VMOVUPS(h, dst)
	})
	convert("f32ToBF16", "is ref.F32ToBF16.", "(dst *uint16, src *float32, n int)", 4, 2, func(src, dst operand.Mem) {
		v, h := s.vec(), half()
		VMOVUPS(src, v)
		s.roundBF16(v)
		VPSRLD(operand.Imm(16), v, v)
		if s.wide() {
			VPMOVDW(v, h)
		} else {
			VEXTRACTI128(operand.Imm(1), v, h)
			VPACKUSDW(h, v.AsX(), h)
		}
		VMOVUPS(h, dst)
	})
	convert("bf16ToF32", "is ref.BF16ToF32.", "(dst *float32, src *uint16, n int)", 2, 4, func(src, dst operand.Mem) {
		v := s.vec()
		VPMOVZXWD(src, v)
		VPSLLD(operand.Imm(16), v, v)
		VMOVUPS(v, dst)
	})
}

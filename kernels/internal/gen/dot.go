package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Neither avo nor Go's assembler knows the instructions of AVX512_BF16, so they are written as their bytes and take the numbers of registers
// that are not allocated.

// dpbf16 is VDPBF16PS Zb, Za, Zdst, EVEX.512.F3.0F38.W0 52 /r: to each lane of dst the sum of the products of the two bfloat16 in that lane of
// a and of b.
func dpbf16(dst, a, b int) { evex(0b10, 0x52, dst, a, b) }

// toBF16 is VCVTNEPS2BF16 Zsrc, Ydst, EVEX.512.F3.0F38.W0 72 /r: dst is src rounded to bfloat16. Denormal numbers become zero, as which dpbf16
// reads them.
func toBF16(dst, src int) { evex(0b10, 0x72, dst, 0, src) }

// bothToBF16 is VCVTNE2PS2BF16 Zlower, Zupper, Zdst, EVEX.512.F2.0F38.W0 72 /r: toBF16 of two registers, one behind the other.
func bothToBF16(dst, upper, lower int) { evex(0b11, 0x72, dst, upper, lower) }

// evex is an instruction of the map 0F38 on whole registers, with W0 and the prefix pp. All but W, pp and mmm of the fields are inverted: R' and
// R hold the high bits of dst, X and B those of b, V' and vvvv a, which is 0 where there is none.
func evex(pp uint32, opcode uint16, dst, a, b int) {
	bit := func(n, i int) uint32 { return uint32(n>>i&1 ^ 1) }
	p0 := bit(dst, 3)<<7 | bit(b, 4)<<6 | bit(b, 3)<<5 | bit(dst, 4)<<4 | 0b010
	p1 := uint32(^a&15)<<3 | 0b100 | pp
	p2 := 0b10<<5 | bit(a, 4)<<3
	Instruction(&ir.Instruction{Opcode: "LONG", Operands: []operand.Op{operand.U32(0x62 | p0<<8 | p1<<16 | p2<<24)}})
	Instruction(&ir.Instruction{Opcode: "WORD", Operands: []operand.Op{operand.U16(opcode | uint16(0xc0|dst&7<<3|b&7)<<8)}})
}

// dotRegisters gives out registers that are not allocated, one after the other, and dpbf16 for them.
func dotRegisters() (vec func() reg.Register, multiplyAdd func(b, a, sum reg.Register)) {
	number := map[reg.Register]int{}
	vec = func() reg.Register {
		z := zs[len(number)]
		number[z] = len(number)
		return z
	}
	return vec, func(b, a, sum reg.Register) { dpbf16(number[sum], number[a], number[b]) }
}

// pairs rounds neighbours, which lie as a word then.
func (s isa) pairs() {
	s.text("pairs", "(dst, x *float32, n int)", "is ref.Pairs. n, of x, is a multiple of 16.")
	const wide, words = 0, 1
	n, x, dst := pointer("n"), pointer("x"), pointer("dst")
	loop("whole", n, s.lanes, func() {
		VMOVUPS(at(x, 0), zs[wide])
		toBF16(words, wide)
		VMOVUPS(zs[words].AsY(), at(dst, 0))
		ADDQ(operand.Imm(64), x)
		ADDQ(operand.Imm(32), dst)
		SUBQ(operand.Imm(uint64(s.lanes)), n)
	})
	s.ret()
}

// join puts the upper halves of y into the lanes of x, whose own go down.
func (s isa) join() {
	s.vmap("join", "is ref.Join.", []string{"x", "y"}, nil, func(in, _ []reg.VecVirtual) reg.Register {
		s.roundBF16(in[0])
		s.roundBF16(in[1])
		VPSRLD(operand.Imm(16), in[0], in[0])
		VPORD(in[1], in[0], in[0])
		return in[0]
	})
}

func (s isa) panelPairs() {
	s.text("panelPairs", "(p *float32, pairs int)", "is ref.PanelPairs.")
	const lower, upper, order = 0, 1, 2
	places := GLOBL("places"+s.name, RODATA|NOPTR) // of the words of both rows in a row of both
	for i := range 2 * s.lanes {
		DATA(2*i, operand.U16(i%2*s.lanes+i/2))
	}
	VMOVUPS(places, zs[order])
	src, pairs, dst := pointer("p"), pointer("pairs"), GP64()
	MOVQ(src, dst)
	loop("pair", pairs, 1, func() {
		for i := range 2 {
			VMOVUPS(at(src, i*s.lanes), zs[lower])
			VMOVUPS(at(src, (2+i)*s.lanes), zs[upper])
			bothToBF16(lower, upper, lower)
			VPERMW(zs[lower], zs[order], zs[lower])
			VMOVUPS(zs[lower], at(dst, i*s.lanes))
		}
		ADDQ(operand.U32(2*panelBytes), src)
		ADDQ(operand.U32(panelBytes), dst)
		DECQ(pairs)
	})
	s.ret()
}

// zs are the registers by number.
var zs = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

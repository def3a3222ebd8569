package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peakAdds is how many sums a round adds to: more than twice the four cycles that a multiply-add takes, so that two of them can begin in
// every cycle. The wrappers in package x86 count on it.
const peakAdds = 12

// peak writes the loops that touch nothing but registers: what they do in a second no product can do more of.
func (s isa) peak() {
	s.text("peak", "(rounds int)", fmt.Sprintf("does rounds × %d multiply-adds of vectors.", peakAdds))
	a, b := s.zero(), s.zero()
	var sums []reg.VecVirtual
	for range peakAdds {
		sums = append(sums, s.zero())
	}
	rounds := pointer("rounds")
	loop("round", rounds, 1, func() {
		for _, sum := range sums {
			VFMADD231PS(a, b, sum)
		}
		DECQ(rounds)
	})
	s.ret()
	if s.wide() {
		s.peakBF16()
	}
}

// peakBF16 is peak for VDPBF16PS, which neither avo nor Go's assembler knows.
func (s isa) peakBF16() {
	s.text("peakBF16", "(rounds int)", fmt.Sprintf("does rounds × %d vectors of sums of two products of bfloat16.", peakAdds))
	for _, z := range []reg.Register{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z14, reg.Z15} {
		VPXORD(z, z, z)
	}
	rounds := pointer("rounds")
	loop("round", rounds, 1, func() {
		for i := range peakAdds {
			dpbf16(i)
		}
		DECQ(rounds)
	})
	s.ret()
}

// dpbf16 is VDPBF16PS Z15, Z14, Zi for i < 16, as bytes: EVEX.512.F3.0F38.W0 52 /r, where the high bit of i stands inverted in the second.
func dpbf16(i int) {
	second, modRM := uint32(0xd2)&^(uint32(i>>3)<<7), uint16(0xc7|i&7<<3)
	Instruction(&ir.Instruction{Opcode: "LONG", Operands: []operand.Op{operand.U32(0x480e0062 | second<<8)}})
	Instruction(&ir.Instruction{Opcode: "WORD", Operands: []operand.Op{operand.U16(0x52 | modRM<<8)}})
}

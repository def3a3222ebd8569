package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
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
			dpbf16(i, 14, 15)
		}
		DECQ(rounds)
	})
	s.ret()
}

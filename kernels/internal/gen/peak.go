package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// peakAdds is how many sums a round adds to: at least twice the four cycles that a multiply-add takes, or the six of VDPBF16PS, and then some, so
// that two of them can begin in every cycle. The wrappers in package x86 count on it.
func (s isa) peakAdds() int {
	if s.wide() {
		return 24
	}
	return 12
}

// peak writes the loops that touch nothing but registers: what they do in a second no product can do more of.
func (s isa) peak() {
	s.text("peak", "(rounds int)", fmt.Sprintf("does rounds × %d multiply-adds of vectors.", s.peakAdds()))
	a, b := s.zero(), s.zero()
	var sums []reg.VecVirtual
	for range s.peakAdds() {
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
	s.text("peakBF16", "(rounds int)", fmt.Sprintf("does rounds × %d vectors of sums of two products of bfloat16.", s.peakAdds()))
	for _, z := range zs {
		VPXORD(z, z, z)
	}
	rounds := pointer("rounds")
	loop("round", rounds, 1, func() {
		for i := range s.peakAdds() {
			dpbf16(i, 30, 31)
		}
		DECQ(rounds)
	})
	s.ret()
}

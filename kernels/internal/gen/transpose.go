package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blocks8 writes a loop over the 8×8 blocks of 8 rows of numbers of size bytes: block turns the rows at src into the rows at dst.
func blocks8(size uint64, block func(src, dst func(i int) operand.Mem)) {
	// rows gives the places of 8 rows that start ld after each other, from p and from four rows on.
	rows := func(p, ld reg.Register) (four reg.Register, at func(i int) operand.Mem) {
		IMUL3Q(operand.Imm(size), ld, ld)
		ld3, four := GP64(), GP64()
		LEAQ(operand.Mem{Base: ld, Index: ld, Scale: 2}, ld3)
		LEAQ(operand.Mem{Base: p, Index: ld, Scale: 4}, four)
		return four, func(i int) operand.Mem {
			m := operand.Mem{Base: []reg.Register{p, four}[i/4]}
			if i%4 > 0 {
				m.Index, m.Scale = []reg.Register{nil, ld, ld, ld3}[i%4], []uint8{0, 1, 2, 1}[i%4]
			}
			return m
		}
	}
	s, d, ld := pointer("src"), pointer("dst"), pointer("ldd")
	s4, src := rows(s, pointer("lds"))
	d4, dst := rows(d, ld)
	blocks := pointer("blocks")
	loop("block", blocks, 1, func() {
		block(src, dst)
		for _, p := range []reg.Register{s, s4} {
			ADDQ(operand.Imm(8*size), p)
		}
		for _, p := range []reg.Register{d, d4} {
			LEAQ(operand.Mem{Base: p, Index: ld, Scale: 8}, p)
		}
		DECQ(blocks)
	})
}

// transpose8 writes the transpose of 8 rows: of each 8×8 block, pairs, then fours, then halves change places.
func transpose8() {
	TEXT("transpose8", NOSPLIT, "func(dst *float32, ldd int, src *float32, lds, blocks int)")
	Pragma("noescape")
	Doc("transpose8 is ref.Transpose for 8 rows and 8·blocks columns.")
	blocks8(4, func(src, dst func(i int) operand.Mem) {
		var a, b [8]reg.VecVirtual
		for i := range a {
			a[i], b[i] = YMM(), YMM()
			VMOVUPS(src(i), a[i])
		}
		for i := 0; i < 8; i += 2 {
			VUNPCKLPS(a[i+1], a[i], b[i])
			VUNPCKHPS(a[i+1], a[i], b[i+1])
		}
		for i := 0; i < 8; i += 4 {
			for j := range 2 {
				VUNPCKLPD(b[i+j+2], b[i+j], a[i+2*j])
				VUNPCKHPD(b[i+j+2], b[i+j], a[i+2*j+1])
			}
		}
		for i := range 4 {
			VPERM2F128(operand.Imm(0x20), a[i+4], a[i], b[i])
			VPERM2F128(operand.Imm(0x31), a[i+4], a[i], b[i+4])
		}
		for i := range b {
			VMOVUPS(b[i], dst(i))
		}
	})
	VZEROUPPER()
	RET()
}

// transpose8x16 writes transpose8 for 16-bit numbers, of which a row of the block fills half the register.
func transpose8x16() {
	TEXT("transpose8x16", NOSPLIT, "func(dst *uint16, ldd int, src *uint16, lds, blocks int)")
	Pragma("noescape")
	Doc("transpose8x16 is ref.Transpose16 for 8 rows and 8·blocks columns.")
	blocks8(2, func(src, dst func(i int) operand.Mem) {
		var a, b [8]reg.VecVirtual
		for i := range a {
			a[i], b[i] = XMM(), XMM()
			VMOVUPS(src(i), a[i])
		}
		for i := 0; i < 8; i += 2 {
			VPUNPCKLWD(a[i+1], a[i], b[i])
			VPUNPCKHWD(a[i+1], a[i], b[i+1])
		}
		for i := 0; i < 8; i += 4 {
			for j := range 2 {
				VPUNPCKLDQ(b[i+j+2], b[i+j], a[i+2*j])
				VPUNPCKHDQ(b[i+j+2], b[i+j], a[i+2*j+1])
			}
		}
		for i := range 4 {
			VPUNPCKLQDQ(a[i+4], a[i], b[2*i])
			VPUNPCKHQDQ(a[i+4], a[i], b[2*i+1])
		}
		for i := range b {
			VMOVUPS(b[i], dst(i))
		}
	})
	RET()
}

package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of a strip, in bytes; package x86 holds them against the type when it is compiled.
const (
	stripHeight, stripTiles, stripLower             = 0, 8, 16
	stripK, stripSegs                               = 24, 32
	stripA, stripARow, stripACol, stripASeg         = 40, 48, 56, 64
	stripB, stripInit, stripAdd, stripDst           = 72, 80, 88, 96
	stripInitStride, stripAddStride, stripDstStride = 104, 112, 120
	panelBytes                                      = 4 * 32
)

// matrices writes the micro-kernels: for each width, reading A along its rows (ACol = 1) or down its columns (ARow = 1, "t").
func (s isa) matrices() {
	products := []bool{false}
	if s.wide() {
		products = append(products, true)
	}
	for _, dot := range products {
		for _, vecs := range s.vecs {
			s.matrix(vecs, dot, false)
		}
		s.matrix(s.vecs[0], dot, true)
	}
}

// matrix writes the micro-kernels of one width, one for each height of a tile, as one function that goes down a strip: through its tiles of
// one height and then through those that are a row lower. dot says that they are ref.Dot, down that A is read down its columns.
func (s isa) matrix(vecs int, dot, down bool) {
	name, is := fmt.Sprintf("matrix%d", vecs*s.lanes), "ref.Matrix"
	if dot {
		name, is = fmt.Sprintf("dot%d", vecs*s.lanes), "ref.Dot"
	}
	if down {
		name += "t"
	}
	s.text(name, "(p *[16]int)", fmt.Sprintf("is %s for a strip of tiles of 1 to %d rows and of %d columns.", is, s.rows, vecs*s.lanes))
	strip := pointer("p")
	field := func(offset int) operand.Mem { return operand.Mem{Base: strip, Disp: offset} }
	Label("height")
	height := GP64()
	MOVQ(field(stripHeight), height)
	for rows := s.rows; rows > 0; rows-- {
		if rows > 1 {
			CMPQ(height, operand.Imm(uint64(rows)))
			JNE(operand.LabelRef(fmt.Sprintf("below%d", rows)))
		}
		s.strip(strip, rows, vecs, dot, down)
		JMP(operand.LabelRef("next"))
		if rows > 1 {
			Label(fmt.Sprintf("below%d", rows))
		}
	}
	Label("next")
	lower := GP64()
	MOVQ(field(stripLower), lower)
	TESTQ(lower, lower)
	JZ(operand.LabelRef("done"))
	MOVQ(lower, field(stripTiles))
	MOVQ(operand.U32(0), field(stripLower))
	DECQ(field(stripHeight))
	JMP(operand.LabelRef("height"))
	Label("done")
	s.ret()
}

// strip writes one micro-kernel, which goes down tiles of the same height; in each, rows × vecs accumulators stay in registers over the whole inner
// index, every step of which loads a row of B and broadcasts one value of A for each row.
func (s isa) strip(strip reg.Register, rows, vecs int, dot, down bool) {
	vec := func() reg.Register { return s.vec() }
	multiplyAdd := func(b, a, sum reg.Register) { VFMADD231PS(b, a, sum) }
	if dot {
		vec, multiplyAdd = dotRegisters()
	}
	label := func(name string) string { return fmt.Sprintf("%s%d", name, rows) }
	ref := func(name string) operand.LabelRef { return operand.LabelRef(label(name)) }
	field := func(offset int) reg.GPVirtual {
		r := GP64()
		MOVQ(operand.Mem{Base: strip, Disp: offset}, r)
		return r
	}
	keep := func(r reg.Register, offset int) { MOVQ(r, operand.Mem{Base: strip, Disp: offset}) } // for the next tile
	acc := make([][]reg.Register, rows)
	for i := range acc {
		for range vecs {
			acc[i] = append(acc[i], vec())
		}
	}
	row := func(p reg.Register, j int) operand.Mem { return operand.Mem{Base: p, Disp: j * s.bytes()} }

	Label(label("tile"))
	init, stride := field(stripInit), field(stripInitStride)
	for i := range acc {
		for j := range acc[i] {
			VMOVUPS(row(init, j), acc[i][j])
		}
		ADDQ(stride, init)
	}
	keep(init, stripInit)

	b, segs, first := field(stripB), field(stripSegs), field(stripA)
	var step func() // to the next value of the inner index
	var a func(i int) operand.Mem
	var next func() // to the next segment
	if down {
		p, col := GP64(), field(stripACol)
		MOVQ(first, p)
		a = func(i int) operand.Mem { return at(p, i) }
		step = func() { ADDQ(col, p) }
		next = func() {}
		ADDQ(operand.Imm(uint64(4*rows)), first)
		keep(first, stripA)
	} else {
		// Row 5j+i is at base j plus 0, 1, 2, 3 or 4 row strides.
		stride, stride3 := field(stripARow), GP64()
		LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
		bases := []reg.GPVirtual{first}
		for 5*len(bases) < rows {
			p := GP64()
			last := bases[len(bases)-1]
			LEAQ(operand.Mem{Base: last, Index: stride, Scale: 4}, p)
			ADDQ(stride, p)
			bases = append(bases, p)
		}
		a = func(i int) operand.Mem {
			m := operand.Mem{Base: bases[i/5]}
			switch i % 5 {
			case 1, 2, 4:
				m.Index, m.Scale = stride, uint8(i%5)
			case 3:
				m.Index, m.Scale = stride3, 1
			}
			return m
		}
		step = func() {
			for _, p := range bases {
				ADDQ(operand.Imm(4), p)
			}
		}
		next = func() {
			seg := field(stripASeg)
			for _, p := range bases {
				ADDQ(seg, p)
			}
		}
		below := GP64() // the row below the last
		LEAQ(a(rows-1), below)
		ADDQ(stride, below)
		keep(below, stripA)
	}

	Label(label("segment"))
	k := field(stripK)
	TESTQ(k, k)
	JZ(ref("segment_end"))
	Label(label("inner"))
	bs, as := make([]reg.Register, vecs), [2]reg.Register{vec(), vec()}
	for j := range bs {
		bs[j] = vec()
		VMOVUPS(row(b, j), bs[j])
	}
	for j := range panelBytes / 64 * vecs * s.bytes() / panelBytes {
		PREFETCHT0(operand.Mem{Base: b, Disp: 2048 + 64*j})
	}
	for i := range acc {
		VBROADCASTSS(a(i), as[i%2])
		for j := range bs {
			multiplyAdd(bs[j], as[i%2], acc[i][j])
		}
	}
	step()
	ADDQ(operand.Imm(panelBytes), b)
	DECQ(k)
	JNZ(ref("inner"))
	Label(label("segment_end"))
	next()
	DECQ(segs)
	JNZ(ref("segment"))

	add, stride := field(stripAdd), field(stripAddStride)
	TESTQ(add, add)
	JZ(ref("store"))
	for i := range acc {
		for j := range acc[i] {
			VADDPS(row(add, j), acc[i][j], acc[i][j])
		}
		ADDQ(stride, add)
	}
	keep(add, stripAdd)
	Label(label("store"))
	dst, stride := field(stripDst), field(stripDstStride)
	for i := range acc {
		for j := range acc[i] {
			VMOVUPS(acc[i][j], row(dst, j))
		}
		ADDQ(stride, dst)
	}
	keep(dst, stripDst)
	DECQ(operand.Mem{Base: strip, Disp: stripTiles})
	JNZ(ref("tile"))
}

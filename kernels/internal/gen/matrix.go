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
		for _, t := range s.tiles {
			for _, down := range []bool{false, true} {
				s.matrix(t, dot, down)
			}
		}
	}
}

// matrix writes the micro-kernels of one width, one for each height of a tile, as one function that goes down a strip: through its tiles of
// one height and then through those that are a row lower. dot says that they are ref.Dot, down that A is read down its columns.
func (s isa) matrix(t tile, dot, down bool) {
	columns := t.vecs * s.lanes
	name, is := fmt.Sprintf("matrix%d", columns), "ref.Matrix"
	if dot {
		name, is = fmt.Sprintf("dot%d", columns), "ref.Dot"
	}
	if down {
		name += "t"
	}
	s.text(name, "(p *[16]int)", fmt.Sprintf("is %s for a strip of tiles of 1 to %d rows and of %d columns.", is, t.rows, columns))
	strip := pointer("p")
	field := func(offset int) operand.Mem { return operand.Mem{Base: strip, Disp: offset} }
	Label("height")
	height := GP64()
	MOVQ(field(stripHeight), height)
	for rows := t.rows; rows > 0; rows-- {
		if rows > 1 {
			CMPQ(height, operand.Imm(uint64(rows)))
			JNE(operand.LabelRef(fmt.Sprintf("below%d", rows)))
		}
		s.strip(strip, tile{rows, t.vecs}, dot, down)
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
// index, every step of which loads a row of B and broadcasts one value of A for each row. On AVX2, with its 16 registers, a tile is three rows high and four vectors
// wide: so a step has the fewest loads, and reads whole lines of B.
func (s isa) strip(strip reg.Register, size tile, dot, down bool) {
	rows, vecs := size.rows, size.vecs
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
	var a func(i, u int) operand.Mem // of row i, u values of the inner index ahead
	var step func(n int)             // so many values of the inner index on
	var next func()                  // to the next segment
	if down {
		p, col := GP64(), multiples(field(stripACol))
		MOVQ(first, p)
		a = func(i, u int) operand.Mem { return col.index(p, u).Offset(4 * i) }
		step = func(n int) { LEAQ(col.index(p, n), p) }
		next = func() {}
		ADDQ(operand.Imm(uint64(4*rows)), first)
		keep(first, stripA)
	} else {
		// Row 6j+i is at base j plus i row strides.
		stride := multiples(field(stripARow))
		bases := []reg.GPVirtual{first}
		for 6*len(bases) < rows {
			p := GP64()
			LEAQ(operand.Mem{Base: bases[len(bases)-1], Index: stride.three, Scale: 2}, p)
			bases = append(bases, p)
		}
		a = func(i, u int) operand.Mem { return stride.index(bases[i/6], i%6).Offset(4 * u) }
		step = func(n int) {
			for _, p := range bases {
				ADDQ(operand.Imm(uint64(4*n)), p)
			}
		}
		next = func() {
			seg := field(stripASeg)
			for _, p := range bases {
				ADDQ(seg, p)
			}
		}
		below := GP64() // the row below the last
		LEAQ(a(rows-1, 0), below)
		ADDQ(stride.one, below)
		keep(below, stripA)
	}

	bs, as := make([]reg.Register, vecs), make([]reg.Register, min(2, rows))
	byRow := vecs < 4 // a row of B stays in registers, and values of A pass through; or the other way round
	if !byRow {
		bs, as = bs[:1], make([]reg.Register, rows)
	}
	for i := range as {
		as[i] = vec()
	}
	for j := range bs {
		bs[j] = vec()
	}
	products := func(n int) { // for n values of the inner index
		for u := range n {
			broadcast := func(i int) { VBROADCASTSS(a(i, u), as[i%len(as)]) }
			load := func(j int) { VMOVUPS(row(b, j).Offset(u*panelBytes), bs[j%len(bs)]) }
			add := func(i, j int) { multiplyAdd(bs[j%len(bs)], as[i%len(as)], acc[i][j]) }
			if byRow {
				for j := range vecs {
					load(j)
				}
				for i := range rows {
					broadcast(i)
					for j := range vecs {
						add(i, j)
					}
				}
			} else {
				for i := range rows {
					broadcast(i)
				}
				for j := range vecs {
					load(j)
					for i := range rows {
						add(i, j)
					}
				}
			}
		}
		if s.prefetch {
			for line := 0; line < n*vecs*s.bytes(); line += 64 {
				PREFETCHT0(operand.Mem{Base: b, Disp: 2048 + line})
			}
		}
		step(n)
		ADDQ(operand.U32(uint32(n*panelBytes)), b)
	}
	Label(label("segment"))
	k := field(stripK)
	if s.unroll > 1 {
		SUBQ(operand.Imm(uint64(s.unroll)), k)
		JLT(ref("rest"))
		Label(label("inner"))
		products(s.unroll)
		SUBQ(operand.Imm(uint64(s.unroll)), k)
		JGE(ref("inner"))
		Label(label("rest"))
		ADDQ(operand.Imm(uint64(s.unroll)), k)
	} else {
		TESTQ(k, k)
	}
	JZ(ref("segment_end"))
	Label(label("one"))
	products(1)
	DECQ(k)
	JNZ(ref("one"))
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

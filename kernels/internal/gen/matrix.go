package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of ref.Tile, in bytes; package x86 holds them against the type when it is compiled.
const (
	tileK, tileSegs                              = 16, 24
	tileA, tileARow, tileACol, tileASeg          = 32, 56, 64, 72
	tileB, tileInit, tileAdd, tileDst            = 80, 104, 128, 152
	tileInitStride, tileAddStride, tileDstStride = 176, 184, 192
	panelBytes                                   = 4 * 32
)

// matrices writes the micro-kernels: for every number of rows, reading A along its rows (ACol = 1) or down its columns
// (ARow = 1, "t").
func (s isa) matrices() {
	zeros := GLOBL("zeros"+s.name, RODATA|NOPTR)
	for i := range panelBytes / 8 {
		DATA(8*i, operand.U64(0))
	}
	for rows := 1; rows <= s.rows; rows++ {
		for _, vecs := range s.vecs {
			s.matrix(rows, vecs, "", zeros)
			if s.wide() {
				s.matrix(rows, vecs, "dot", zeros)
			}
		}
		s.matrix(rows, s.vecs[0], "down", zeros)
	}
}

// matrix writes one micro-kernel: rows × vecs accumulators stay in registers over the whole inner index. Each step loads a
// row of B and broadcasts one value of A for each row. kind says whether A is read down its columns ("down"), or that it is ref.Dot ("dot").
func (s isa) matrix(rows, vecs int, kind string, zeros operand.Mem) {
	name, is := fmt.Sprintf("matrix%dx%d", rows, vecs*s.lanes), "ref.Matrix"
	vec := func() reg.Register { return s.vec() }
	multiplyAdd := func(b, a, sum reg.Register) { VFMADD231PS(b, a, sum) }
	switch kind {
	case "down":
		name += "t"
	case "dot":
		name, is = fmt.Sprintf("dot%dx%d", rows, vecs*s.lanes), "ref.Dot"
		vec, multiplyAdd = dotRegisters()
	}
	s.text(name, "(t *[25]int)", fmt.Sprintf("is %s for %d rows and %d columns.", is, rows, vecs*s.lanes))
	t := pointer("t")
	field := func(offset int) reg.GPVirtual {
		r := GP64()
		MOVQ(operand.Mem{Base: t, Disp: offset}, r)
		return r
	}
	acc := make([][]reg.Register, rows)
	for i := range acc {
		for range vecs {
			acc[i] = append(acc[i], vec())
		}
	}
	row := func(p reg.Register, j int) operand.Mem { return operand.Mem{Base: p, Disp: j * s.bytes()} }

	// Start from Init, or from zeros repeated.
	init, stride := field(tileInit), field(tileInitStride)
	times4(stride)
	TESTQ(init, init)
	JNZ(operand.LabelRef("begin"))
	LEAQ(zeros, init)
	XORQ(stride, stride)
	Label("begin")
	for i := range acc {
		for j := range acc[i] {
			VMOVUPS(row(init, j), acc[i][j])
		}
		ADDQ(stride, init)
	}

	b, segs := field(tileB), field(tileSegs)
	var step func() // to the next value of the inner index
	var a func(i int) operand.Mem
	var next func() // to the next segment
	if kind == "down" {
		p, col := field(tileA), field(tileACol)
		times4(col)
		a = func(i int) operand.Mem { return at(p, i) }
		step = func() { ADDQ(col, p) }
		next = func() {}
	} else {
		// Row 5j+i is at base j plus 0, 1, 2, 3 or 4 row strides.
		stride, stride3 := field(tileARow), GP64()
		times4(stride)
		LEAQ(operand.Mem{Base: stride, Index: stride, Scale: 2}, stride3)
		bases := []reg.GPVirtual{field(tileA)}
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
			seg := field(tileASeg)
			SUBQ(operand.Mem{Base: t, Disp: tileK}, seg)
			times4(seg)
			for _, p := range bases {
				ADDQ(seg, p)
			}
		}
	}

	Label("segment")
	k := field(tileK)
	TESTQ(k, k)
	JZ(operand.LabelRef("segment_end"))
	Label("inner")
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
	JNZ(operand.LabelRef("inner"))
	Label("segment_end")
	next()
	DECQ(segs)
	JNZ(operand.LabelRef("segment"))

	add, stride := field(tileAdd), field(tileAddStride)
	times4(stride)
	TESTQ(add, add)
	JZ(operand.LabelRef("store"))
	for i := range acc {
		for j := range acc[i] {
			VADDPS(row(add, j), acc[i][j], acc[i][j])
		}
		ADDQ(stride, add)
	}
	Label("store")
	dst, stride := field(tileDst), field(tileDstStride)
	times4(stride)
	for i := range acc {
		for j := range acc[i] {
			VMOVUPS(acc[i][j], row(dst, j))
		}
		ADDQ(stride, dst)
	}
	s.ret()
}

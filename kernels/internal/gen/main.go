// Command gen writes the assembly of package x86, once for each instruction set:
//
//	go generate ./kernels/internal/x86
//
// What a function computes is written in package ref under the same name; here is how.
package main

import (
	"flag"
	"log"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	name := flag.String("isa", "", "AVX512 or AVX2")
	flag.Parse()
	var s isa
	switch *name {
	case "AVX512":
		s = isa{name: *name, lanes: 16, tiles: []tile{{14, 2}, {14, 1}}, unroll: 1, prefetch: true}
	case "AVX2":
		s = isa{name: *name, lanes: 8, tiles: []tile{{3, 4}, {6, 2}}, unroll: 4}
	default:
		log.Fatalf("-isa %q: want AVX512 or AVX2", *name)
	}
	ConstraintExpr("!purego")
	s.matrices()
	s.maps()
	s.geglu()
	s.reductions()
	s.panels()
	s.halves()
	s.winograd()
	if s.lanes == 8 { // 8×8 is a good size for both
		transpose8()
		transpose8x16()
	}
	if s.wide() {
		s.pairs()
		s.join()
		s.panelPairs()
	}
	s.peak()
	Generate()
}

// isa is an instruction set and how it is used.
type isa struct {
	name     string
	lanes    int    // float32 values in a vector
	tiles    []tile // of the matrix micro-kernels: a panel, and half of one
	unroll   int    // values of the inner index in a round of their loops, 1 or 4: small tiles leave little room for counting
	prefetch bool   // whether they ask for B ahead
}

// tile is the size of what a matrix micro-kernel keeps in registers: its most rows, and its width in vectors.
type tile struct{ rows, vecs int }

func (s isa) wide() bool { return s.lanes == 16 }

func (s isa) vec() reg.VecVirtual {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

// text begins a function called name with the instruction set behind it.
func (s isa) text(name, signature, doc string) {
	TEXT(name+s.name, NOSPLIT, "func"+signature)
	Pragma("noescape")
	Doc(name + s.name + " " + doc)
}

func (s isa) ret() {
	VZEROUPPER()
	RET()
}

// bytes is the size of a vector.
func (s isa) bytes() int { return 4 * s.lanes }

// zero makes a vector of zeros.
func (s isa) zero() reg.VecVirtual {
	z := s.vec()
	if s.wide() {
		VPXORD(z, z, z)
	} else {
		VXORPS(z, z, z)
	}
	return z
}

// broadcast fills a vector with a float32 parameter.
func (s isa) broadcast(param string) reg.VecVirtual {
	v := s.vec()
	a, err := Param(param).Resolve()
	if err != nil {
		log.Fatal(err)
	}
	VBROADCASTSS(a.Addr, v)
	return v
}

// pointer loads a parameter.
func pointer(param string) reg.Register { return Load(Param(param), GP64()) }

// at is the float32 number i of p.
func at(p reg.Register, i int) operand.Mem { return operand.Mem{Base: p, Disp: 4 * i} }

// times4 turns a count of float32 into bytes.
func times4(r reg.Register) { SHLQ(operand.Imm(2), r) }

// loop runs body as long as counter, which step counts down by, stays at least atLeast.
func loop(label string, counter reg.Register, atLeast int, body func()) {
	Label(label)
	CMPQ(counter, operand.Imm(uint64(atLeast)))
	JL(operand.LabelRef(label + "_end"))
	body()
	JMP(operand.LabelRef(label))
	Label(label + "_end")
}

package cuda

import (
	"math"
	"sync"
)

// halfTile is the part of a product on the tensor cores that a block of threads computes (TileHalf in product_half.cuh), and how long it takes. The times are
// those of an H200 (docs/cuda.md); between them it is the proportions that decide, and these are much the same elsewhere.
type halfTile struct {
	name     string // the end of the kernel's name
	m, n     int    // rows, columns
	k        int    // numbers of the inner index in a step
	stages   int    // steps that shared memory has
	threads  int
	resident int     // blocks that a multiprocessor holds
	step     float64 // µs that a multiprocessor takes for a block's step if it has as many
	alone    float64 // … and at least, if it has fewer
	ends     float64 // steps that a block's beginning and end take as long as
}

var (
	wideHalf  = halfTile{"160", 128, 160, 64, 3, 256, 1, 0.88, 0.88, 9}
	largeHalf = halfTile{"128", 128, 128, 64, 3, 256, 2, 0.72, 0.8, 5}
	smallHalf = halfTile{"64", 64, 64, 64, 3, 128, 4, 0.21, 0.45, 4.5}
	halfTiles = []halfTile{smallHalf, largeHalf, wideHalf}
)

// shared is the bytes of shared memory.
func (t halfTile) shared() int { return 2 * (t.m + t.n) * t.k * t.stages }

// time is the µs of so many blocks of so many steps.
func (t halfTile) time(blocks, steps, processors int) float64 {
	each := ceilDiv(blocks, processors) // of the multiprocessor that has most
	long := float64(steps) + t.ends
	micros := float64(each/t.resident*t.resident) * t.step * long
	if rest := each % t.resident; rest > 0 {
		micros += max(t.alone, float64(rest)*t.step) * long
	}
	return micros
}

// half is a product [m, n] of two sides of 16 bits.
type half struct {
	format Format
	m, n   int
	tile   halfTile
	split  int // parts of the inner index; each block has one
	steps  int // of a part
}

// mostParts of a product are worth adding up.
const mostParts = 16

// chosen is what newHalf came to: a network asks for the same few products in every step.
var chosen sync.Map // of [halfShape] to half

type halfShape struct {
	format      Format
	m, n, pitch int
	on          Hardware
}

// newHalf chooses the tile and the parts for a product of rows that are pitch numbers long, on a GPU.
func newHalf(f Format, m, n, pitch int, on Hardware) half {
	shape := halfShape{f, m, n, pitch, on}
	if h, ok := chosen.Load(shape); ok {
		return h.(half)
	}
	h := shape.choose()
	chosen.Store(shape, h)
	return h
}

// choose takes what takes the least time.
func (s halfShape) choose() (best half) {
	f, m, n, pitch, on := s.format, s.m, s.n, s.pitch, s.on
	processors, room := on.Processors, on.sharedMemory()
	if processors == 0 {
		processors = 132
	}
	least := math.Inf(1)
	for _, t := range halfTiles {
		if t.shared() > room {
			continue
		}
		for split := 1; split <= mostParts; split++ {
			h := newHalfOf(f, m, n, pitch, t, split)
			if h.split < split {
				break
			}
			micros := t.time(ceilDiv(m, t.m)*ceilDiv(n, t.n)*h.split, h.steps, processors)
			if h.split > 1 {
				micros += 3.5 + float64((h.split+1)*m*n)*4/5.5e6 // another launch; the parts through the memory
			}
			if micros < least {
				best, least = h, micros
			}
		}
	}
	return best
}

// newHalfOf is that in so many parts, or fewer, if then there is something for each.
func newHalfOf(f Format, m, n, pitch int, t halfTile, split int) half {
	all := ceilDiv(pitch, t.k)
	steps := max(1, ceilDiv(all, split))
	return half{f, m, n, t, max(1, ceilDiv(all, steps)), steps}
}

func (h half) kernel(operation string) string {
	return operation + "_" + h.format.String() + "_" + h.tile.name
}

func (h half) grid() Dim { return Dim{ceilDiv(h.m, h.tile.m) * ceilDiv(h.n, h.tile.n), 1, h.split} }

// scratch is the float32 to work in: the left side, so many numbers of 16 bits, and what the parts leave.
func (h half) scratch(left int) int {
	if h.split == 1 {
		return ceilDiv(left, 2)
	}
	return aligned(ceilDiv(left, 2)) + h.split*h.m*h.n
}

// aligned is a number of float32 filled up to 256 bytes.
func aligned(floats int) int { return ceilDiv(floats, 64) * 64 }

// parts is where in the scratch the parts lie, or null.
func (h half) parts(scratch Pointer, left int) Pointer {
	if h.split == 1 {
		return 0
	}
	return scratch.plus(aligned(ceilDiv(left, 2)))
}

// InScratch stands for the left side of a product in 16 bits with which the scratch begins, rounded as by [Format.Narrow].
const InScratch = ^Pointer(0)

// left is what brings the left side x [rows, columns] of a product to the scratch.
func (f Format) left(scratch, x Pointer, rows, columns int) []Launch {
	if x == InScratch {
		return nil
	}
	return []Launch{f.Narrow(scratch, x, rows, columns)}
}

// work is that of the product with so many numbers on its left side and in its result.
func (h half) work(w Packed, left, result int, ep Epilogue) Work {
	work := product(h.format, h.m, w.K(), h.n, result, ep.residual(result))
	if h.split > 1 {
		work = product(h.format, h.m, w.K(), h.n, h.split*h.m*h.n)
	}
	work.Floats += float64(left) / 2 // they have 16 bits
	work.Weight = float64(w.Bytes())
	return work
}

// finish adds to the launches of a product what joins its parts.
func (h half) finish(launches []Launch, dst, parts Pointer, ep Epilogue, ldd int) []Launch {
	if h.split == 1 {
		return launches
	}
	written := h.m * min(h.n, ldd)
	return append(launches, Launch{"partial", "join_parts", spread(count(h.m, ceilDiv(h.n, 4))), Dim{threads, 1, 1}, 0, params(
		dst, parts, ep.Bias, ep.Residual, count(h.split), count(h.m), count(h.n), count(ldd), uint32(ep.Act)),
		moved(h.split*h.m*h.n, written, ep.residual(written))})
}

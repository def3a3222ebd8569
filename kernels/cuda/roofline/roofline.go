// Package roofline says what a kernel cannot be faster than on a GPU: the time of its products at the GPU's peak, or of its numbers, each
// moved once, at the memory's bandwidth, whichever is longer.
package roofline

import (
	"fmt"
	"strings"

	"github.com/sowgen/sowgen/kernels/cuda"
)

// Budget is the part of the roofline's speed that the kernels are held to.
const Budget = 0.6

// GPU is what a GPU can do at most in a second.
type GPU struct {
	Name       string
	Processors int     // its multiprocessors
	F32        float64 // floating-point operations on float32
	Half       float64 // the same of f16 or bf16 on the tensor cores, dense, with sums in float32
	Bytes      float64 // of its memory
}

// Seconds is the roofline time of a launch.
func (g GPU) Seconds(w cuda.Work) float64 { return max(w.FLOP/g.peak(w.Format), w.Bytes()/g.Bytes) }

func (g GPU) peak(f cuda.Format) float64 {
	if f == cuda.F32 {
		return g.F32
	}
	return g.Half
}

// Fill is the share of the multiprocessors that have a block, over the rounds that a grid takes.
func (g GPU) Fill(grid cuda.Dim) float64 {
	blocks := grid.X * grid.Y * grid.Z
	rounds := (blocks + g.Processors - 1) / g.Processors
	return float64(blocks) / float64(rounds*g.Processors)
}

// rates are the floating-point operations that a multiprocessor does in a cycle, by compute capability: of float32, and of f16 with float32
// sums on the tensor cores, dense, by NVIDIA's architecture white papers. The driver does not tell them.
var rates = []struct {
	capability int
	f32, half  float64
}{
	{75, 128, 1024},  // Turing
	{80, 128, 2048},  // A100
	{86, 256, 1024},  // other Ampere
	{89, 256, 1024},  // Ada
	{90, 256, 4096},  // Hopper
	{100, 256, 8192}, // Blackwell for data centres
	{120, 256, 1024}, // other Blackwell
}

// Of is a GPU by what its driver says of it, with the rates of the newest compute capability in rates that is not newer than its own. It fails
// where the driver says too little.
func Of(h cuda.Hardware) (GPU, error) {
	for what, n := range map[string]int{"multiprocessors": h.Processors, "clock": h.Clock, "memory clock": h.MemoryClock, "bus": h.BusWidth} {
		if n <= 0 {
			return GPU{}, fmt.Errorf("cuda: the driver does not tell the %s of %s: what it cannot be faster than is not known", what, h.Name)
		}
	}
	rate := rates[0]
	for _, r := range rates {
		if r.capability <= h.Capability {
			rate = r
		}
	}
	if strings.Contains(h.Name, "GeForce") {
		rate.half /= 2 // with sums in float32, on boards for games
	}
	cycles := 1e3 * float64(h.Clock) * float64(h.Processors)
	return GPU{
		Name: h.Name, Processors: h.Processors,
		F32: rate.f32 * cycles, Half: rate.half * cycles,
		Bytes: 2 * 1e3 * float64(h.MemoryClock) * float64(h.BusWidth) / 8, // two transfers a cycle
	}, nil
}

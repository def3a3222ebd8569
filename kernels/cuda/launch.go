package cuda

import (
	"fmt"
	"math"
)

// Launch is one call of a kernel: all that the driver wants to know but the stream.
type Launch struct {
	Module string // the .cu file, without its extension
	Kernel string
	Grid   Dim
	Block  Dim
	Shared int // bytes of dynamic shared memory
	Params []Param
	Work   Work
}

// Hardware is what a GPU's driver says of it.
type Hardware struct {
	Name               string
	Capability         int // 80 for 8.0
	Processors         int // its multiprocessors
	Clock, MemoryClock int // at most, in kHz
	BusWidth           int // of the memory, in bits
}

// sharedMemory is the bytes of shared memory that a block may have; of a GPU that nothing is known of, as much as any.
func (h Hardware) sharedMemory() int {
	switch h.Capability {
	case 75:
		return 64 << 10
	case 80, 87:
		return 163 << 10
	case 0, 90, 100:
		return 227 << 10
	default:
		return 99 << 10
	}
}

// Dim is the extent of a grid in blocks, or of a block in threads.
type Dim struct{ X, Y, Z int }

// Pointer is an address in the device's memory; 0 is null.
type Pointer uintptr

// Param is a kernel's parameter in the 8 bytes that the driver is given for it, of which it reads as many as the parameter has.
type Param struct {
	Bits uint64
	Type string // as PTX names it: u64, u32 or f32
}

// params packs parameters. The Go type of each says what the kernel's is.
func params(args ...any) []Param {
	packed := make([]Param, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case Pointer:
			packed[i] = Param{uint64(v), "u64"}
		case uint64:
			packed[i] = Param{v, "u64"}
		case uint32:
			packed[i] = Param{uint64(v), "u32"}
		case float32:
			packed[i] = Param{uint64(math.Float32bits(v)), "f32"}
		case bool:
			packed[i] = Param{0, "u32"}
			if v {
				packed[i].Bits = 1
			}
		default:
			panic(fmt.Sprintf("cuda: parameter %d is a %T", i, arg))
		}
	}
	return packed
}

// count is the number of elements of a tensor of the given shape, or of a product of numbers like them. Kernels count in 32 bits.
func count(shape ...int) uint32 {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt32/d {
			panic(fmt.Errorf("cuda: %v is too large: a tensor has fewer than 2³¹ elements", shape))
		}
		n *= d
	}
	return uint32(n)
}

const (
	threads = 256   // of a block of the kernels without tiles
	maxGrid = 65535 // most blocks along Y and Z
	waves   = 4096  // blocks of such a kernel at most: some for every multiprocessor of the largest GPU; the rest is loops
)

// spread is the grid for n pieces of work, one to a thread as far as there are threads.
func spread(n uint32) Dim { return Dim{min(ceilDiv(int(n), threads), waves), 1, 1} }

func ceilDiv(a, b int) int { return (a + b - 1) / b }

package kernels

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sowgen/sowgen/kernels/ref"
)

// implementation is one version of every inner loop; what each computes is written in package ref.
type implementation struct {
	name string
	rows int // most rows of a Tile

	matrix    func(t *ref.Tile)
	transpose func(dst []float32, ldd int, src []float32, lds, rows, cols int)

	exp, silu, gelu, quickGELU, sqrt, neg func(dst, x []float32)
	add, sub, mul, div, geglu             func(dst, a, b []float32)
	axpby                                 func(dst []float32, a float32, x []float32, b float32, y []float32)
	affine, affineSiLU                    func(dst, x, scale, shift []float32)
	normalize                             func(dst, x, gamma, beta []float32, mean, rstd float32)

	sum           func(x []float32) float32
	sumSquares    func(x []float32, mean float32) float32
	colSum        func(sum, x []float32, ldx, rows int)
	colSumSquares func(sum, x, mean []float32, ldx, rows int)
	max           func(x []float32) float32
	expSum        func(dst, x []float32, shift float32) float32

	panelRange func(s []float32, rows int, hi, lo *ref.Lanes)
	panelExp   func(s []float32, rows int, mul float32, shift, sum *ref.Lanes)
	panelScale func(s []float32, rows int, factor *ref.Lanes)

	f16ToF32, bf16ToF32 func(dst []float32, src []uint16)
	f32ToF16, f32ToBF16 func(dst []uint16, src []float32)
}

// plainGo runs everywhere. The others are copies of it with entries replaced by assembly.
var plainGo = implementation{
	name: "go",
	rows: 14,

	matrix:    ref.Matrix,
	transpose: ref.Transpose,

	exp: ref.Exp, silu: ref.SiLU, gelu: ref.GELU, quickGELU: ref.QuickGELU, sqrt: ref.Sqrt, neg: ref.Neg,
	add: ref.Add, sub: ref.Sub, mul: ref.Mul, div: ref.Div, geglu: ref.GEGLU,
	axpby:  ref.Axpby,
	affine: ref.Affine, affineSiLU: ref.AffineSiLU,
	normalize: ref.Normalize,

	sum:           ref.Sum,
	sumSquares:    ref.SumSquares,
	colSum:        ref.ColSum,
	colSumSquares: ref.ColSumSquares,
	max:           ref.Max,
	expSum:        ref.ExpSum,

	panelRange: ref.PanelRange,
	panelExp:   ref.PanelExp,
	panelScale: ref.PanelScale,

	f16ToF32: ref.F16ToF32, bf16ToF32: ref.BF16ToF32,
	f32ToF16: ref.F32ToF16, f32ToBF16: ref.F32ToBF16,
}

// override names the environment variable that picks an implementation, for tests and for finding out whether a wrong
// picture is an assembly's fault.
const override = "SOWGEN_KERNELS"

var (
	active      atomic.Pointer[implementation]
	overrideErr error
)

func init() {
	active.Store(runnable()[0])
	if name := os.Getenv(override); name != "" {
		if err := SetImplementation(name); err != nil {
			overrideErr = fmt.Errorf("%w (from the environment variable %s; unset it to let this processor decide)", err, override)
		}
	}
}

// runnable lists what this processor can run, the fastest first.
func runnable() []*implementation { return append(assembly(), &plainGo) }

// Implementation names the inner loops in use: "avx512", "avx2" or "go". The fastest that the processor can run is chosen at
// start; the environment variable SOWGEN_KERNELS overrides the choice.
func Implementation() string { return active.Load().name }

// Implementations lists the names that SetImplementation takes on this processor, the fastest first.
func Implementations() []string {
	var names []string
	for _, m := range runnable() {
		names = append(names, m.name)
	}
	return names
}

// SetImplementation changes the inner loops in use. It must not be called while an operation runs. The error says which names
// can be given here.
func SetImplementation(name string) error {
	all := runnable()
	i := slices.IndexFunc(all, func(m *implementation) bool { return m.name == name })
	if i < 0 {
		return fmt.Errorf("kernels: implementation %q: want one of %s on this machine", name, strings.Join(Implementations(), ", "))
	}
	active.Store(all[i])
	return nil
}

// CheckOverride reports what was wrong with SOWGEN_KERNELS at start: an unknown name or one that this processor cannot run.
// The kernels then run as if it was not set; a program should show the error and stop.
func CheckOverride() error { return overrideErr }

package kernels

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sowgen/sowgen/kernels/ref"
)

// implementation is one version of the inner loops.
type implementation struct {
	name string
	ref.Loops
}

// plainGo runs everywhere.
var plainGo = implementation{"go", ref.Go}

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

// Implementation names the inner loops in use: "avx512bf16", "avx512", "avx2" or "go". The fastest that the processor can run is chosen at
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

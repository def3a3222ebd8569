//go:build !cuda

package tensortest

import (
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// Device returns the engine on which tests of models run: the CPU; with -tags cuda a GPU, which in CI is the emulated one.
func Device(testing.TB) tensor.Engine { return tensor.CPU{} }

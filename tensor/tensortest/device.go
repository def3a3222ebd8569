//go:build !cuda

package tensortest

import (
	"testing"

	"github.com/sowgen/sowgen/tensor"
)

// Device returns the engine on which tests of models run: the CPU; with -tags cuda a GPU, which in CI is the emulated one.
func Device(testing.TB) tensor.Engine { return tensor.CPU{} }

// DeviceIn is [Device] in a precision.
func DeviceIn(_ testing.TB, p tensor.Precision) tensor.Engine { return tensor.CPU{Precision: p} }

// TwoDevices returns two engines that work side by side: the CPU twice; with -tags cuda two GPUs, which must be the emulated ones.
func TwoDevices(testing.TB) [2]tensor.Engine { return [2]tensor.Engine{tensor.CPU{}, tensor.CPU{}} }

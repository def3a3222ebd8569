//go:build cuda

package cuda

import (
	"errors"
	"fmt"

	"gorgonia.org/cu"
)

// What can be wrong with a device, for errors.Is.
var (
	ErrNoDriver    = errors.New("there is no NVIDIA driver: libcuda.so.1 is not found")
	ErrOldDriver   = errors.New("the NVIDIA driver is too old")
	ErrNoDevice    = errors.New("there is no such GPU")
	ErrOutOfMemory = errors.New("the GPU is out of memory")
	// ErrLost is final: the device answers no more calls until the program is started again. A kernel that went astray and a GPU that
	// fell off the bus look alike.
	ErrLost = errors.New("the GPU is lost to this program")
)

// failure is the error of a call of the driver.
func failure(what string, err error) error {
	switch err {
	case nil:
		return nil
	case cu.OutOfMemory:
		return fmt.Errorf("cuda: %s: %w", what, ErrOutOfMemory)
	case cu.IllegalAddress, cu.MisalignedAddress, cu.LaunchFailed, cu.LaunchTimeout, cu.IllegalInstruction, cu.InvalidAddressSpace, cu.InvalidPc,
		cu.HardwareStackError, cu.Assert, cu.EccUncorrectable, cu.NvlinkUncorrectable, cu.Unknown, cu.Deinitialized:
		return fmt.Errorf("cuda: %s: %w (the driver says %w); start the program again, with a smaller picture if it happens again", what, ErrLost, err)
	case cu.InvalidPtx, cu.NoBinaryForGpu, cu.JitCompilerNotFound:
		return fmt.Errorf("cuda: %s: %w: it does not take this program's kernels (%w)", what, ErrOldDriver, err)
	}
	return fmt.Errorf("cuda: %s: the driver says %w", what, err)
}

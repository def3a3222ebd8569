//go:build cuda

package cuda

/*
#cgo LDFLAGS: -ldl
#include <cuda.h>

int sowgen_driver_status(void);
*/
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// driverStatus is what the driver said when the program began: -1 if there is none, else a CUresult.
func driverStatus() int { return int(C.sowgen_driver_status()) }

// The answers of driverStatus that are not failures of their own.
const (
	noDriver    = -1
	initialised = C.CUDA_SUCCESS
	noGPU       = C.CUDA_ERROR_NO_DEVICE
)

// allowShared lets a kernel have so many bytes of dynamic shared memory, which above 48 KiB a kernel must ask for and cu cannot.
func allowShared(f cu.Function, bytes int) error {
	handle := *(*C.CUfunction)(unsafe.Pointer(&f)) // all that there is in a cu.Function
	if r := C.cuFuncSetAttribute(handle, C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes)); r != C.CUDA_SUCCESS {
		return fmt.Errorf("CUDA error %d", int(r))
	}
	return nil
}

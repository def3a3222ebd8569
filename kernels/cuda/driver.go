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

// allocHost returns memory of the host that the system leaves where it is, so that the GPU fetches from it while the program goes on. cu has only
// what gives it back, cu.MemFreeHost.
func allocHost(bytes int) (at unsafe.Pointer, err error) {
	if r := C.cuMemAllocHost(&at, C.size_t(bytes)); r != C.CUDA_SUCCESS {
		return nil, cuError(r)
	}
	return at, nil
}

// allowShared lets a kernel have so many bytes of dynamic shared memory, which above 48 KiB a kernel must ask for and cu cannot.
func allowShared(f cu.Function, bytes int) error {
	handle := *(*C.CUfunction)(unsafe.Pointer(&f)) // all that there is in a cu.Function
	if r := C.cuFuncSetAttribute(handle, C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes)); r != C.CUDA_SUCCESS {
		return cuError(r)
	}
	return nil
}

// cuError is the error of a call that does not go through cu, one of cu's as far as it has one.
func cuError(r C.CUresult) error {
	if r == C.CUDA_ERROR_OUT_OF_MEMORY {
		return cu.OutOfMemory
	}
	return fmt.Errorf("CUDA error %d", int(r))
}

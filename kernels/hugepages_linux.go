package kernels

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePages asks for x, not written yet, to lie on huge pages: a product walks through all of a weight, and with 4 KiB pages it
// would wait for address translation.
func hugePages(x []float32) {
	const page = 2 << 20
	at := uintptr(unsafe.Pointer(unsafe.SliceData(x)))
	from := (at+page-1)&^(page-1) - at
	to := (at+uintptr(4*len(x)))&^(page-1) - at
	if to > from && to <= uintptr(4*len(x)) {
		b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
		_ = unix.Madvise(b[from:to], unix.MADV_HUGEPAGE) // advice: without it all is slower, nothing wrong
	}
}

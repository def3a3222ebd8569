package kernels

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePages asks for x, not written yet, to lie on huge pages: a product walks through all of a weight, and with 4 KiB pages it
// would wait for address translation; and to be given gigabytes page by page takes seconds. What shares x's first and last huge
// page, other weights as a rule, is asked for too.
func hugePages[T number](x []T) {
	const page, least = 2 << 20, 256 << 10
	size := uintptr(len(x)) * unsafe.Sizeof(*new(T))
	if size < least {
		return
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(x)))
	from, to := at&^(page-1), (at+size+page-1)&^(page-1)
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_HUGEPAGE) // advice: without it all is slower, nothing wrong
}

//go:build !race && (amd64 || arm64)

package tensor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserve is how many bytes of addresses a chunk of ordinary memory is. Only pages that were written to are memory; so an arena is one
// chunk that grows, and none of it lies on the garbage collector's heap, which it would let grow to twice its size. (In a race build it
// does, for the race detector looks nowhere else.)
const reserve = 64 << 30

// allocateHost returns at least n elements.
func allocateHost(n int) []float32 {
	for _, bytes := range []int{max(reserve, 4*n), 4 * n} { // a system may be set up to promise no more than it has
		mem, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
		if err == nil {
			_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // advice: without it all is slower, nothing wrong
			return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(mem))), bytes/4)
		}
	}
	return make([]float32, n)
}

// freeHost gives back what allocateHost returned.
func freeHost(host []float32) {
	_ = unix.Munmap(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(host))), 4*len(host))) // fails for what came from the heap, which is well
}

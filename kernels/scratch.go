package kernels

import (
	"sync/atomic"
	"unsafe"

	"github.com/sowgen/sowgen/kernels/ref"
)

// scratch is the working memory of one task. It is reused from task to task, so that in the steady state nothing is allocated.
type scratch struct {
	tile ref.Tile
	buf  []float32
	free int
}

var scratches stock[scratch]

// mostScratch is the most values that a task has asked for so far. A scratch grows to it whichever task gets it, so all the growing is
// done in a network's first evaluation.
var mostScratch atomic.Int64

// getScratch returns memory for n values in all, to be taken in pieces.
func getScratch(n int) *scratch {
	s := scratches.get()
	for {
		most := mostScratch.Load()
		if int64(n) <= most || mostScratch.CompareAndSwap(most, int64(n)) {
			n = max(n, int(most))
			break
		}
	}
	if len(s.buf) < n {
		s.buf = aligned[float32](n)
	}
	s.free = 0
	return s
}

// take returns n values, not cleared, that begin on a cache line; n must be counted by padded in what getScratch was asked for.
func (s *scratch) take(n int) []float32 {
	from := s.free
	s.free += padded(n)
	return s.buf[from : from+n : from+n]
}

// take is scratch.take for numbers of either size.
func take[T number](s *scratch, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(s.take(n)))), n)
}

func (s *scratch) put() {
	s.tile = ref.Tile{} // it points into the caller's memory
	scratches.put(s)
}

const cacheLine = 16 // float32 values

// padded is n rounded up to whole cache lines.
func padded(n int) int { return (n + cacheLine - 1) &^ (cacheLine - 1) }

// aligned allocates n numbers that begin on a cache line.
func aligned[T number](n int) []T {
	var zero T
	line := cacheLine * 4 / int(unsafe.Sizeof(zero))
	buf := make([]T, n+line-1)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(buf)))/unsafe.Sizeof(zero)) & (line - 1)
	return buf[skip : skip+n : skip+n]
}

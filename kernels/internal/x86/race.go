//go:build race && amd64 && !purego

package x86

import (
	"runtime"
	"unsafe"
)

// The race detector does not see what assembly reads and writes; it is told.
const raceEnabled = true

func read(x []float32) {
	if len(x) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&x[0]), 4*len(x))
	}
}

func write(x []float32) {
	if len(x) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&x[0]), 4*len(x))
	}
}

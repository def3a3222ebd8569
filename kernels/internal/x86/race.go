//go:build race && amd64 && !purego

package x86

import (
	"runtime"
	"unsafe"
)

// The race detector does not see what assembly reads and writes; it is told.
const raceEnabled = true

func read[T any](x []T) {
	if len(x) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&x[0]), len(x)*int(unsafe.Sizeof(x[0])))
	}
}

func write[T any](x []T) {
	if len(x) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&x[0]), len(x)*int(unsafe.Sizeof(x[0])))
	}
}

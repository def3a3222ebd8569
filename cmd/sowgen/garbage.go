package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// collectOften keeps the peak of memory low once a large model is loaded: its weights are most of the heap and hold no pointers, so that
// collecting at a fifth more instead of twice the heap costs next to nothing. GOGC, if set, is obeyed.
func collectOften() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if os.Getenv("GOGC") == "" && m.HeapAlloc > 1<<30 {
		debug.SetGCPercent(20)
	}
}

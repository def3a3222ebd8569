package main

import (
	"bytes"
	"os"
	"strconv"
)

// resetPeakMemory makes peakRSS begin anew. Where the kernel does not let it, peakRSS stays the peak since the start.
func resetPeakMemory() {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// peakRSS is the most memory that the process had at a time since resetPeakMemory, in bytes; 0 if the kernel does not tell.
func peakRSS() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	kilobytes, _ := strconv.ParseInt(string(number), 10, 64) // 0 for what is no number
	return kilobytes << 10
}

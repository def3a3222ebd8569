//go:build !linux

package main

// resetPeakMemory does nothing here.
func resetPeakMemory() {}

// peakRSS is not measured here.
func peakRSS() int64 { return 0 }

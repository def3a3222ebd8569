//go:build unix

package main

import (
	"syscall"
	"time"
)

// processorTime is how long the process has computed so far, all its threads together.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // impossible: both arguments are right
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package main

import (
	"syscall"
	"time"
)

// processorTime is how long the process has computed so far, all its threads together.
func processorTime() time.Duration {
	var created, exited, kernel, user syscall.Filetime
	process, err := syscall.GetCurrentProcess()
	if err == nil {
		err = syscall.GetProcessTimes(process, &created, &exited, &kernel, &user)
	}
	if err != nil {
		panic(err) // impossible: a process may look at itself
	}
	return time.Duration(ticks(kernel)+ticks(user)) * 100
}

// ticks is a duration in units of 100 ns. Filetime's own Nanoseconds counts from 1970.
func ticks(t syscall.Filetime) int64 { return int64(t.HighDateTime)<<32 | int64(t.LowDateTime) }

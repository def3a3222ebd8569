//go:build !race && amd64 && !purego

package x86

const raceEnabled = false

func read([]float32)  {}
func write([]float32) {}

//go:build !linux

package kernels

func hugePages[T number]([]T) {}

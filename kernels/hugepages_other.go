//go:build !linux

package kernels

func hugePages([]float32) {}

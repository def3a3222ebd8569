//go:build !amd64 || purego

package kernels

// assembly lists the assembly implementations that this processor can run: none.
func assembly() []*implementation { return nil }

// Package cuda is the kernels of NVIDIA GPUs and, for every operation of an engine, how they are launched.
//
// The kernels are the .cu files, one operation a file; what a kernel computes stands above it. device.cuh has the conventions that they
// keep. They are compiled to PTX, the GPU's portable assembly, which is committed, built into the program and finished by the driver of
// the machine at hand. The functions of this package turn the shapes of an operation into launches: which kernels, on how many threads,
// with which parameters. They are plain arithmetic and need no GPU.
//
// With -tags cuda there is besides a [Device], which does them (docs/cuda.md). Everything else talks to no driver.
package cuda

//go:generate go run ./internal/nvcc
//go:generate go run ./internal/names
//go:generate go run ./internal/roofline

//go:build cuda

// driver_absent.c defines, weakly, every function of the driver that gorgonia.org/cu names; those of driver.c take their place.
#include <cuda.h>

CUresult sowgen_absent(void) { return CUDA_ERROR_NOT_SUPPORTED; }

#define ABSENT(name) WEAK(name) // cuda.h gives many functions a second name
#define WEAK(name) __asm__(".weak " #name "\n.set " #name ", sowgen_absent\n");
#include "driver_names.h"

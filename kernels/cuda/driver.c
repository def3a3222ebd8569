//go:build cuda

// driver.c stands between gorgonia.org/cu and NVIDIA's libcuda.so.1. Linked against that library, a program does not start on a machine
// without a driver, and cu's init ends it where the driver finds no GPU. So the program is linked against the functions below, which look for
// the driver when they are called first, and cuInit says yes whatever comes of it: what really came is in sowgen_driver_status, which
// Open asks before anything else.
//
// The functions that package cuda does not call, and cu refers to all the same, say that they are not there.
#include <cuda.h>
#include <dlfcn.h>
#include <stddef.h>

#define TEXT(name) TEXT_OF(name) // cuda.h gives many functions a second name
#define TEXT_OF(name) #name

static void* library;
static int status = -1; // -1: no library; else what cuInit said

int sowgen_driver_status(void) { return status; }

CUresult CUDAAPI cuInit(unsigned int flags) {
    CUresult (*init)(unsigned int);
    library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library && (init = dlsym(library, "cuInit"))) status = init(flags);
    return CUDA_SUCCESS;
}

#define FORWARD(name, parameters, arguments)                              \
    CUresult CUDAAPI name parameters {                                    \
        static CUresult(CUDAAPI * real) parameters;                       \
        if (!real && library) real = dlsym(library, TEXT(name));          \
        return real ? real arguments : CUDA_ERROR_NOT_INITIALIZED;        \
    }

FORWARD(cuDriverGetVersion, (int* version), (version))
FORWARD(cuDeviceGetCount, (int* count), (count))
FORWARD(cuDeviceGetName, (char* name, int size, CUdevice device), (name, size, device))
FORWARD(cuDeviceGetAttribute, (int* value, CUdevice_attribute attribute, CUdevice device), (value, attribute, device))
FORWARD(cuCtxCreate, (CUcontext * context, unsigned int flags, CUdevice device), (context, flags, device))
FORWARD(cuCtxDestroy, (CUcontext context), (context))
FORWARD(cuModuleLoadData, (CUmodule * module, const void* image), (module, image))
FORWARD(cuModuleUnload, (CUmodule module), (module))
FORWARD(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char* name), (function, module, name))
FORWARD(cuFuncSetAttribute, (CUfunction function, CUfunction_attribute attribute, int value), (function, attribute, value))
FORWARD(cuStreamCreate, (CUstream * stream, unsigned int flags), (stream, flags))
FORWARD(cuStreamDestroy, (CUstream stream), (stream))
FORWARD(cuStreamSynchronize, (CUstream stream), (stream))
FORWARD(cuEventCreate, (CUevent * event, unsigned int flags), (event, flags))
FORWARD(cuEventDestroy, (CUevent event), (event))
FORWARD(cuEventRecord, (CUevent event, CUstream stream), (event, stream))
FORWARD(cuEventSynchronize, (CUevent event), (event))
FORWARD(cuEventElapsedTime, (float* milliseconds, CUevent begin, CUevent end), (milliseconds, begin, end))
FORWARD(cuMemAlloc, (CUdeviceptr * address, size_t size), (address, size))
FORWARD(cuMemFree, (CUdeviceptr address), (address))
FORWARD(cuMemGetInfo, (size_t* free, size_t* total), (free, total))
FORWARD(cuMemAllocHost, (void** address, size_t size), (address, size))
FORWARD(cuMemFreeHost, (void* address), (address))
FORWARD(cuMemcpyHtoDAsync, (CUdeviceptr to, const void* from, size_t size, CUstream stream), (to, from, size, stream))
FORWARD(cuMemcpyDtoHAsync, (void* to, CUdeviceptr from, size_t size, CUstream stream), (to, from, size, stream))
FORWARD(cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t size, CUstream stream), (to, value, size, stream))
FORWARD(cuLaunchKernel,
        (CUfunction function, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by, unsigned int bz, unsigned int shared,
         CUstream stream, void** parameters, void** extra),
        (function, gx, gy, gz, bx, by, bz, shared, stream, parameters, extra))

//go:build ignore

// driver.cc is the part of the driver's interface that package cuda uses, with GPUs that are the CPU, one after the other. It takes our real PTX: its entry
// points, the sizes of their parameters, the threads and the shared memory that they declare; what a kernel does, it finds in the same source
// compiled for the CPU, MODULE.so beside this library.
//
// Environment variables, read when a program counts the devices:
//
//	SOWGEN_EMULATOR_FAIL        alloc:N, launch:N: the N-th allocation or launch from here on fails; lost:N: from the N-th call on the
//	                            device is lost; call:N: the N-th call says CUDA_ERROR_UNKNOWN and the next ones work again
//	SOWGEN_EMULATOR_DEVICES     how many devices there are, 1
//	SOWGEN_EMULATOR_VERSION     of the driver, 12000
//	SOWGEN_EMULATOR_CAPABILITY  of the device, 80 for 8.0
//	SOWGEN_EMULATOR_HARDWARE    of the device: multiprocessors, clock and memory clock in kHz, bits of the bus, 2,1000,1000,64: as slow a GPU as
//	                            no other, so that what is measured on it is in the order of its roofline
//	SOWGEN_EMULATOR_IDLE        launches are looked at, and not run
//	SOWGEN_EMULATOR_MEMORY      of each context in bytes, 8 GiB
//	SOWGEN_EMULATOR_LEDGER      a file to which a line is added for each context that is made and each that is destroyed
#include <cuda.h>
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "machine.h"

namespace {
const int STATIC_LIMIT = 48 * 1024; // shared memory of a block, unless more was asked for

struct Function {
    std::string name;
    const Entry* entry;
    std::vector<int> sizes;
    unsigned most_threads = 1024, shared = 0, dynamic_limit = 0;
};

struct Module {
    void* library;
    const Object* object;
    std::map<std::string, Function> functions;
};

// Event is when it was recorded: work is done when it is asked for, but for copies.
struct Event {
    std::chrono::steady_clock::time_point at;
    bool recorded = false;
    long copies = 0; // those that were asked for before
};

// Copy is one from the host's memory that the GPU fetches by itself. It is made as late as on a GPU at the latest: what the program writes there
// before it has waited comes to the device.
struct Copy {
    CUdeviceptr to;
    const void* from;
    size_t size;
};

struct Context {
    int failed = 0; // what every call says once a kernel has broken the context
    std::set<Module*> modules;
    std::set<int*> streams;
    std::set<Event*> events;
    std::map<char*, size_t> pinned; // memory of the host
    std::deque<Copy> copies;        // not made yet …
    long copied = 0;                // … and how many were

    // copy makes those that were asked for as the first so many.
    void copy(long upto) {
        for (; copied < upto && !copies.empty(); copied++) {
            const Copy c = copies.front();
            copies.pop_front();
            memcpy(memory::at(c.to), c.from, c.size);
        }
    }
    void copy() { copy(copied + static_cast<long>(copies.size())); }
    bool fetches(const void* from) const {
        const auto it = pinned.upper_bound(static_cast<char*>(const_cast<void*>(from)));
        return it != pinned.begin() && from < std::prev(it)->first + std::prev(it)->second;
    }
};

std::mutex lock;
std::set<Context*> contexts;
thread_local Context* current;
bool initialised;
long calls, allocations, launches;
std::string fail_kind;
long fail_at;

long number(const char* variable, long otherwise) {
    const char* const text = getenv(variable);
    return text ? atol(text) : otherwise;
}

void note(const std::string& line) {
    const char* const path = getenv("SOWGEN_EMULATOR_LEDGER");
    if (!path) return;
    if (FILE* const f = fopen(path, "a")) {
        fprintf(f, "%s\n", line.c_str());
        fclose(f);
    }
}

void restart() {
    calls = allocations = launches = 0;
    fail_kind.clear();
    if (const char* const text = getenv("SOWGEN_EMULATOR_FAIL")) {
        const char* const colon = strchr(text, ':');
        fail_kind = std::string(text, colon ? colon - text : strlen(text));
        fail_at = colon ? atol(colon + 1) : 1;
    }
    memory::capacity = number("SOWGEN_EMULATOR_MEMORY", 8l << 30);
}

bool injected(const char* kind, long count) { return fail_kind == kind && count == fail_at; }

// Call is at the head of every function: one at a time, counted, failing where it is to.
struct Call {
    std::lock_guard<std::mutex> guard{lock};
    CUresult result = CUDA_SUCCESS;
    Call(bool in_context) {
        calls++;
        if (!initialised) result = CUDA_ERROR_NOT_INITIALIZED;
        else if (injected("call", calls)) result = CUDA_ERROR_UNKNOWN;
        else if (fail_kind == "lost" && calls >= fail_at) result = CUDA_ERROR_DEVICE_UNAVAILABLE;
        else if (in_context && !contexts.count(current)) result = CUDA_ERROR_INVALID_CONTEXT;
        else if (in_context && current->failed) result = static_cast<CUresult>(current->failed);
    }
};
#define CALL(in_context)  \
    const Call call(in_context); \
    if (call.result) return call.result

CUresult complain(CUresult result, const std::string& what) {
    fprintf(stderr, "emulated driver: %s\n", what.c_str());
    return result;
}

// folder is where this library lies.
std::string folder() {
    Dl_info info;
    dladdr(reinterpret_cast<void*>(&folder), &info);
    const std::string path = info.dli_fname;
    return path.substr(0, path.rfind('/') + 1);
}

int bytes(const std::string& type) { return type.size() < 2 ? 0 : atoi(type.c_str() + 1) / 8; }

// parse reads the entry points of a PTX file.
bool parse(const std::string& text, Module& m) {
    size_t at = 0;
    while ((at = text.find(".entry ", at)) != std::string::npos) {
        at += 7;
        Function f;
        const size_t open = text.find('(', at), close = text.find(')', open), body = text.find('{', close), next = text.find(".entry ", close);
        if (body == std::string::npos) return false;
        f.name = text.substr(at, open - at);
        for (size_t p = text.find(".param .", open); p < close; p = text.find(".param .", p + 1)) f.sizes.push_back(bytes(text.substr(p + 8, text.find(' ', p + 8) - p - 8)));
        const size_t threads = text.find(".maxntid ", close);
        if (threads < body) f.most_threads = atoi(text.c_str() + threads + 9);
        for (size_t s = text.find(".shared .align ", body); s < std::min(next, text.size()); s = text.find(".shared .align ", s + 1)) {
            const size_t bracket = text.find('[', s);
            f.shared += atoi(text.c_str() + bracket + 1);
        }
        for (int i = 0; i < m.object->count; i++)
            if (m.object->entries[i].name == f.name) f.entry = &m.object->entries[i];
        if (!f.entry) return complain(CUDA_ERROR_INVALID_IMAGE, f.name + " is not in the source"), false;
        if (f.entry->call && f.sizes != std::vector<int>(f.entry->sizes, f.entry->sizes + f.entry->count))
            return complain(CUDA_ERROR_INVALID_IMAGE, f.name + " has other parameters in the PTX than in the source"), false;
        m.functions[f.name] = f;
    }
    return true;
}

// module loads the source of a PTX file, which its first line names.
CUresult load(Module& m, const std::string& text) {
    const std::string begin = "// Code generated from ";
    const size_t dot = text.find(".cu "), target = text.find(".target sm_");
    if (text.compare(0, begin.size(), begin) != 0 || dot == std::string::npos || target == std::string::npos) return CUDA_ERROR_INVALID_PTX;
    if (atoi(text.c_str() + target + 11) > number("SOWGEN_EMULATOR_CAPABILITY", 80)) return CUDA_ERROR_NO_BINARY_FOR_GPU;
    const std::string name = text.substr(begin.size(), dot - begin.size());
    m.library = dlopen((folder() + name + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!m.library) return complain(CUDA_ERROR_SHARED_OBJECT_INIT_FAILED, dlerror());
    m.object = static_cast<const Object*>(dlsym(m.library, "object"));
    return m.object && parse(text, m) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_PTX;
}

// moved returns a parameter for the kernel: addresses of the device as the kernels know them.
unsigned long long moved(unsigned long long slot, int size) { return size == 8 && memory::ours(slot) ? slot - memory::host + memory::kernel : slot; }
}

CUresult CUDAAPI cuInit(unsigned) {
    initialised = true;
    restart();
    return number("SOWGEN_EMULATOR_DEVICES", 1) > 0 ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

CUresult CUDAAPI cuDriverGetVersion(int* version) {
    *version = static_cast<int>(number("SOWGEN_EMULATOR_VERSION", 12000));
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetCount(int* count) {
    {
        const std::lock_guard<std::mutex> guard(lock);
        restart();
    }
    CALL(false);
    *count = static_cast<int>(number("SOWGEN_EMULATOR_DEVICES", 1));
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGet(CUdevice* device, int ordinal) {
    CALL(false);
    if (ordinal < 0 || ordinal >= number("SOWGEN_EMULATOR_DEVICES", 1)) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetName(char* name, int size, CUdevice) {
    CALL(false);
    snprintf(name, size, "emulated GPU");
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
    CALL(false);
    const int capability = static_cast<int>(number("SOWGEN_EMULATOR_CAPABILITY", 80));
    int hardware[4] = {2, 1000, 1000, 64};
    if (const char* const text = getenv("SOWGEN_EMULATOR_HARDWARE"))
        if (sscanf(text, "%d,%d,%d,%d", &hardware[0], &hardware[1], &hardware[2], &hardware[3]) != 4) return complain(CUDA_ERROR_INVALID_VALUE, "SOWGEN_EMULATOR_HARDWARE wants four numbers");
    switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = capability / 10; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = capability % 10; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = hardware[0]; break;
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: *value = hardware[1]; break;
    case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: *value = hardware[2]; break;
    case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: *value = hardware[3]; break;
    default: return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxCreate(CUcontext* made, unsigned, CUdevice) {
    CALL(false);
    current = new Context;
    contexts.insert(current);
    *made = reinterpret_cast<CUcontext>(current);
    note("made");
    return CUDA_SUCCESS;
}

// cuCtxDestroy complains about what was not given back before, unless the device was lost.
CUresult CUDAAPI cuCtxDestroy(CUcontext which) {
    const Call call(false);
    Context* const context = reinterpret_cast<Context*>(which);
    if (!contexts.count(context)) return CUDA_ERROR_INVALID_CONTEXT;
    CUresult result = call.result ? call.result : static_cast<CUresult>(context->failed);
    char line[200];
    snprintf(line, sizeof line, "destroyed after calls %ld allocations %ld launches %ld, left %d allocations %zu modules %zu streams %zu events", calls, allocations,
             launches, memory::count(context) + static_cast<int>(context->pinned.size()), context->modules.size(), context->streams.size(), context->events.size());
    if (memory::count(context) + context->pinned.size() + context->modules.size() + context->streams.size() + context->events.size() > 0 && !result) result = complain(CUDA_ERROR_ILLEGAL_STATE, line);
    note(line);
    memory::clear(context);
    for (Module* m : context->modules) delete m;
    for (int* s : context->streams) delete s;
    for (Event* e : context->events) delete e;
    for (const auto& p : context->pinned) free(p.first);
    contexts.erase(context);
    delete context;
    current = nullptr;
    return result;
}

CUresult CUDAAPI cuCtxSetCurrent(CUcontext which) {
    CALL(false);
    current = reinterpret_cast<Context*>(which);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleLoadData(CUmodule* module, const void* image) {
    CALL(true);
    Module* const m = new Module();
    if (const CUresult result = load(*m, static_cast<const char*>(image))) {
        delete m;
        return result;
    }
    current->modules.insert(m);
    *module = reinterpret_cast<CUmodule>(m);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleUnload(CUmodule module) {
    CALL(true);
    Module* const m = reinterpret_cast<Module*>(module);
    if (!current->modules.erase(m)) return CUDA_ERROR_INVALID_HANDLE;
    dlclose(m->library);
    delete m;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
    CALL(true);
    Module* const m = reinterpret_cast<Module*>(module);
    if (!current->modules.count(m)) return CUDA_ERROR_INVALID_HANDLE;
    const auto it = m->functions.find(name);
    if (it == m->functions.end()) return CUDA_ERROR_NOT_FOUND;
    *function = reinterpret_cast<CUfunction>(&it->second);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
    CALL(true);
    Function* const f = reinterpret_cast<Function*>(function);
    if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_ERROR_NOT_SUPPORTED;
    if (value < 0 || value + f->shared > 163 * 1024) return CUDA_ERROR_INVALID_VALUE; // compute capability 8.0
    f->dynamic_limit = value;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamCreate(CUstream* stream, unsigned) {
    CALL(true);
    int* const s = new int();
    current->streams.insert(s);
    *stream = reinterpret_cast<CUstream>(s);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamDestroy(CUstream stream) {
    CALL(true);
    int* const s = reinterpret_cast<int*>(stream);
    if (!current->streams.erase(s)) return CUDA_ERROR_INVALID_HANDLE;
    delete s;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamSynchronize(CUstream stream) {
    CALL(true);
    current->copy();
    return current->streams.count(reinterpret_cast<int*>(stream)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult CUDAAPI cuEventCreate(CUevent* event, unsigned) {
    CALL(true);
    Event* const e = new Event();
    current->events.insert(e);
    *event = reinterpret_cast<CUevent>(e);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventDestroy(CUevent event) {
    CALL(true);
    Event* const e = reinterpret_cast<Event*>(event);
    if (!current->events.erase(e)) return CUDA_ERROR_INVALID_HANDLE;
    delete e;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventRecord(CUevent event, CUstream stream) {
    CALL(true);
    Event* const e = reinterpret_cast<Event*>(event);
    if (!current->events.count(e) || !current->streams.count(reinterpret_cast<int*>(stream))) return CUDA_ERROR_INVALID_HANDLE;
    e->at = std::chrono::steady_clock::now();
    e->recorded = true;
    e->copies = current->copied + static_cast<long>(current->copies.size());
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventSynchronize(CUevent event) {
    CALL(true);
    Event* const e = reinterpret_cast<Event*>(event);
    if (!current->events.count(e)) return CUDA_ERROR_INVALID_HANDLE;
    current->copy(e->copies);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventElapsedTime(float* milliseconds, CUevent begin, CUevent end) {
    CALL(true);
    Event *const b = reinterpret_cast<Event*>(begin), *const e = reinterpret_cast<Event*>(end);
    if (!current->events.count(b) || !current->events.count(e) || !b->recorded || !e->recorded) return CUDA_ERROR_INVALID_HANDLE;
    *milliseconds = std::chrono::duration<float, std::milli>(e->at - b->at).count();
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemAlloc(CUdeviceptr* address, size_t size) {
    CALL(true);
    if (size == 0) return CUDA_ERROR_INVALID_VALUE;
    if (injected("alloc", ++allocations)) return CUDA_ERROR_OUT_OF_MEMORY;
    *address = memory::allocate(size, current);
    return *address ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult CUDAAPI cuMemFree(CUdeviceptr address) {
    CALL(true);
    current->copy();
    return memory::release(address, current) ? CUDA_SUCCESS : complain(CUDA_ERROR_INVALID_VALUE, "frees " + memory::describe(address - memory::host));
}

CUresult CUDAAPI cuMemGetInfo(size_t* free, size_t* total) {
    CALL(true);
    *total = memory::capacity;
    *free = memory::capacity - memory::used(current);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemAllocHost(void** address, size_t size) {
    CALL(true);
    if (injected("alloc", ++allocations) || size == 0 || !(*address = malloc(size))) return CUDA_ERROR_OUT_OF_MEMORY;
    current->pinned[static_cast<char*>(*address)] = size;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemFreeHost(void* address) {
    CALL(true);
    current->copy();
    if (!current->pinned.erase(static_cast<char*>(address))) return CUDA_ERROR_INVALID_VALUE;
    free(address);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, size_t size, CUstream) {
    CALL(true);
    if (!memory::inside(to, size, current)) return complain(CUDA_ERROR_INVALID_VALUE, "copies to " + memory::describe(to - memory::host));
    if (current->fetches(from)) {
        current->copies.push_back({to, from, size});
        return CUDA_SUCCESS;
    }
    current->copy();
    memcpy(memory::at(to), from, size);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemcpyDtoHAsync(void* to, CUdeviceptr from, size_t size, CUstream) {
    CALL(true);
    if (!memory::inside(from, size, current)) return complain(CUDA_ERROR_INVALID_VALUE, "copies from " + memory::describe(from - memory::host));
    current->copy();
    memcpy(to, memory::at(from), size);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t size, CUstream) {
    CALL(true);
    if (!memory::inside(to, size, current)) return complain(CUDA_ERROR_INVALID_VALUE, "clears " + memory::describe(to - memory::host));
    current->copy();
    memset(memory::at(to), value, size);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream stream,
                                void** parameters, void**) {
    CALL(true);
    const Function* const f = reinterpret_cast<Function*>(function);
    if (!current->streams.count(reinterpret_cast<int*>(stream))) return CUDA_ERROR_INVALID_HANDLE;
    if (injected("launch", ++launches)) {
        current->failed = CUDA_ERROR_LAUNCH_FAILED;
        return CUDA_SUCCESS; // as on a GPU, a later call tells
    }
    if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || gx > 0x7fffffffu || !bx || !by || !bz || bz > 64 || bx * by * bz > f->most_threads)
        return complain(CUDA_ERROR_INVALID_VALUE, f->name + ": such a grid or block cannot be launched");
    if (shared > f->dynamic_limit && shared + f->shared > STATIC_LIMIT)
        return complain(CUDA_ERROR_INVALID_VALUE, f->name + ": " + std::to_string(shared) + " and " + std::to_string(f->shared) + " bytes of shared memory");
    static unsigned long long slots[512]; // a kernel has at most 4 KiB of parameters; not on the heap, where a kernel has no business
    for (size_t i = 0; i < f->sizes.size(); i++) {
        slots[i] = 0;
        memcpy(&slots[i], parameters[i], f->sizes[i]);
        if (f->sizes[i] == 8 && memory::foreign(slots[i], current)) return complain(CUDA_ERROR_ILLEGAL_ADDRESS, f->name + ": a parameter is another GPU's memory");
        slots[i] = moved(slots[i], f->sizes[i]);
    }
    if (!f->entry->call) return complain(CUDA_ERROR_NOT_FOUND, f->name + " is left out");
    const Module* home = nullptr;
    for (const Module* m : current->modules)
        if (m->functions.count(f->name) && &m->functions.at(f->name) == f) home = m;
    if (!home) return CUDA_ERROR_INVALID_HANDLE;
    current->copy();
    if (getenv("SOWGEN_EMULATOR_IDLE")) return CUDA_SUCCESS;
    current->failed = run({f->name.c_str(), f->entry, home->object, {gx, gy, gz}, {bx, by, bz}, shared, slots});
    return CUDA_SUCCESS;
}

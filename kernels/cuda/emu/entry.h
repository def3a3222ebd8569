// entry.h comes after a kernel file that is compiled for the CPU: its table of entry points, and where its shared memory lies.
#pragma once

// Entry is a kernel as the driver calls it: its parameters lie in slots of 8 bytes.
struct Entry {
    const char* name;
    void (*call)(const unsigned long long* slots);
    int count;
    const int* sizes; // of the parameters, in bytes
};

// Object is what a compiled kernel file exports.
struct Object {
    const Entry* entries;
    int count;
    char *shared, *shared_end; // the .bss
    char* dynamic;             // where in it the dynamic shared memory begins
};

const int DYNAMIC_SHARED_MEMORY = 227 * 1024; // the most that any GPU has

#ifdef KERNEL_FILE
#include <utility>

template <class T>
T parameter(unsigned long long slot) {
    T x;
    memcpy(&x, &slot, sizeof x);
    return x;
}

template <auto kernel>
struct Caller;
template <class... P, void (*kernel)(P...)>
struct Caller<kernel> {
    static constexpr int count = sizeof...(P);
    static constexpr int sizes[] = {static_cast<int>(sizeof(P))...};
    static void call(const unsigned long long* slots) { spread(slots, std::make_index_sequence<sizeof...(P)>()); }
    template <size_t... i>
    static void spread([[maybe_unused]] const unsigned long long* slots, std::index_sequence<i...>) {
        kernel(parameter<P>(slots[i])...);
    }
};

#define ENTRY(name) {#name, Caller<name>::call, Caller<name>::count, Caller<name>::sizes}
#define LEFT_OUT(name) {#name, nullptr, 0, nullptr} // of what is compiled

alignas(128) static char dynamic_shared_bytes[DYNAMIC_SHARED_MEMORY];
extern "C" __attribute__((visibility("hidden"))) char __bss_start[], _end[];
#endif

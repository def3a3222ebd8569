//go:build ignore

// fibers.cc runs a launch: block after block, the threads of a block as fibers on one stack each, which take turns where they wait for
// each other. Thread 0 begins, so what a thread does without waiting it does as early as it can before the threads with higher numbers,
// and as late as it can after those with lower ones.
#include "machine.h"

#include <sys/mman.h>

#include <cstdio>
#include <utility>
#include <vector>

#include "cuda_on_cpu.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;
uint64_t epoch, block_epoch, launch_epoch;
unsigned running, warp_epoch[32];

extern "C" void switch_stack(void** save, void* to);

#if defined(__x86_64__)
asm(R"(
.text
.globl switch_stack
.hidden switch_stack
switch_stack:
    push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp
    ret
)");
const int SAVED = 6;
#else
#error "the emulator's fibers are written for x86-64"
#endif

namespace {
enum State { READY, AT_BARRIER, IN_WARP, ENDED };
struct Fiber {
    void* stack; // where it goes on
    State state;
    dim3 index;
    std::vector<std::pair<void*, const void*>> copies; // to shared memory, that are under way, the oldest first
    std::vector<size_t> groups;                        // how many copies are in each group of them; the rest is in none yet
};
struct Warp {
    unsigned arrived, threads;
    unsigned long long word[32];
};

const size_t STACK = 128 << 10;
const unsigned MOST = 1024; // threads of a block
Fiber fibers[MOST];
Warp warps[MOST / 32];
void* scheduler;
char* stacks;
unsigned threads, waiting, ended;
const Launch* launch;
int result;

void leave(int with) {
    result = with;
    void* nowhere;
    switch_stack(&nowhere, scheduler);
}

// pass lets the next thread that can run go on, from the given number on.
void pass(unsigned from) {
    for (unsigned i = 0; i < threads; i++) {
        const unsigned next = (from + i) % threads;
        if (fibers[next].state != READY) continue;
        if (next == running) return;
        Fiber& self = fibers[running];
        running = next;
        threadIdx = fibers[next].index;
        switch_stack(&self.stack, fibers[next].stack);
        return;
    }
    if (ended == threads) leave(0);
    fault(719, "every thread that has not ended waits: a barrier or a shuffle that not all of them reach");
}

// release opens the barrier if all that have not ended are there.
bool release() {
    if (waiting == 0 || waiting + ended < threads) return false;
    for (unsigned i = 0; i < threads; i++)
        if (fibers[i].state == AT_BARRIER) fibers[i].state = READY;
    waiting = 0;
    epoch++;
    return true;
}

void entry() {
    launch->entry->call(launch->slots);
    if (!fibers[running].copies.empty()) fault(719, "ends while a copy is under way");
    fibers[running].state = ENDED;
    ended++;
    pass(release() ? 0 : running + 1);
    __builtin_trap();
}

void begin(unsigned i) {
    void** top = reinterpret_cast<void**>(stacks + (i + 1) * STACK - 16);
    *--top = nullptr;
    *--top = reinterpret_cast<void*>(entry);
    for (int r = 0; r < SAVED; r++) *--top = nullptr;
    fibers[i].stack = top;
    fibers[i].state = READY;
    fibers[i].copies.clear();
    fibers[i].groups.clear();
    fibers[i].index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
}
}

void __syncthreads() {
    fibers[running].state = AT_BARRIER;
    waiting++;
    pass(release() ? 0 : running + 1);
}

void __syncwarp(unsigned mask) {
    Warp& warp = warps[running / 32];
    if (mask != ~0u) fault(719, "a mask that leaves threads of the warp out is not emulated");
    fibers[running].state = IN_WARP;
    const unsigned first = running / 32 * 32;
    if (++warp.arrived == warp.threads) {
        warp.arrived = 0;
        warp_epoch[running / 32]++;
        for (unsigned i = first; i < first + warp.threads; i++) fibers[i].state = READY;
        pass(first);
        return;
    }
    pass(running + 1);
}

unsigned long long exchange(unsigned mask, unsigned long long word, unsigned from) {
    Warp& warp = warps[running / 32];
    warp.word[running % 32] = word;
    __syncwarp(mask);
    if (from >= warp.threads) fault(719, "a shuffle from a thread that is not there");
    word = warp.word[from];
    __syncwarp(mask);
    return word;
}

void begin_copy16(void* shared, const void* global) {
    promise(reinterpret_cast<uint64_t>(shared), 16);
    fibers[running].copies.push_back({shared, global});
}

void commit_group() {
    Fiber& self = fibers[running];
    size_t before = 0;
    for (const size_t group : self.groups) before += group;
    self.groups.push_back(self.copies.size() - before);
}

void await_groups(int pending) {
    Fiber& self = fibers[running];
    while (self.groups.size() > static_cast<size_t>(pending)) {
        for (size_t i = 0; i < self.groups.front(); i++) {
            const auto [shared, global] = self.copies[i];
            if (global) look(reinterpret_cast<uint64_t>(global), 16, false);
            fulfil(reinterpret_cast<uint64_t>(shared), 16);
            if (reinterpret_cast<uint64_t>(shared) % 16 + reinterpret_cast<uint64_t>(global) % 16) fault(716, "copies 16 bytes from or to an address that is no multiple of 16");
            if (global) memcpy(shared, global, 16);
            else memset(shared, 0, 16);
        }
        self.copies.erase(self.copies.begin(), self.copies.begin() + self.groups.front());
        self.groups.erase(self.groups.begin());
    }
}

void* dynamic_shared_memory() { return launch->object->dynamic; }

std::string here() {
    char text[256];
    snprintf(text, sizeof text, "%s, block (%u, %u, %u), thread %u", launch->name, blockIdx.x, blockIdx.y, blockIdx.z, running);
    return text;
}

bool on_stack(uint64_t address) { return address - reinterpret_cast<uint64_t>(stacks) < MOST * STACK; }

void fault(int with, const std::string& what) {
    fprintf(stderr, "emulated driver: %s: %s\n", here().c_str(), what.c_str());
    leave(with);
    __builtin_unreachable();
}

int run(const Launch& l) {
    launch = &l;
    if (!stacks) {
        void* const at = mmap(nullptr, MOST * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) return 2;
        stacks = static_cast<char*>(at);
    }
    gridDim = {l.grid[0], l.grid[1], l.grid[2]};
    blockDim = {l.block[0], l.block[1], l.block[2]};
    threads = l.block[0] * l.block[1] * l.block[2];
    begin_checks(*l.object, l.shared);
    result = 0;
    launch_epoch = epoch;
    for (unsigned z = 0; z < gridDim.z; z++)
        for (unsigned y = 0; y < gridDim.y; y++)
            for (unsigned x = 0; x < gridDim.x; x++) {
                blockIdx = {x, y, z};
                waiting = ended = 0;
                block_epoch = ++epoch;
                for (unsigned w = 0; w * 32 < threads; w++) warps[w].arrived = 0, warps[w].threads = threads - w * 32 < 32 ? threads - w * 32 : 32;
                for (unsigned i = 0; i < threads; i++) begin(i);
                running = 0;
                threadIdx = fibers[0].index;
                switch_stack(&scheduler, fibers[0].stack);
                if (result) return result;
            }
    return 0;
}

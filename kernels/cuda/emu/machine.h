// machine.h is what the parts of the emulator know of each other: driver.cc speaks the driver's interface, memory.cc is the device's
// memory, fibers.cc runs a launch, checks.cc looks at every access.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "entry.h"

// memory.cc. An address that the host is given lies in a stretch without any rights, so that a host that reads it dies as it would with a
// GPU's; the kernels are given the same place in a second stretch, which is the memory.
namespace memory {
const uint64_t SPACE = 1ull << 38;
extern uint64_t host, kernel;     // where the two stretches begin
extern uint16_t* valid;           // of each 256 bytes, how many are allocated
extern uint64_t* writers;         // of each word, the thread that wrote it last: see checks.cc
// Memory belongs to a context.
uint64_t allocate(uint64_t size, const void* owner); // 0: there is no room
bool release(uint64_t address, const void* owner);
bool inside(uint64_t address, uint64_t size, const void* owner); // whether all of it is one allocation
bool foreign(uint64_t address, const void* owner);               // whether it is in somebody else's
std::string describe(uint64_t offset);        // what is at an offset, or was
inline bool ours(uint64_t address) { return address - host < SPACE; }
inline char* at(uint64_t address) { return reinterpret_cast<char*>(address - host + kernel); }
uint64_t used(const void* owner);
int count(const void* owner); // of allocations
void clear(const void* owner);
extern uint64_t capacity;
}

// fibers.cc.
struct Launch {
    const char* name;
    const Entry* entry;
    const Object* object;
    unsigned grid[3], block[3];
    unsigned shared; // bytes of dynamic shared memory
    const unsigned long long* slots;
};
int run(const Launch& launch); // a CUresult
[[noreturn]] void fault(int result, const std::string& what);
bool on_stack(uint64_t address);
std::string here(); // kernel, block and thread

// Where the running thread stands among the barriers.
extern uint64_t epoch;       // counts the barriers of all blocks
extern uint64_t block_epoch; // at which the block began
extern uint64_t launch_epoch; // after which the first block did
extern unsigned running;     // thread number in the block
extern unsigned warp_epoch[32];

// checks.cc.
void begin_checks(const Object& object, unsigned dynamic);
void look(uint64_t address, uint64_t size, bool writes); // what the compiler calls for an access
void promise(uint64_t address, uint64_t size);           // a copy to shared memory begins: nobody touches that
void fulfil(uint64_t address, uint64_t size);            // until it ends

//go:build ignore

// checks.cc looks at every access of a kernel: the compiler calls the functions below before each (g++ -fsanitize=kernel-address, which
// unlike -fsanitize=address leaves it to us what they do, and -fsanitize=alignment).
//
// Global memory: within what is allocated, and aligned; nothing of the program's; and what a thread of the launch has written, another one reads
// or writes only in the same block and after a barrier. Shared memory: within what was asked for, written before it is read in the same block,
// and no two threads at one word between two barriers unless both read; none at all while a copy to it is under way. Writes of one or two bytes
// are not looked at for races: their neighbours in the word may be another thread's.
#include <link.h>

#include <algorithm>
#include <vector>

#include "machine.h"

namespace {
struct Word {
    uint64_t written, read; // the epoch in which it last was
    uint64_t promised;      // in which a copy to it began that has not ended, or 0
    uint32_t writer, reader;
    uint32_t writer_warp, reader_warp; // epoch of the warp
    bool readers, several;             // whether threads of several warps read it, or several of the last warp
};
std::vector<Word> words;

// Library is where a shared library lies: a kernel's constants, and threadIdx and its like in the emulator.
struct Library {
    const void* member = nullptr;
    uint64_t from = 0, to = 0;
    bool has(uint64_t address) const { return address - from < to - from; }
    void find(const void* something) {
        member = something;
        dl_iterate_phdr(
            [](dl_phdr_info* info, size_t, void* data) {
                Library& self = *static_cast<Library*>(data);
                uint64_t from = ~0ull, to = 0;
                for (int i = 0; i < info->dlpi_phnum; i++)
                    if (info->dlpi_phdr[i].p_type == PT_LOAD) {
                        from = std::min<uint64_t>(from, info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
                        to = std::max<uint64_t>(to, info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz);
                    }
                const uint64_t member = reinterpret_cast<uint64_t>(self.member);
                if (member < from || member >= to) return 0;
                self.from = from, self.to = to;
                return 1;
            },
            this);
    }
};
Library kernels, emulator;

uint64_t shared, shared_size, dynamic, dynamic_size;

// ordered says whether what another thread did in this epoch is known to be done: it is of the same warp, which has met since.
bool ordered(unsigned thread, unsigned at) { return thread / 32 == running / 32 && at != warp_epoch[running / 32]; }

[[noreturn]] void race(const char* what, unsigned other) {
    fault(719, std::string(what) + " " + std::to_string(other) + " without a barrier between them");
}

void under_way(const Word& w) {
    if (w.promised >= block_epoch) fault(719, "touches shared memory to which a copy is under way");
}

void read(Word& w, uint64_t size) {
    const unsigned warp = running / 32;
    under_way(w);
    if (size >= 4 && w.written < block_epoch) fault(719, "reads shared memory that no thread of the block has written");
    if (w.written == epoch && w.writer != running && !ordered(w.writer, w.writer_warp)) race("reads shared memory written by thread", w.writer);
    w.readers = w.read == epoch && (w.readers || w.reader / 32 != warp);
    w.several = w.read == epoch && w.reader / 32 == warp && w.reader_warp == warp_epoch[warp] && (w.several || w.reader != running);
    w.read = epoch, w.reader = running, w.reader_warp = warp_epoch[warp];
}

void write(Word& w) {
    under_way(w);
    if (w.written == epoch && w.writer != running && !ordered(w.writer, w.writer_warp)) race("writes shared memory written by thread", w.writer);
    if (w.read == epoch && (w.readers || ((w.several || w.reader != running) && !ordered(w.reader, w.reader_warp)))) race("writes shared memory read by thread", w.reader);
    w.written = epoch, w.writer = running, w.writer_warp = warp_epoch[running / 32];
}

// foreign is about a word of global memory that another thread of the launch has written, without a barrier of the block since.
void foreign(uint64_t at, const char* what) {
    const uint64_t written = memory::writers[at] / 1024, thread = memory::writers[at] % 1024;
    if (written <= launch_epoch) return;
    if (written < block_epoch) fault(719, std::string(what) + " memory that another block of the launch has written");
    if (written == epoch && thread != running) race((std::string(what) + " memory written by thread").c_str(), static_cast<unsigned>(thread));
}

void outside(const char* what, uint64_t size, uint64_t offset) {
    fault(700, std::string(what) + " " + std::to_string(size) + " bytes at " + memory::describe(offset));
}
}

void look(uint64_t address, uint64_t size, bool writes) {
    const uint64_t offset = address - memory::kernel;
    if (offset < memory::SPACE) {
        const uint64_t first = offset % 256, end = first + size;
        const bool good = end <= 256 ? end <= memory::valid[offset / 256] : memory::valid[offset / 256] == 256 && end - 256 <= memory::valid[offset / 256 + 1];
        if (!good) outside(writes ? "writes" : "reads", size, offset);
        if (size < 4 && writes) return;
        for (uint64_t i = offset / 4; i < (offset + size + 3) / 4; i++) {
            foreign(i, writes ? "writes" : "reads");
            if (writes) memory::writers[i] = epoch * 1024 + running;
        }
        return;
    }
    const uint64_t place = address - shared;
    if (place < shared_size) {
        if (address - dynamic < DYNAMIC_SHARED_MEMORY && address - dynamic + size > dynamic_size)
            fault(700, "touches byte " + std::to_string(address - dynamic) + " of " + std::to_string(dynamic_size) + " of dynamic shared memory");
        if (size < 4 && writes) return;
        for (uint64_t i = place / 4; i < (place + size + 3) / 4; i++) writes ? write(words[i]) : read(words[i], size);
        return;
    }
    if (on_stack(address) || kernels.has(address) || emulator.has(address)) return;
    const std::string verb = writes ? "writes" : "reads";
    if (address < 1 << 16) fault(700, verb + " through a null pointer");
    if (memory::ours(address)) fault(700, verb + " at an address that is not among its parameters");
    fault(700, verb + " at an address that is not the device's");
}

void promise(uint64_t address, uint64_t size) {
    look(address, size, true); // the copy may happen at once
    for (uint64_t i = (address - shared) / 4; i < (address - shared + size) / 4; i++) words[i].promised = epoch;
}

void fulfil(uint64_t address, uint64_t size) {
    for (uint64_t i = (address - shared) / 4; i < (address - shared + size) / 4; i++) words[i].promised = 0;
    look(address, size, true);
}

void begin_checks(const Object& object, unsigned bytes) {
    shared = reinterpret_cast<uint64_t>(object.shared);
    shared_size = object.shared_end - object.shared;
    dynamic = reinterpret_cast<uint64_t>(object.dynamic);
    dynamic_size = bytes;
    kernels.find(&object);
    emulator.find(&epoch);
    if (words.size() < shared_size / 4 + 4) words.resize(shared_size / 4 + 4); // what is in them is of earlier epochs, as good as nothing
}

#define ACCESS(size)                                                                      \
    extern "C" void __asan_load##size##_noabort(uint64_t address) { look(address, size, false); } \
    extern "C" void __asan_store##size##_noabort(uint64_t address) { look(address, size, true); }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
extern "C" void __asan_loadN_noabort(uint64_t address, uint64_t size) { look(address, size, false); }
extern "C" void __asan_storeN_noabort(uint64_t address, uint64_t size) { look(address, size, true); }
extern "C" void __asan_handle_no_return() {}

// What -fsanitize=alignment says of a place in the source.
struct Misaligned {
    const char* file;
    uint32_t line, column;
    const void* type;
    unsigned char log_alignment, kind;
};
extern "C" void __ubsan_handle_type_mismatch_v1(Misaligned* m, uint64_t address) {
    fault(716, std::string(m->file) + ":" + std::to_string(m->line) + ": an address that is no multiple of " + std::to_string(1 << m->log_alignment) + ": …" +
                   std::to_string(address % 256));
}

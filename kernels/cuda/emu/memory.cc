//go:build ignore

#include "machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>

namespace memory {
uint64_t host, kernel, capacity;
uint16_t* valid;
uint64_t* writers;

namespace {
const uint64_t GAP = 64 << 10; // between allocations, so that what runs over an end is seen
uint64_t next = GAP; // addresses are not given out twice: what was freed stays known
struct Allocation {
    uint64_t size;
    const void* owner;
};
std::map<uint64_t, Allocation> live, freed; // by offset

void* stretch(uint64_t size, int rights) {
    void* const at = mmap(nullptr, size, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? nullptr : at;
}

void mark(uint64_t offset, uint64_t size, bool on) {
    for (uint64_t i = 0; i < size; i += 256) valid[(offset + i) / 256] = on ? static_cast<uint16_t>(size - i < 256 ? size - i : 256) : 0;
}

// of finds the allocation that begins at or before an offset.
std::map<uint64_t, Allocation>::iterator of(std::map<uint64_t, Allocation>& all, uint64_t offset) {
    auto it = all.upper_bound(offset);
    return it == all.begin() ? all.end() : --it;
}
}

uint64_t allocate(uint64_t size, const void* owner) {
    if (!host) {
        host = reinterpret_cast<uint64_t>(stretch(SPACE, PROT_NONE));
        kernel = reinterpret_cast<uint64_t>(stretch(SPACE, PROT_READ | PROT_WRITE));
        valid = static_cast<uint16_t*>(stretch(SPACE / 256 * sizeof *valid, PROT_READ | PROT_WRITE));
        writers = static_cast<uint64_t*>(stretch(SPACE / 4 * sizeof *writers, PROT_READ | PROT_WRITE));
    }
    if (!host || !kernel || !valid || !writers || size == 0 || size > capacity - used(owner) || size > SPACE - next - 2 * GAP) return 0;
    const uint64_t offset = next;
    next += (size + 255) / 256 * 256 + GAP;
    live[offset] = {size, owner};
    mark(offset, size, true);
    memset(reinterpret_cast<char*>(kernel + offset), 0xff, size); // NaN
    return host + offset;
}

bool release(uint64_t address, const void* owner) {
    const auto it = live.find(address - host);
    if (it == live.end() || it->second.owner != owner) return false;
    mark(it->first, it->second.size, false);
    const uint64_t page = 4096, from = (it->first + page - 1) / page * page, to = (it->first + it->second.size) / page * page;
    if (to > from) {
        madvise(reinterpret_cast<void*>(kernel + from), to - from, MADV_DONTNEED);
        madvise(writers + from / 4, (to - from) / 4 * sizeof *writers, MADV_DONTNEED);
    }
    freed[it->first] = it->second;
    live.erase(it);
    return true;
}

bool inside(uint64_t address, uint64_t size, const void* owner) {
    const auto it = of(live, address - host);
    return ours(address) && it != live.end() && it->second.owner == owner && address - host + size <= it->first + it->second.size;
}

bool foreign(uint64_t address, const void* owner) {
    const auto it = of(live, address - host);
    return ours(address) && it != live.end() && it->second.owner != owner && address - host < it->first + it->second.size;
}

std::string describe(uint64_t offset) {
    const auto place = [&](const std::pair<const uint64_t, Allocation>& a, const char* kind) {
        return "byte " + std::to_string(offset - a.first) + " of " + kind + " of " + std::to_string(a.second.size);
    };
    const auto gone = of(freed, offset);
    if (gone != freed.end() && offset < gone->first + gone->second.size) return place(*gone, "freed memory");
    const auto before = of(live, offset);
    if (before != live.end() && offset < before->first + before->second.size + GAP) return place(*before, "memory");
    const auto after = live.lower_bound(offset);
    if (after != live.end() && after->first - offset <= GAP) return std::to_string(after->first - offset) + " bytes before memory of " + std::to_string(after->second.size);
    return "no memory that was ever allocated";
}

uint64_t used(const void* owner) {
    uint64_t total = 0;
    for (const auto& [offset, a] : live) total += a.owner == owner ? a.size : 0;
    return total;
}

int count(const void* owner) {
    return static_cast<int>(std::count_if(live.begin(), live.end(), [&](const auto& a) { return a.second.owner == owner; }));
}

void clear(const void* owner) {
    for (auto it = live.begin(); it != live.end();) {
        const uint64_t offset = it->first;
        const bool theirs = it->second.owner == owner;
        ++it;
        if (theirs) release(host + offset, owner);
    }
}
}

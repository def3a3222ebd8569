// walk.cuh finds one's place in a tensor of several axes.
#pragma once
#include "device.cuh"

// coordinate takes the innermost axis, of the given extent, off an element number: it returns the place on it and leaves the number of
// the rest. Divisions cost more than the rest of a copy, so axes of 1 do without.
__device__ __forceinline__ uint32 coordinate(uint32& rest, uint32 extent) {
    if (extent == 1) return 0;
    const uint32 at = rest % extent;
    rest /= extent;
    return at;
}

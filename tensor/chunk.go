package tensor

import (
	"cmp"
	"slices"

	gt "gorgonia.org/tensor"
)

// chunk is a stretch of a device's memory, cut into blocks.
type chunk struct {
	host   []float32 // where the host can read it …
	device gt.Memory // … and where it cannot
	size   int
	used   []*temporary // by place
	extent int          // the first element beyond every block there was
}

// alignment of blocks, in elements: 256 bytes, as CUDA has it, and whole cache lines.
const alignment = 64

// smallestChunk is how much is asked of a device at least, in elements.
const smallestChunk = 4 << 20

// newChunk allocates room for at least n elements on e.
func newChunk(e Engine, n int) (*chunk, error) {
	n = max(n, smallestChunk)
	if _, dry := e.(*Dry); dry {
		n = max(n, 1<<40) // one chunk that never ends, as on the CPU
	}
	if e.AllocAccessible() {
		host := allocateHost(n)
		return &chunk{host: host, size: len(host)}, nil
	}
	memory, err := e.Alloc(int64(n) * 4)
	return &chunk{device: memory, size: n}, err
}

func (c *chunk) release(e Engine) {
	if c.host != nil {
		freeHost(c.host)
	} else {
		e.Free(c.device, int64(c.size)*4)
	}
}

// take finds a place for t: the smallest gap that holds it, so that the large ones stay for large blocks, else the end.
func (c *chunk) take(t *temporary) bool {
	best, index, smallest, end := -1, 0, c.size+1, 0
	for i, u := range c.used {
		if gap := u.at - end; gap >= t.size && gap < smallest {
			best, index, smallest = end, i, gap
		}
		end = u.at + u.size
	}
	if best < 0 {
		if c.size-end < t.size {
			return false
		}
		best, index = end, len(c.used)
	}
	t.chunk, t.at = c, best
	c.used = slices.Insert(c.used, index, t)
	c.extent = max(c.extent, best+t.size)
	return true
}

func (c *chunk) free(t *temporary) {
	i, _ := slices.BinarySearchFunc(c.used, t.at, func(u *temporary, at int) int { return cmp.Compare(u.at, at) })
	c.used = slices.Delete(c.used, i, i+1)
}

package random

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"sort"
	"strings"

	"github.com/sowgen/sowgen/kernels"
)

// checkpoint is a safetensors file of random numbers in half precision, each of them a function of the seed, its tensor and its place.
type checkpoint struct {
	head    []byte
	tensors []parameter // in the order of the file
	size    int64
}

// parameter is a tensor: uniform numbers of the magnitude that keeps a network's activations of order 1, as PyTorch initialises its layers;
// or, for norms and biases, one number throughout.
type parameter struct {
	from, to int64 // its bytes
	seed     uint64
	bound    float32 // of uniform numbers, or 0
	constant uint16  // in half precision
}

const one = 0x3c00 // in half precision

// newCheckpoint makes the file of the tensors that [weights.FitError] describes, as "conv_in.weight [320 4 3 3]".
func newCheckpoint(missing []string, seed uint64) (*checkpoint, error) {
	type entry struct {
		DType   string   `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	c := &checkpoint{}
	entries := map[string]entry{}
	for _, text := range missing {
		name, list, _ := strings.Cut(text, " ")
		var shape []int
		if err := json.Unmarshal([]byte(strings.ReplaceAll(list, " ", ",")), &shape); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", text, err)
		}
		count, fanIn := int64(1), 1
		for i, d := range shape {
			count *= int64(d)
			if i > 0 {
				fanIn *= d
			}
		}
		hash := fnv.New64a()
		io.WriteString(hash, name)
		p := parameter{from: c.size, to: c.size + 2*count, seed: seed ^ hash.Sum64()}
		switch {
		case len(shape) > 1:
			p.bound = float32(1 / math.Sqrt(float64(fanIn)))
		case strings.HasSuffix(name, ".weight"): // of a norm
			p.constant = one
		}
		c.tensors, c.size = append(c.tensors, p), p.to
		entries[name] = entry{"F16", shape, [2]int64{p.from, p.to}}
	}
	header, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	c.head = append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	c.size += int64(len(c.head))
	return c, nil
}

// ReadAt implements io.ReaderAt.
func (c *checkpoint) ReadAt(b []byte, at int64) (n int, err error) {
	if at < int64(len(c.head)) {
		n = copy(b, c.head[at:])
	}
	for n < len(b) && at+int64(n) < c.size {
		place := at + int64(n) - int64(len(c.head))
		p := &c.tensors[sort.Search(len(c.tensors), func(i int) bool { return c.tensors[i].to > place })]
		n += p.read(b[n:], place-p.from)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// block is how many numbers are made at a time.
const block = 4096

// read copies a part of the tensor that begins at byte from to b, and returns how much.
func (p *parameter) read(b []byte, from int64) int {
	var x [block]float32
	var halves [block]uint16
	first := from / 2 &^ 3 // four numbers come out of one hash
	count := int(min(block, (p.to-p.from)/2-first))
	if p.bound == 0 {
		for i := range halves {
			halves[i] = p.constant
		}
	} else {
		for i := 0; i < count; i += 4 {
			h := mix(p.seed + uint64(first/4+int64(i/4))*0x9e3779b97f4a7c15)
			for j := range 4 {
				x[i+j] = float32(int16(h>>(16*j))) * (p.bound / (1 << 15))
			}
		}
		kernels.F32ToF16(halves[:count], x[:count])
	}
	var bytes [2 * block]byte
	for i, h := range halves[:count] {
		binary.LittleEndian.PutUint16(bytes[2*i:], h)
	}
	return copy(b, bytes[from-2*first:2*count])
}

// mix is the finisher of SplitMix64 (Steele, Lea, Flood 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

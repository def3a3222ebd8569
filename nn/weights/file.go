package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/nlpodyssey/safetensors"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// File is an open safetensors file. Its methods may be called from several goroutines.
type File struct {
	name   string
	size   int64
	header *header
	r      io.ReaderAt
	close  func() error
}

// OpenFile opens a safetensors file and checks its header. The error is an [*Error].
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	return newFile(f, path)
}

// openFS opens name of fsys.
func openFS(fsys fs.FS, name string) (*File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, openError(name, err)
	}
	return newFile(f, name)
}

// newFile takes f over; name is what errors call it.
func newFile(f fs.File, name string) (_ *File, err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, openError(name, err)
	}
	if info.IsDir() {
		return nil, &Error{File: name, Reason: "is a folder", Fix: "name a .safetensors file in it"}
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil, &Error{File: name, Reason: "lies in a file system that cannot be read at an offset", Fix: "unpack it to the disk"}
	}
	h, err := readHeader(name, r, info.Size())
	if err != nil {
		return nil, err
	}
	return &File{name: name, size: info.Size(), header: h, r: r, close: f.Close}, nil
}

func openError(name string, err error) error {
	e := &Error{File: name, Reason: reason(err).Error(), Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Reason, e.Fix = "does not exist", "check the path"
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Fix = "may not be read", "change its permissions"
	}
	return e
}

// reason drops the paths that the errors of package os repeat.
func reason(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}

// Close closes the file.
func (f *File) Close() error { return f.close() }

// String returns the file's name.
func (f *File) String() string { return f.name }

// Names implements [Source].
func (f *File) Names() []string { return sortedKeys(f.header.entries) }

// Metadata returns the texts that the file carries besides its tensors.
func (f *File) Metadata() map[string]string { return maps.Clone(f.header.metadata) }

// Shape implements [Shaper]. The shape of a scalar is empty.
func (f *File) Shape(name string) (shape []int, dtype string, ok bool) {
	e, ok := f.header.entries[name]
	if !ok {
		return nil, "", false
	}
	return slices.Clone(e.shape), e.dtype.String(), true
}

// Tensor implements [Source] for F64, F32, F16 and BF16. A scalar has the shape [1]; F64 is rounded.
func (f *File) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	e, ok := f.header.entries[name]
	if !ok {
		return nil, f.missing(name)
	}
	if len(shape) > 0 && !slices.Equal(shape, e.shape) {
		return nil, f.fault(name, notThisModel, "has the shape %s, want %v", shorten(fmt.Sprint(e.shape)), shape)
	}
	if e.count == 0 {
		return nil, f.fault(name, notThisModel, "has the shape %s, which holds nothing", shorten(fmt.Sprint(e.shape)))
	}
	if decoders[e.dtype] == nil {
		return nil, f.fault(name, "convert it", "is stored as %s, want F32, F16, BF16 or F64", e.dtype)
	}
	x := make([]float32, e.count)
	if err := f.floats(name, e, x, 0); err != nil {
		return nil, err
	}
	if len(e.shape) == 0 {
		return tensor.FromSlice(x, 1), nil
	}
	return tensor.FromSlice(x, e.shape...), nil
}

// floats reads the elements of a tensor from first on.
func (f *File) floats(name string, e entry, dst []float32, first int) error {
	decode, halves := decoders[e.dtype], make([]uint16, min(len(dst), piece/2))
	return f.pieces(name, e, first, len(dst), func(at int, data []byte) error {
		part := dst[at-first:][:len(data)/int(e.dtype.Size())]
		decode(part, data, halves)
		for i, v := range part {
			if v-v != 0 {
				return f.notFinite(name, at+i, v)
			}
		}
		return nil
	})
}

func (f *File) notFinite(name string, element int, v float32) error {
	return f.fault(name, downloadAgain+", or convert it anew if it overflowed then", "its element %d is %v", element, v)
}

// Stored implements [Storer] for F32, F16 and BF16.
func (f *File) Stored(name string) (w kernels.Stored, ok bool) {
	e, ok := f.header.entries[name]
	if !ok {
		return w, false
	}
	half := func(dst []uint16, first int) error { return f.halves(name, e, dst, first) }
	switch e.dtype {
	case safetensors.F32:
		return kernels.Stored{Format: kernels.F32, F32: func(dst []float32, first int) error { return f.floats(name, e, dst, first) }}, true
	case safetensors.F16:
		return kernels.Stored{Format: kernels.F16, Half: half}, true
	case safetensors.BF16:
		return kernels.Stored{Format: kernels.BF16, Half: half}, true
	}
	return w, false
}

// halves reads the bits of the elements of an F16 or BF16 tensor from first on.
func (f *File) halves(name string, e entry, dst []uint16, first int) error {
	exponent := uint16(0x7c00) // all its bits are set in infinities and NaN
	if e.dtype == safetensors.BF16 {
		exponent = 0x7f80
	}
	return f.pieces(name, e, first, len(dst), func(at int, data []byte) error {
		part := dst[at-first:][:len(data)/2]
		if unpackFinite(part, data, exponent) {
			return nil
		}
		v := make([]float32, len(part))
		decoders[e.dtype](v, data, part)
		bad := slices.IndexFunc(v, func(v float32) bool { return v-v != 0 })
		return f.notFinite(name, at+bad, v[bad])
	})
}

// unpackFinite is unpack, and reports whether no element has all of the bits exponent set.
func unpackFinite(dst []uint16, src []byte, exponent uint16) bool {
	const ones = 1<<48 | 1<<32 | 1<<16 | 1
	// In the low 15 bits of a lane the exponent's, if all are set, carry into the highest when its lowest bit is added.
	mask, carry := uint64(exponent)*ones, uint64(exponent&-exponent)*ones
	var over uint64
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		x := binary.LittleEndian.Uint64(src[2*i:])
		over |= x&mask + carry
		d := (*[4]uint16)(dst[i:])
		d[0], d[1], d[2], d[3] = uint16(x), uint16(x>>16), uint16(x>>32), uint16(x>>48)
	}
	finite := over&(0x8000*ones) == 0
	for ; i < len(dst); i++ {
		dst[i] = binary.LittleEndian.Uint16(src[2*i:])
		finite = finite && dst[i]&exponent != exponent
	}
	return finite
}

// Ints reads a tensor of whole numbers, stored as I64 or I32.
func (f *File) Ints(name string) ([]int64, error) {
	e, ok := f.header.entries[name]
	if !ok {
		return nil, f.missing(name)
	}
	if e.dtype != safetensors.I64 && e.dtype != safetensors.I32 {
		return nil, f.fault(name, "convert it", "is stored as %s, want I64 or I32", e.dtype)
	}
	x := make([]int64, e.count)
	err := f.pieces(name, e, 0, e.count, func(first int, data []byte) error {
		for i := range len(data) / int(e.dtype.Size()) {
			if e.dtype == safetensors.I64 {
				x[first+i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
			} else {
				x[first+i] = int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
			}
		}
		return nil
	})
	return x, err
}

// piece is how many bytes of a tensor are read at a time: next to the result no more is in memory.
const piece = 1 << 18

var buffers = sync.Pool{New: func() any { return new([piece]byte) }}

// pieces reads count elements of a tensor from first on, in turn; use gets the index of the first element of each piece.
func (f *File) pieces(name string, e entry, first, count int, use func(first int, data []byte) error) error {
	size := int(e.dtype.Size())
	buffer := buffers.Get().(*[piece]byte)
	defer buffers.Put(buffer)
	for end := first + count; first < end; first += piece / size {
		data, at := buffer[:min(piece, (end-first)*size)], e.at+int64(first*size)
		if n, err := f.r.ReadAt(data, at); n < len(data) {
			return f.fault(name, downloadAgain, "cannot be read at byte %d (%v)", at, reason(err))
		}
		if err := use(first, data); err != nil {
			return err
		}
	}
	return nil
}

// decoders turn little-endian numbers into float32; halves is room for a piece of 16-bit ones.
var decoders = map[safetensors.DType]func(dst []float32, src []byte, halves []uint16){
	safetensors.F32: func(dst []float32, src []byte, _ []uint16) {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	},
	safetensors.F64: func(dst []float32, src []byte, _ []uint16) {
		for i := range dst {
			dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
		}
	},
	safetensors.F16: func(dst []float32, src []byte, halves []uint16) {
		kernels.F16ToF32(dst, unpack(halves[:len(dst)], src))
	},
	safetensors.BF16: func(dst []float32, src []byte, halves []uint16) {
		kernels.BF16ToF32(dst, unpack(halves[:len(dst)], src))
	},
}

func unpack(dst []uint16, src []byte) []uint16 {
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint16(src[2*i:])
	}
	return dst
}

func (f *File) missing(name string) error {
	return f.fault(name, "sowgen inspect lists the tensors that are there", "is not in the file")
}

func (f *File) fault(name, fix, format string, args ...any) error {
	return &Error{File: f.name, Tensor: name, Reason: fmt.Sprintf(format, args...), Fix: fix}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

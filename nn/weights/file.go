package weights

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/nlpodyssey/safetensors"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/tensor"
)

// File is an open safetensors file.
type File struct {
	name    string
	entries map[string]entry
	r       io.ReaderAt
	close   func() error
}

// OpenFile opens a safetensors file and checks its header.
func OpenFile(path string) (*File, error) {
	return open(os.DirFS(filepath.Dir(path)), filepath.Base(path), path)
}

// open opens name of fsys; shown is what errors call it.
func open(fsys fs.FS, name, shown string) (*File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown, reason(err))
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", shown, reason(err))
	}
	r, ok := f.(io.ReaderAt)
	if info.IsDir() || !ok {
		f.Close()
		return nil, &Error{File: shown, Reason: "want a safetensors file"}
	}
	entries, err := readHeader(shown, r, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	return &File{name: shown, entries: entries, r: r, close: f.Close}, nil
}

// reason drops the path that fs errors repeat.
func reason(err error) error {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err
	}
	return err
}

// Close closes the file.
func (f *File) Close() error { return f.close() }

// Names implements [Source].
func (f *File) Names() []string { return sortedKeys(f.entries) }

// Shape returns the shape of a tensor and how it is stored ("F32"), or ok false if there is none.
func (f *File) Shape(name string) (shape []int, dtype string, ok bool) {
	e, ok := f.entries[name]
	return slices.Clone(e.shape), e.dtype.String(), ok
}

// Tensor implements [Source] for F64, F32, F16 and BF16.
func (f *File) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	e, data, err := f.read(name)
	if err != nil {
		return nil, err
	}
	fault := func(format string, args ...any) error {
		return &Error{File: f.name, Tensor: name, Reason: fmt.Sprintf(format, args...)}
	}
	if len(shape) > 0 && !slices.Equal(shape, e.shape) {
		return nil, fault("shape %v, want %v", e.shape, shape)
	}
	count := 1
	for _, d := range e.shape {
		if d == 0 {
			return nil, fault("shape %v holds nothing", e.shape)
		}
		count *= d
	}
	x := make([]float32, count)
	switch e.dtype {
	case safetensors.F32:
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case safetensors.F64:
		for i := range x {
			x[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])))
		}
	case safetensors.F16:
		kernels.F16ToF32(x, halves(data))
	case safetensors.BF16:
		kernels.BF16ToF32(x, halves(data))
	default:
		return nil, fault("stored as %s, want F32, F16 or BF16", e.dtype)
	}
	for i, v := range x {
		if v-v != 0 {
			return nil, fault("element %d is %v: the file is damaged, or overflowed when it was converted", i, v)
		}
	}
	dims := e.shape
	if len(dims) == 0 {
		dims = []int{1} // a scalar
	}
	return tensor.FromSlice(x, dims...), nil
}

// Ints reads a tensor of whole numbers: I64, I32, or anything else whose elements are whole.
func (f *File) Ints(name string) ([]int64, error) {
	e, data, err := f.read(name)
	if err != nil {
		return nil, err
	}
	switch e.dtype {
	case safetensors.I64:
		x := make([]int64, len(data)/8)
		for i := range x {
			x[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
		}
		return x, nil
	case safetensors.I32:
		x := make([]int64, len(data)/4)
		for i := range x {
			x[i] = int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
		}
		return x, nil
	}
	return nil, &Error{File: f.name, Tensor: name, Reason: fmt.Sprintf("stored as %s, want I64 or I32", e.dtype)}
}

func (f *File) read(name string) (entry, []byte, error) {
	e, ok := f.entries[name]
	if !ok {
		return e, nil, &Error{File: f.name, Tensor: name, Reason: "there is none of that name"}
	}
	data := make([]byte, e.bytes)
	if _, err := f.r.ReadAt(data, e.at); err != nil && !(err == io.EOF && e.bytes == 0) {
		return e, nil, &Error{File: f.name, Tensor: name, Reason: reason(err).Error()}
	}
	return e, data, nil
}

func halves(data []byte) []uint16 {
	h := make([]uint16, len(data)/2)
	for i := range h {
		h[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
	return h
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

package weights

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/nlpodyssey/safetensors"

	"github.com/sowgen/sowgen/tensor"
)

// Array is a tensor to be written.
type Array struct {
	dtype safetensors.DType
	shape []int
	data  []byte
}

// Floats returns t as an array of F32.
func Floats(t *tensor.Tensor) Array {
	x := tensor.Floats(t)
	a := Array{safetensors.F32, append([]int(nil), t.Shape()...), make([]byte, 0, 4*len(x))}
	for _, v := range x {
		a.data = binary.LittleEndian.AppendUint32(a.data, math.Float32bits(v))
	}
	return a
}

// Ints returns x as an array of I64 of the given shape.
func Ints(x []int64, shape ...int) Array {
	a := Array{safetensors.I64, shape, make([]byte, 0, 8*len(x))}
	for _, v := range x {
		a.data = binary.LittleEndian.AppendUint64(a.data, uint64(v))
	}
	return a
}

// Encode writes a safetensors file of the arrays by their names, and of texts that go along, to w.
func Encode(w io.Writer, arrays map[string]Array, metadata map[string]string) error {
	views := make(map[string]view, len(arrays))
	for _, name := range sortedKeys(arrays) {
		a := arrays[name]
		bytes, least := int(a.dtype.Size()), 0
		for _, d := range a.shape {
			bytes *= d
			least = min(least, d)
		}
		switch {
		case name == "__metadata__" || !utf8.ValidString(name):
			return fmt.Errorf("weights: %q cannot be the name of a tensor", shorten(name))
		case bytes != len(a.data) || least < 0:
			return fmt.Errorf("weights: tensor %s: %d bytes do not make the shape %v of %s", shorten(name), len(a.data), a.shape, a.dtype)
		}
		views[name] = view{a}
	}
	return safetensors.SerializeToWriter(views, metadata, w)
}

// view is an array as the library wants it.
type view struct{ a Array }

func (v view) DType() safetensors.DType { return v.a.dtype }
func (v view) Data() []byte             { return v.a.data }
func (v view) DataLen() uint64          { return uint64(len(v.a.data)) }
func (v view) Shape() []uint64 {
	shape := make([]uint64, len(v.a.shape))
	for i, d := range v.a.shape {
		shape[i] = uint64(d)
	}
	return shape
}

// Write makes the safetensors file at path as [Encode] does. It replaces a file that is there, but only when it is complete: it is written
// beside and renamed.
func Write(path string, arrays map[string]Array, metadata map[string]string) error {
	bad := func(err error, fix string) error {
		return &Error{File: path, Reason: fmt.Sprintf("cannot be written (%v)", reason(err)), Fix: fix, Err: err}
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".sowgen-*.tmp")
	if err != nil {
		return bad(err, "write into a folder that exists and may be written")
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	w := bufio.NewWriter(tmp)
	err = Encode(w, arrays, metadata)
	if err == nil {
		err = w.Flush()
	}
	if err = errors.Join(err, tmp.Close(), os.Chmod(tmp.Name(), 0o644)); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return bad(err, "see that there is space and that it is no folder")
	}
	return nil
}

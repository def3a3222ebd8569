package weights_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// memory is a source of tensors in memory; one whose value is nil cannot be read.
type memory map[string]*tensor.Tensor

func (m memory) Names() []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	return names
}

var errDisk = errors.New("the disk is on fire")

func (m memory) Tensor(name string, shape ...int) (*tensor.Tensor, error) {
	if m[name] == nil {
		return nil, errDisk
	}
	return m[name], nil
}

func TestScope(t *testing.T) {
	src := memory{"a.0.weight": tensor.New(2, 3), "a.0.bias": tensor.New(2), "a.1.weight": tensor.New(3, 2)}
	root := weights.NewScope(src)
	a := root.Sub("a")
	assert.Equal(t, "a.0", a.Index(0).Name())
	assert.True(t, a.Index(0).Has("bias"))
	assert.False(t, a.Index(1).Has("bias"))
	assert.Same(t, src["a.0.weight"], a.Index(0).Tensor("weight", 2, 3))
	assert.NotNil(t, a.Index(0).Tensor("bias", 2))
	require.EqualError(t, root.Err(), "weights: the checkpoint: tensors: 1 unused (a.1.weight): "+
		"the weights and the config.json are of two models, or of a kind that is not supported")
	assert.NotNil(t, a.Sub("1").Tensor("weight", 3, 2))
	require.NoError(t, root.Err())
	require.NoError(t, a.Err())
}

// TestScopeNamesEverything: one line at the end tells all that does not fit, and after the first misfit nothing more is read.
func TestScopeNamesEverything(t *testing.T) {
	header := `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},` +
		`"c":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},"d":{"dtype":"F32","shape":[1],"data_offsets":[20,24]}}`
	d := openFolder(t, fstest.MapFS{"unet/m.safetensors": {Data: file(header, 24)}}, "unet", "m")
	s := weights.NewScope(d)
	assert.NotNil(t, s.Tensor("a", 2))
	standIn := func(x *tensor.Tensor, shape ...int) {
		t.Helper()
		assert.Equal(t, shape, []int(x.Shape()))
	}
	standIn(s.Tensor("b", 1, 2), 1, 1)
	standIn(s.Sub("x").Tensor("y", 7), 1)
	standIn(s.Tensor("c", 1), 1)
	standIn(s.Tensor("z", 1<<40, 1<<40), 1, 1)
	err := s.Err()
	require.EqualError(t, err, "weights: unet/m.safetensors: tensors: 2 missing (x.y [7], z [1099511627776 1099511627776]); "+
		"1 of another shape (b is [2], want [1 2]); 1 unused (d): the weights and the config.json are of two models, or of a kind that is not supported")
	var fit *weights.FitError
	require.ErrorAs(t, err, &fit)
	assert.Equal(t, []string{"x.y [7]", "z [1099511627776 1099511627776]"}, fit.Missing)
	assert.Equal(t, []string{"b is [2], want [1 2]"}, fit.Misshapen)
	assert.Equal(t, []string{"d"}, fit.Unused)
}

func TestScopeManyFaults(t *testing.T) {
	s := weights.NewScope(memory{})
	for i := range 1000 {
		s.Index(i).Tensor("weight", 1)
	}
	err := s.Err()
	require.ErrorContains(t, err, "1000 missing (0.weight [1], 1.weight [1], 2.weight [1], 3.weight [1], and 996 more)")
	assert.NotContains(t, err.Error(), "\n")
}

func TestScopeReadError(t *testing.T) {
	src := memory{"a": nil, "b": tensor.New(1)}
	s := weights.NewScope(src)
	s.Tensor("a", 1)
	assert.NotSame(t, src["b"], s.Tensor("b", 1), "nothing is read after an error")
	require.Equal(t, errDisk, s.Err())
	s.Tensor("c", 1)
	require.ErrorIs(t, s.Err(), errDisk)
	require.ErrorContains(t, s.Err(), "1 missing (c [1])")
}

func TestIgnore(t *testing.T) {
	src := memory{"text.position_ids": tensor.New(1), "text.layers.0.mask": tensor.New(1), "text.layers.1.mask": tensor.New(1), "head.weight": tensor.New(1)}
	s := weights.NewScope(src)
	s.Sub("text").Ignore("position_ids", "layers.*.mask")
	err := s.Err()
	require.ErrorContains(t, err, "1 unused (head.weight)")
	s.Ignore("*")
	require.ErrorContains(t, s.Err(), "head.weight", "a star does not span dots")
	s.Ignore("*.weight")
	require.NoError(t, s.Err())
}

// TestRename reads checkpoints of older versions under today's names.
func TestRename(t *testing.T) {
	prefix := func(name string) string { return strings.TrimPrefix(name, "text_model.") }
	for _, name := range []string{"text_model.final.weight", "final.weight"} {
		src := weights.Rename(memory{name: tensor.New(3)}, prefix)
		assert.Equal(t, []string{"final.weight"}, src.Names())
		s := weights.NewScope(src)
		assert.NotNil(t, s.Tensor("final.weight", 3))
		require.NoError(t, s.Err())
	}

	attention := strings.NewReplacer(".query.", ".to_q.", ".proj_attn.", ".to_out.0.")
	src := weights.Rename(weights.Rename(memory{"x.mid.query.weight": tensor.New(1), "x.mid.proj_attn.bias": tensor.New(1)}, attention.Replace),
		func(name string) string { return strings.TrimPrefix(name, "x.") })
	s := weights.NewScope(src).Sub("mid")
	s.Sub("to_q").Tensor("weight", 1)
	s.Sub("to_out").Index(0).Tensor("bias", 1)
	require.NoError(t, s.Err())

	d := openFolder(t, fstest.MapFS{"m.safetensors": one("old.a")}, ".", "m")
	renamed := weights.Rename(d, func(name string) string { return strings.TrimPrefix(name, "old.") })
	s = weights.NewScope(renamed)
	s.Tensor("a", 2)
	require.ErrorContains(t, s.Err(), "weights: m.safetensors: tensors: 1 of another shape (a is [1], want [2])")
	_, err := renamed.Tensor("b")
	oneLine(t, err)
	_, err = renamed.Tensor("old.a")
	require.Error(t, err, "the old name is gone")
}

func TestRenameToTheSame(t *testing.T) {
	src := weights.Rename(memory{"text_model.a": tensor.New(1), "a": tensor.New(1)}, func(name string) string { return strings.TrimPrefix(name, "text_model.") })
	_, err := src.Tensor("a", 1)
	require.ErrorContains(t, err, "is there twice")
	s := weights.NewScope(src)
	s.Tensor("a", 1)
	require.ErrorContains(t, s.Err(), "is there twice")
}

// TestScopeMemory: a folder of 4 KB and a config of gigabytes make no gigabytes.
func TestScopeMemory(t *testing.T) {
	s := weights.NewScope(openFolder(t, fstest.MapFS{"m.safetensors": one("a")}, ".", "m"))
	for i := range 100 {
		s.Weight(fmt.Sprint(i), 1<<20, 1<<20)
		s.Weight(fmt.Sprint(i), 1<<20, 1<<20, 3, 3)
	}
	require.Error(t, s.Err())
}

// TestWeight: a weight that is packed as it is read is the one that PackLinear and PackConv make of the tensor.
func TestWeight(t *testing.T) {
	for _, shape := range [][]int{{3, 5}, {400, 331}, {3, 5, 2, 1}, {70, 220, 3, 3}} {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := tensor.New(shape...)
		for i := range tensor.Floats(x) {
			tensor.Floats(x)[i] = float32(i%251-125) / 128 // fits into every format
		}
		var w *tensor.Weight
		var in *tensor.Tensor
		var run func(*tensor.Tensor, *tensor.Weight) *tensor.Tensor
		if len(shape) == 2 {
			w, in = tensor.PackLinear(x), tensor.Full(1, 3, shape[1])
			run = func(x *tensor.Tensor, w *tensor.Weight) *tensor.Tensor { return tensor.Linear(x, w, tensor.Epilogue{}) }
		} else {
			w, in = tensor.PackConv(x), tensor.Full(1, 1, 4, 5, shape[1])
			run = func(x *tensor.Tensor, w *tensor.Weight) *tensor.Tensor {
				return tensor.Conv2D(x, w, tensor.Epilogue{}, 1, tensor.Pad(1))
			}
		}
		want := tensor.Floats(run(in, w))
		for dtype, data := range map[string][]byte{
			"F64":  encode(x, 8, func(v float32) uint64 { return math.Float64bits(float64(v)) }),
			"F32":  encode(x, 4, func(v float32) uint64 { return uint64(math.Float32bits(v)) }),
			"F16":  encode(x, 2, func(v float32) uint64 { return uint64(tensor.ToF16(tensor.Full(v))[0]) }),
			"BF16": encode(x, 2, func(v float32) uint64 { return uint64(tensor.ToBF16(tensor.Full(v))[0]) }),
		} {
			header := fmt.Sprintf(`{"old.w":{"dtype":"%s","shape":%s,"data_offsets":[0,%d]}}`, dtype, strings.ReplaceAll(fmt.Sprint(shape), " ", ","), len(data))
			d := openFolder(t, fstest.MapFS{"m.safetensors": {Data: append(file(header, 0), data...)}}, ".", "m")
			s := weights.NewScope(weights.Rename(d, func(name string) string { return strings.TrimPrefix(name, "old.") }))
			got := s.Weight("w", shape...)
			require.NoError(t, s.Err())
			assert.Equal(t, want, tensor.Floats(run(in, got)), "%s %v", dtype, shape)
		}
		s := weights.NewScope(memory{"w": x})
		assert.Equal(t, want, tensor.Floats(run(in, s.Weight("w", shape...))))
		require.NoError(t, s.Err())
	}
}

// encode gives the bytes of x as numbers of so many bytes.
func encode(x *tensor.Tensor, size int, bits func(v float32) uint64) (data []byte) {
	for _, v := range tensor.Floats(x) {
		data = append(data, binary.LittleEndian.AppendUint64(nil, bits(v))[:size]...)
	}
	return data
}

// TestWeightErrors: what does not fit, or cannot be read, is told at the end; until then a stand-in serves.
func TestWeightErrors(t *testing.T) {
	d := openFolder(t, fstest.MapFS{"m.safetensors": one("a")}, ".", "m")
	s := weights.NewScope(d)
	assert.Equal(t, 1, s.Weight("a", 2, 3).In)
	assert.Equal(t, 1, s.Weight("b", 4, 5, 3, 3).KW)
	require.ErrorContains(t, s.Err(), "1 missing (b [4 5 3 3]); 1 of another shape (a is [1], want [2 3])")

	s = weights.NewScope(memory{"a": nil})
	s.Weight("a", 1, 1)
	require.Equal(t, errDisk, s.Err())
}

// TestOn: what a scope reads lies on the engine of its source, however that is wrapped.
func TestOn(t *testing.T) {
	e := tensor.CPU{Precision: tensor.Mixed}
	header := `{"old.w":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"old.b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}`
	d := openFolder(t, fstest.MapFS{"m.safetensors": {Data: file(header, 12)}}, ".", "m")
	for name, src := range map[string]weights.Source{
		"a folder":  d,
		"in memory": memory{"old.w": tensor.New(2, 2), "old.b": tensor.New(2)},
	} {
		s := weights.NewScope(weights.Rename(weights.On(e, src), func(name string) string { return strings.TrimPrefix(name, "old.") }))
		w, b := s.Weight("w", 2, 2), s.Tensor("b", 2)
		require.NoError(t, s.Err(), name)
		assert.Equal(t, tensor.Engine(e), tensor.Device(b), name)
		assert.Equal(t, tensor.Engine(e), tensor.Device(tensor.Linear(tensor.To(e, tensor.New(1, 2)), w, tensor.Epilogue{Bias: b})), name)
		assert.Equal(t, tensor.Engine(e), tensor.Device(s.Tensor("missing", 3)), name)
	}
	s := weights.NewScope(weights.On(e, d))
	s.Tensor("old.w", 3)
	require.ErrorContains(t, s.Err(), "weights: m.safetensors: tensors: 1 of another shape (old.w is [2 2], want [3])")
}

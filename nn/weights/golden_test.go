package weights_test

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

func openFile(t testing.TB, path string) *weights.File {
	t.Helper()
	f, err := weights.OpenFile(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func openFolder(t testing.TB, fsys fs.FS, dir, base string) *weights.Folder {
	t.Helper()
	d, err := weights.OpenFolder(fsys, dir, base)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// TestDTypes reads what Python's safetensors wrote: every kind of number, bit for bit what PyTorch makes of it as float32.
func TestDTypes(t *testing.T) {
	var golden struct {
		Bits         map[string][]int32
		Shape        []int
		Int64, Int32 []int64
	}
	data, err := os.ReadFile("testdata/values.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &golden))
	f := openFile(t, "testdata/dtypes.safetensors")
	require.Len(t, golden.Bits, 5)
	for name, want := range golden.Bits {
		x, err := f.Tensor(name)
		require.NoError(t, err)
		var got []int32
		for _, v := range tensor.Floats(x) {
			got = append(got, int32(math.Float32bits(v)))
		}
		assert.Equal(t, want, got, name)
		if name != "scalar" {
			assert.Equal(t, golden.Shape, []int(x.Shape()), name)
			_, err = f.Tensor(name, golden.Shape...)
			require.NoError(t, err)
		}
	}
	got, err := f.Ints("int64")
	require.NoError(t, err)
	assert.Equal(t, golden.Int64, got)
	got, err = f.Ints("int32")
	require.NoError(t, err)
	assert.Equal(t, golden.Int32, got)

	shape, dtype, ok := f.Shape("bfloat16")
	assert.True(t, ok)
	assert.Equal(t, golden.Shape, shape)
	assert.Equal(t, "BF16", dtype)
	_, _, ok = f.Shape("nothing")
	assert.False(t, ok)
	assert.Equal(t, map[string]string{"format": "pt", "made by": "safetensors é"}, f.Metadata())

	for _, c := range []struct {
		err  error
		want string
	}{
		{second(f.Tensor("int64")), "tensor int64: is stored as I64, want F32, F16, BF16 or F64"},
		{second(f.Tensor("empty")), "tensor empty: has the shape [0 3], which holds nothing"},
		{second(f.Tensor("float32", 3, 2, 5)), "tensor float32: has the shape [2 3 5], want [3 2 5]"},
		{second(f.Tensor("nothing")), "tensor nothing: is not in the file"},
		{second(f.Ints("float32")), "tensor float32: is stored as F32, want I64 or I32"},
		{second(f.Ints("nothing")), "tensor nothing: is not in the file"},
	} {
		require.ErrorContains(t, c.err, "weights: testdata/dtypes.safetensors: "+c.want)
		oneLine(t, c.err)
	}
}

func second[T any](_ T, err error) error { return err }

func oneLine(t testing.TB, err error) {
	t.Helper()
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "\n")
	assert.Less(t, len(err.Error()), 2000)
	var e *weights.Error
	if assert.ErrorAs(t, err, &e) {
		assert.NotEmpty(t, e.File)
		assert.NotEmpty(t, e.Fix, "the way out of: %v", err)
	}
}

// TestLayouts: however transformers and diffusers lay a model out, the tensors are the same.
func TestLayouts(t *testing.T) {
	for library, base := range map[string]string{"transformers": "model", "diffusers": "diffusion_pytorch_model"} {
		whole := openFolder(t, os.DirFS("testdata"), library+"/whole", base)
		require.Greater(t, len(whole.Names()), 30)
		for layout, files := range map[string]int{"shards": 4, "fp16": 1, "fp16-shards": 4} {
			t.Run(library+"/"+layout, func(t *testing.T) {
				d := openFolder(t, os.DirFS("testdata"), library+"/"+layout, base)
				require.Len(t, d.Files(), files)
				require.Equal(t, whole.Names(), d.Names())
				for _, name := range whole.Names() {
					want, err := whole.Tensor(name)
					require.NoError(t, err)
					got, err := d.Tensor(name, want.Shape()...)
					require.NoError(t, err)
					if layout == "shards" {
						assert.Equal(t, tensor.Floats(want), tensor.Floats(got), name)
						continue
					}
					half := make([]uint16, want.Shape().TotalSize())
					kernels.F32ToF16(half, tensor.Floats(want))
					rounded := make([]float32, len(half))
					kernels.F16ToF32(rounded, half)
					assert.Equal(t, rounded, tensor.Floats(got), name)
				}
			})
		}
	}
}

func TestInfo(t *testing.T) {
	info := openFile(t, "testdata/dtypes.safetensors").Info()
	assert.Equal(t, int64(1209), info.Bytes)
	assert.Equal(t, 9, info.Tensors)
	assert.Equal(t, map[string]int64{"F64": 30, "F32": 31, "F16": 30, "BF16": 30, "I64": 6, "I32": 6, "U8": 5}, info.DTypes)
	assert.Equal(t, int64(138), info.Parameters)
	assert.Equal(t, []string{"tensor empty: its shape [0 3] holds nothing"}, info.Problems)

	total := int64(0)
	all := openFolder(t, os.DirFS("testdata"), "transformers/fp16-shards", "model").Info()
	for _, info := range all {
		assert.Empty(t, info.Problems)
		total += info.DTypes["F16"]
	}
	assert.Len(t, all, 4)
	assert.Equal(t, int64(1592), total, "transformers counts the same")
}

func TestVerify(t *testing.T) {
	d := openFolder(t, os.DirFS("testdata"), "diffusers/shards", "diffusion_pytorch_model")
	assert.Empty(t, weights.Verify(t.Context(), d))
	errs := weights.Verify(t.Context(), openFile(t, "testdata/dtypes.safetensors"))
	require.Len(t, errs, 1)
	assert.ErrorContains(t, errs[0], "tensor empty")
}

package weights_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.safetensors")
	x := tensor.FromSlice([]float32{0, float32(math.Copysign(0, -1)), 1e-45, -math.MaxFloat32, 0.1, 7}, 1, 2, 3)
	arrays := map[string]weights.Array{
		"latents": weights.Floats(x),
		"ids":     weights.Ints([]int64{49406, -1, math.MaxInt64, math.MinInt64}, 2, 2),
		"one":     weights.Ints([]int64{981}),
	}
	for range 2 { // the second time it replaces the first
		require.NoError(t, weights.Write(path, arrays, map[string]string{"format": "pt"}))
	}
	f := openFile(t, path)
	got, err := f.Tensor("latents", 1, 2, 3)
	require.NoError(t, err)
	assert.Equal(t, tensor.Floats(x), tensor.Floats(got))
	assert.True(t, math.Signbit(float64(tensor.Floats(got)[1])))
	ids, err := f.Ints("ids")
	require.NoError(t, err)
	assert.Equal(t, []int64{49406, -1, math.MaxInt64, math.MinInt64}, ids)
	shape, dtype, _ := f.Shape("one")
	assert.Empty(t, shape)
	assert.Equal(t, "I64", dtype)
	assert.Equal(t, map[string]string{"format": "pt"}, f.Metadata())
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no temporary file stays")

	var a, b bytes.Buffer
	require.NoError(t, weights.Encode(&a, arrays, nil))
	require.NoError(t, weights.Encode(&b, arrays, nil))
	assert.Equal(t, a.Bytes(), b.Bytes(), "the same bytes every time")
}

func TestWriteNothing(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, weights.Encode(&b, nil, nil))
	d := openFolder(t, fstest.MapFS{"m.safetensors": {Data: b.Bytes()}}, ".", "m")
	assert.Empty(t, d.Names())
}

func TestWriteErrors(t *testing.T) {
	dir := t.TempDir()
	ok := map[string]weights.Array{"a": weights.Ints([]int64{1}, 1)}
	for path, want := range map[string]string{
		filepath.Join(dir, "no", "out"): "no such file or directory",
		dir:                             "cannot be written",
	} {
		err := weights.Write(path, ok, nil)
		require.ErrorContains(t, err, want)
		oneLine(t, err)
	}
	path := filepath.Join(dir, "out")
	for name, arrays := range map[string]map[string]weights.Array{
		"shape":    {"a": weights.Ints([]int64{1, 2, 3}, 2)},
		"negative": {"a": weights.Ints([]int64{1, 2}, -1, -2)},
		"name":     {"__metadata__": weights.Ints([]int64{1}, 1)},
		"utf8":     {"\xff": weights.Ints([]int64{1}, 1)},
		"zero":     {"a": {}},
	} {
		err := weights.Write(path, arrays, nil)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "\n")
		assert.NoFileExists(t, path)
	}
}

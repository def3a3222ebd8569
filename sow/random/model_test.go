package random

import (
	"io"
	"math"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// TestSizes: as many parameters as Stable Diffusion has.
func TestSizes(t *testing.T) {
	for name, want := range map[string]map[string]int64{
		"sd15": {"text_encoder": 123_060_480, "unet": 859_520_964, "vae": 83_653_863},
		"sd21": {"text_encoder": 340_387_840, "unet": 865_910_724, "vae": 83_653_863},
	} {
		fsys, err := Model(name, 1)
		require.NoError(t, err)
		for dir, parameters := range want {
			base := "diffusion_pytorch_model"
			if dir == "text_encoder" {
				base = "model"
			}
			src, err := weights.OpenFolder(fsys, dir, base)
			require.NoError(t, err)
			info := src.Info()
			assert.Equal(t, parameters, info[0].Parameters, "%s %s", name, dir)
			assert.Equal(t, map[string]int64{"F16": parameters}, info[0].DTypes)
			assert.Empty(t, info[0].Problems)
		}
		tokenizer, err := clip.LoadTokenizer(fsys, "tokenizer")
		require.NoError(t, err)
		assert.Equal(t, 49408, tokenizer.Size())
	}
	_, err := Model("sd3", 1)
	assert.EqualError(t, err, `random: model "sd3": want sd15 or sd21`)
}

func read(t *testing.T, seed uint64, name string) []float32 {
	t.Helper()
	fsys, err := Model("sd21", seed)
	require.NoError(t, err)
	src, err := weights.OpenFolder(fsys, "unet", "diffusion_pytorch_model")
	require.NoError(t, err)
	x, err := src.Tensor(name)
	require.NoError(t, err)
	return tensor.Floats(x)
}

// TestDistribution: weights are uniform within 1/√fan-in, norms 1 and biases 0.
func TestDistribution(t *testing.T) {
	const name = "down_blocks.0.resnets.0.conv1.weight"
	x := read(t, 1, name)
	bound := 1 / math.Sqrt(9*320)
	var sum, squares, largest float64
	for _, v := range x {
		sum, squares, largest = sum+float64(v), squares+float64(v)*float64(v), max(largest, math.Abs(float64(v)))
	}
	n := float64(len(x))
	assert.InDelta(t, 0, sum/n, 4*bound/math.Sqrt(3*n))
	assert.InDelta(t, bound/math.Sqrt(3), math.Sqrt(squares/n), 0.01*bound)
	assert.InDelta(t, bound, largest, 0.001*bound)
	assert.Equal(t, x, read(t, 1, name))
	assert.NotEqual(t, x, read(t, 2, name))
	assert.NotEqual(t, x[:320], read(t, 1, "down_blocks.0.resnets.0.conv2.weight")[:320])

	for _, v := range read(t, 1, "down_blocks.0.resnets.0.norm1.weight") {
		assert.Equal(t, float32(1), v)
	}
	for _, v := range read(t, 1, "down_blocks.0.resnets.0.norm1.bias") {
		assert.Zero(t, v)
	}
}

// TestReadAt: the bytes do not depend on how they are read.
func TestReadAt(t *testing.T) {
	c, err := newCheckpoint([]string{"a.weight [70 100]", "norm.weight [33]", "b.weight [3 5 1 1]", "b.bias [3]"}, 9)
	require.NoError(t, err)
	whole := make([]byte, c.size)
	n, err := c.ReadAt(whole, 0)
	require.NoError(t, err)
	require.Equal(t, len(whole), n)
	for _, step := range []int{1, 7, 4099} {
		for at := 0; at < len(whole); at += step {
			part := make([]byte, min(step, len(whole)-at))
			_, err := c.ReadAt(part, int64(at))
			require.NoError(t, err)
			require.Equal(t, whole[at:at+len(part)], part, "at %d", at)
		}
	}
	n, err = c.ReadAt(make([]byte, 10), c.size-4)
	assert.Equal(t, 4, n)
	assert.Equal(t, io.EOF, err)

	_, err = newCheckpoint([]string{"a"}, 9)
	assert.Error(t, err)
}

func TestFolder(t *testing.T) {
	fsys, err := Model("sd15", 1)
	require.NoError(t, err)
	for name, dir := range map[string]bool{".": true, "unet": true, "unet/config.json": false} {
		f, err := fsys.Open(name)
		require.NoError(t, err)
		info, err := f.Stat()
		require.NoError(t, err)
		assert.Equal(t, dir, info.IsDir())
		assert.Equal(t, path.Base(name), info.Name())
		_, err = f.Read(make([]byte, 1))
		assert.Equal(t, dir, err != nil)
		require.NoError(t, f.Close())
	}
	_, err = fsys.Open("sow.json")
	assert.ErrorContains(t, err, "sow.json: file does not exist")
}

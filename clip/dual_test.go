package clip

import (
	"context"
	"fmt"
	"math"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// duals are testdata/dual and dual-*.safetensors, made by testdata/gen_dual_golden.py.
var duals = []string{"quick", "gelu"}

func openDual(t *testing.T, kind string) (*Dual, *Tokenizer, weights.Source) {
	t.Helper()
	fsys := os.DirFS("testdata/dual/" + kind)
	cfg, err := ReadDualConfig(fsys, "config.json")
	require.NoError(t, err)
	src, err := weights.OpenFolder(fsys, ".", "model")
	require.NoError(t, err)
	defer src.Close()
	d, err := LoadDual(cfg, weights.On(tensortest.Device(t), src))
	require.NoError(t, err)
	tokenizer, err := LoadTokenizer(fsys, ".")
	require.NoError(t, err)
	golden, err := weights.OpenFile("testdata/dual-" + kind + ".safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { golden.Close() })
	return d, tokenizer, golden
}

func read(t *testing.T, src weights.Source, name string) *tensor.Tensor {
	t.Helper()
	x, err := src.Tensor(name)
	require.NoError(t, err)
	return x
}

// TestDualAgreesWithTransformers holds both encoders, stage by stage and end to end, to twice what PyTorch's own float32 loses against float64.
func TestDualAgreesWithTransformers(t *testing.T) {
	ctx := context.Background()
	for _, kind := range duals {
		t.Run(kind, func(t *testing.T) {
			d, tokenizer, golden := openDual(t, kind)
			agrees := func(stage string, got *tensor.Tensor) {
				t.Helper()
				closer(t, stage, got, read(t, golden, stage), read(t, golden, stage+"64"), 0)
			}
			device := tensor.Device(d.vision.classEmbedding)
			pixels := func(n int) *tensor.Tensor {
				return tensor.ToChannelsLast(read(t, golden, fmt.Sprintf("pixel_values/%d", n)))
			}

			arena := tensor.NewArena(device)
			x := d.vision.embed(arena.Enter(tensor.To(device, pixels(0))))
			agrees("image/embeddings", x)
			x = d.vision.preLayerNorm.Forward(x)
			agrees("image/pre", x)
			for i, l := range d.vision.encoder.layers {
				x = l.forward(x, false)
				agrees(fmt.Sprintf("image/layers.%d", i), x)
			}
			pooled, err := d.vision.pool(ctx, arena.Enter(tensor.To(device, pixels(0))))
			require.NoError(t, err)
			agrees("image/pooled", pooled)
			embeds, err := d.EmbedImage(ctx, pixels(0))
			require.NoError(t, err)
			agrees("image/embeds", embeds)

			ids, _ := tokenizer.Encode("a girl with a red hat in a snowy forest", 77)
			want, err := golden.(*weights.File).Ints("text/input_ids")
			require.NoError(t, err)
			for i := range ids {
				require.EqualValues(t, want[i], ids[i], "token %d", i)
			}
			x = d.text.embed(arena, ids)
			agrees("text/embeddings", x)
			for i, l := range d.text.encoder.layers {
				x = l.forward(x, true)
				agrees(fmt.Sprintf("text/layers.%d", i), x)
			}
			arena.Close()
			hidden, err := d.text.Encode(ctx, ids)
			require.NoError(t, err)
			agrees("text/last_hidden_state", hidden)
			trimmed := tokenizer.Trim(ids)
			require.Less(t, len(trimmed), 77)
			require.Equal(t, trimmed, tokenizer.Trim(trimmed))
			hidden, err = d.text.Encode(ctx, trimmed)
			require.NoError(t, err)
			agrees("text/pooled", tensor.Reshape(tensor.Slice(hidden, 1, len(trimmed)-1, len(trimmed)), 1, -1))
			text, err := d.EmbedText(ctx, trimmed)
			require.NoError(t, err)
			agrees("text/embeds", text)

			cosines := make([]float32, 5)
			for n := range cosines {
				image, err := d.EmbedImage(ctx, pixels(n))
				require.NoError(t, err)
				cosines[n] = float32(Cosine(image, text))
			}
			closer(t, "cosine", tensor.FromSlice(cosines, len(cosines)), read(t, golden, "cosine"), read(t, golden, "cosine64"), 1)

			both, err := d.EmbedImage(ctx, tensor.Concat(0, pixels(1), pixels(0))) // the same in company
			require.NoError(t, err)
			agrees("image/embeds", tensor.Slice(both, 0, 1, 2))
		})
	}
}

// closer fails unless got is as near to the float64 truth as twice PyTorch's float32 answer is, or as four roundings of the largest value, which
// counts as at least largest: a cosine is the sum of what in all may be 1.
func closer(t *testing.T, stage string, got, torch, truth *tensor.Tensor, largest float64) {
	t.Helper()
	g, y, y64 := tensor.Floats(got), tensor.Floats(torch), tensor.Floats(truth)
	require.Equal(t, []int(truth.Shape()), []int(got.Shape()), stage)
	loss, off := 0.0, 0.0
	for i := range y {
		loss = max(loss, math.Abs(float64(y[i])-float64(y64[i])))
		largest = max(largest, math.Abs(float64(y64[i])))
		off = max(off, math.Abs(float64(g[i])-float64(y64[i]))) // of NaN and a number max is NaN
	}
	const eps = 1.0 / (1 << 23)
	t.Logf("%s: off by %.2g, PyTorch by %.2g, the largest is %.2g", stage, off, loss, largest)
	if bound := max(2*loss, 4*eps*largest); !(off <= bound) {
		t.Errorf("%s: off by %.3g, want at most %.3g", stage, off, bound)
	}
}

func TestDualRefuses(t *testing.T) {
	ctx := context.Background()
	d, _, _ := openDual(t, "gelu")
	_, err := d.EmbedImage(ctx, tensor.New(1, 32, 30, 3))
	require.ErrorContains(t, err, "pixels [1 32 30 3], want [n, 30, 30, 3]")
	_, err = d.EmbedText(ctx, make([]int32, 78))
	require.ErrorContains(t, err, "78 tokens")
	_, err = d.EmbedText(ctx, []int32{1 << 20})
	require.Error(t, err)
	stopped, stop := context.WithCancel(ctx)
	stop()
	_, err = d.EmbedImage(stopped, tensor.New(1, 30, 30, 3))
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, math.IsNaN(Cosine(tensor.New(1, 3), tensor.FromSlice([]float32{1, 2, 3}, 1, 3))))

	// Weights of another config.
	fsys := os.DirFS("testdata/dual/gelu")
	src, err := weights.OpenFolder(fsys, ".", "model")
	require.NoError(t, err)
	defer src.Close()
	for want, change := range map[string]func(*DualConfig){
		"visual_projection.weight is [13 33], want [14 33]":       func(c *DualConfig) { c.ProjectionDim = 14 },
		"missing (vision_model.encoder.layers.2.":                 func(c *DualConfig) { c.Vision.NumHiddenLayers++ },
		"unused (vision_model.encoder.layers.1.":                  func(c *DualConfig) { c.Vision.NumHiddenLayers-- },
		"position_embedding.weight is [17 33], want [37 33]":      func(c *DualConfig) { c.Vision.PatchSize = 5 },
		`"vision_config": "patch_size": 31 is out of range, want`: func(c *DualConfig) { c.Vision.PatchSize = 31 },
	} {
		cfg := d.Config
		change(&cfg)
		_, err := LoadDual(cfg, src)
		require.ErrorContains(t, err, want)
	}
}

func TestReadDualConfig(t *testing.T) {
	read := func(text string) (DualConfig, error) {
		return ReadDualConfig(fstest.MapFS{"config.json": {Data: []byte(text)}}, "config.json")
	}
	cfg, err := read(`{"text_config": {}, "vision_config": {"patch_size": 16}}`)
	require.NoError(t, err)
	require.Equal(t, DefaultConfig(), cfg.Text)
	require.Equal(t, []int{512, 16, 196}, []int{cfg.ProjectionDim, cfg.Vision.PatchSize, cfg.Vision.patches()})
	cfg, err = read(`{"text_config": {"hidden_size": 16}, "text_config_dict": {"num_hidden_layers": 3}, "vision_config_dict": null, "vision_config": {}}`)
	require.NoError(t, err)
	require.Equal(t, []int{512, 3}, []int{cfg.Text.HiddenSize, cfg.Text.NumHiddenLayers}, "the part under _dict is all that counts")

	for text, want := range map[string]string{
		`[]`:                        "config.json: want a JSON object",
		`{"model_type": "siglip"}`:  `"model_type": "siglip" is not supported, only "clip"`,
		`{"vocab_size": 49408}`:     `config.json: there is no "text_config": want the config of a CLIPModel`,
		`{"text_config": {}}`:       `there is no "vision_config"`,
		`{"projection_dim": "512"}`: `"projection_dim": want a whole number`,
		`{"text_config": {}, "vision_config": {"image_size": [224, 224]}}`:      `"vision_config": "image_size": want a whole number`,
		`{"text_config": {}, "vision_config": {"hidden_act": "relu"}}`:          `"vision_config": "hidden_act": "relu" is not supported, only gelu, quick_gelu`,
		`{"text_config": {"num_attention_heads": 7}, "vision_config": {}}`:      `"text_config": "num_attention_heads": 7 does not divide 512`,
		`{"text_config": {}, "vision_config": {"num_channels": 4}}`:             `"num_channels": 4 is out of range`,
		`{"text_config": {}, "vision_config": {"image_size": 16}}`:              `"patch_size": 32 is out of range, want 1 … 16`,
		`{"text_config": {}, "vision_config": {}, "projection_dim": 0}`:         `"projection_dim": 0 is out of range`,
		`{"text_config_dict": {"vocab_size": "a"}, "vision_config": {}}`:        `"text_config_dict": "vocab_size": want a whole number`,
		`{"text_config": {}, "vision_config": {"num_hidden_layers": 10000000}}`: `"num_hidden_layers": 10000000 is out of range`,
	} {
		_, err := read(text)
		require.ErrorContains(t, err, want, text)
	}
	_, err = ReadDualConfig(fstest.MapFS{}, "clip_model/config.json")
	require.ErrorContains(t, err, "clip_model/config.json: no such file")
}

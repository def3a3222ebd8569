package vae

import (
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// testdata/models and golden-*.safetensors of package sow, made by sow/testdata/gen_golden.py.
const data = "../sow/testdata/"

// All tests run in poisoned memory: what reads it before it is written, or after it was given back, gives NaN.
func init() { tensor.PoisonArenas(true) }

func load(t *testing.T, kind string) (*Model, weights.Source) {
	t.Helper()
	fsys := os.DirFS(data + "models/" + kind)
	cfg, err := ReadConfig(fsys, "vae/config.json")
	require.NoError(t, err)
	src, err := weights.OpenFolder(fsys, "vae", "diffusion_pytorch_model")
	require.NoError(t, err)
	defer src.Close()
	m, err := Load(cfg, weights.On(tensortest.Device(t), src))
	require.NoError(t, err)
	golden, err := weights.OpenFile(data + "golden-" + kind + ".safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { golden.Close() })
	return m, golden
}

func read(t *testing.T, src weights.Source, name string) *tensor.Tensor {
	t.Helper()
	x, err := src.Tensor(name)
	require.NoError(t, err)
	return x
}

// TestAgreesWithDiffusers holds both halves to 1e-4 of the output's standard deviation; sd15 is stored under the old attention names.
func TestAgreesWithDiffusers(t *testing.T) {
	for _, kind := range []string{"sd15", "sd21", "vpred"} {
		t.Run(kind, func(t *testing.T) {
			m, golden := load(t, kind)
			mean, logvar, err := m.Encode(context.Background(), tensor.ToChannelsLast(read(t, golden, "vae_encoder/image")))
			require.NoError(t, err)
			tensortest.CloseToStd(t, tensor.ToChannelsFirst(mean), read(t, golden, "vae_encoder/mean"), 1e-4)
			tensortest.CloseToStd(t, tensor.ToChannelsFirst(logvar), read(t, golden, "vae_encoder/logvar"), 1e-4)

			image, err := m.Decode(context.Background(), tensor.ToChannelsLast(read(t, golden, "vae_decoder/latents")))
			require.NoError(t, err)
			tensortest.CloseToStd(t, tensor.ToChannelsFirst(image), read(t, golden, "vae_decoder/image"), 1e-4)
		})
	}
}

func TestSampleIsMeanAndNoise(t *testing.T) {
	mean := tensor.FromSlice([]float32{1, 2}, 1, 1, 1, 2)
	logvar := tensor.FromSlice([]float32{0, 2}, 1, 1, 1, 2)
	noise := tensor.FromSlice([]float32{0.5, -1}, 1, 1, 1, 2)
	got := tensor.Floats(Sample(mean, logvar, noise))
	require.InDelta(t, 1.5, got[0], 1e-6)
	require.InDelta(t, 2-2.7182818, got[1], 1e-6)
}

func TestRefuses(t *testing.T) {
	m, _ := load(t, "sd21")
	_, _, err := m.Encode(context.Background(), tensor.New(1, 60, 64, 3))
	require.ErrorContains(t, err, "multiples of 8")
	_, err = m.Decode(context.Background(), tensor.New(1, 8, 8, 3))
	require.ErrorContains(t, err, "[n, h, w, 4]")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err = m.Encode(ctx, tensor.New(1, 64, 64, 3))
	require.ErrorIs(t, err, context.Canceled)
	_, err = m.Decode(ctx, tensor.New(1, 8, 8, 4))
	require.ErrorIs(t, err, context.Canceled)
	for want, change := range map[string]func(*Config){
		"latent_channels":    func(c *Config) { c.LatentChannels = 0 },
		"scaling_factor":     func(c *Config) { c.ScalingFactor = 0 },
		"down_block_types":   func(c *Config) { c.DownBlockTypes = []string{"AttnDownEncoderBlock2D"} },
		"block_out_channels": func(c *Config) { c.BlockOutChannels = []int{1 << 20} },
		"norm_num_groups":    func(c *Config) { c.NormNumGroups = 3 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		require.ErrorContains(t, cfg.Validate(), want)
	}
}

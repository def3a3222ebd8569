package sow

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
	"github.com/sowgen/sowgen/unet"
)

// holdToPyTorch holds what a precision made of a model to twice what PyTorch loses with all of it in 16 bits (testdata/precision.json, made by
// testdata/gen_precision_golden.py): the root of the mean square of the difference to float32 over its standard deviation.
func holdToPyTorch(t *testing.T, p tensor.Precision, kind, name string, got, want *tensor.Tensor) {
	t.Run(kind+"/"+name, func(t *testing.T) {
		data, err := os.ReadFile("testdata/precision.json")
		require.NoError(t, err)
		var torch map[string]map[string]map[string]float64
		require.NoError(t, json.Unmarshal(data, &torch))
		dtype := map[tensor.Precision]string{tensor.Mixed: "bfloat16", tensor.F16: "float16"}[p]
		bound, ok := torch[dtype][kind][name]
		require.True(t, ok)
		loss := lossOf(tensor.Floats(got), tensor.Floats(want))
		t.Logf("loses %.2g, PyTorch's %s %.2g", loss, dtype, bound)
		if !(loss <= 2*bound) {
			t.Errorf("want at most twice PyTorch's")
		}
	})
}

// TestMixedLosesLessThanPyTorch is about the networks of the tiny models.
func TestMixedLosesLessThanPyTorch(t *testing.T) { networksLoseLess(t, tensor.Mixed) }

// TestMixedPictureLosesLessThanPyTorch is about a picture of the built-in model.
func TestMixedPictureLosesLessThanPyTorch(t *testing.T) { pictureLosesLess(t, tensor.Mixed) }

func networksLoseLess(t *testing.T, precision tensor.Precision) {
	engine, ctx := On(tensortest.DeviceIn(t, precision)), context.Background()
	for _, kind := range kinds {
		if testing.Short() && kind != "sd21" {
			continue
		}
		p, err := Open("testdata/models/"+kind, engine)
		require.NoError(t, err)
		network, err := p.unet.get()
		require.NoError(t, err)
		for _, name := range []string{"unet", "unet_odd"} {
			got, err := network.Forward(ctx, unet.Input{
				Sample: tensor.ToChannelsLast(golden(t, kind, name+"/sample")), Timestep: 501, Context: golden(t, kind, name+"/encoder_hidden_states"),
			})
			require.NoError(t, err)
			holdToPyTorch(t, precision, kind, name, tensor.ToChannelsFirst(got), golden(t, kind, name+"/out"))
		}
		autoencoder, err := p.vae.get()
		require.NoError(t, err)
		mean, _, err := autoencoder.Encode(ctx, tensor.ToChannelsLast(golden(t, kind, "vae_encoder/image")))
		require.NoError(t, err)
		holdToPyTorch(t, precision, kind, "vae_encoder", tensor.ToChannelsFirst(mean), golden(t, kind, "vae_encoder/mean"))
		picture, err := autoencoder.Decode(ctx, tensor.ToChannelsLast(golden(t, kind, "vae_decoder/latents")))
		require.NoError(t, err)
		holdToPyTorch(t, precision, kind, "vae_decoder", tensor.ToChannelsFirst(picture), golden(t, kind, "vae_decoder/image"))
		text, err := p.text.get()
		require.NoError(t, err)
		hidden, err := text.Encode(ctx, goldenIDs(t, kind))
		require.NoError(t, err)
		holdToPyTorch(t, precision, kind, "text_encoder", hidden, golden(t, kind, "text_encoder/last_hidden_state"))
	}
}

func pictureLosesLess(t *testing.T, precision tensor.Precision) {
	ctx := context.Background()
	var results []*Result
	for _, options := range [][]Option{nil, {On(tensortest.DeviceIn(t, precision))}} {
		p, err := Open(Builtin, options...)
		require.NoError(t, err)
		params := p.Defaults
		params.Method, params.Steps, params.Guidance, params.Eta, params.Negative = Text, 10, 5, 0, ""
		r, err := p.Generate(ctx, Request{Prompt: prompt, Seed: 3, Params: &params})
		require.NoError(t, err)
		results = append(results, r)
	}
	holdToPyTorch(t, precision, "builtin", "latents", results[1].Latents, results[0].Latents)
	holdToPyTorch(t, precision, "builtin", "image", results[1].Decoded, results[0].Decoded)
	require.Equal(t, precision, results[1].Report.Precision)
}

func goldenIDs(t *testing.T, kind string) (ids []int32) {
	t.Helper()
	src, err := weights.OpenFile("testdata/golden-" + kind + ".safetensors")
	require.NoError(t, err)
	defer src.Close()
	whole, err := src.Ints("text_encoder/input_ids")
	require.NoError(t, err)
	for _, id := range whole {
		ids = append(ids, int32(id))
	}
	return ids
}

// lossOf is the root of the mean square of got - want over the standard deviation of want.
func lossOf(got, want []float32) float64 {
	var mean, squares, off float64
	for _, v := range want {
		mean += float64(v) / float64(len(want))
	}
	for i, v := range want {
		squares += (float64(v) - mean) * (float64(v) - mean)
		off += (float64(got[i]) - float64(v)) * (float64(got[i]) - float64(v))
	}
	return math.Sqrt(off / squares)
}

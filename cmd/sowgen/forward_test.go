package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// write makes a safetensors file.
func write(t testing.TB, name string, arrays map[string]weights.Array) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, weights.Encode(&b, arrays, nil))
	require.NoError(t, os.WriteFile(name, b.Bytes(), 0o644))
}

// TestForwardIsDiffusers holds every component of every tiny model to 1e-4 of its output's standard deviation.
func TestForwardIsDiffusers(t *testing.T) {
	workIn(t)
	for _, kind := range kinds {
		golden := testdata(t, "golden-"+kind+".safetensors")
		for _, c := range []struct {
			name, component string
			in              []string
			out             map[string]string // ours: the golden's
		}{
			{"unet", "unet", []string{"sample", "timestep", "encoder_hidden_states"}, map[string]string{"sample": "out"}},
			{"unet_odd", "unet", []string{"sample", "timestep", "encoder_hidden_states"}, map[string]string{"sample": "out"}},
			{"vae_encoder", "vae_encoder", []string{"image"}, map[string]string{"mean": "mean", "logvar": "logvar"}},
			{"vae_decoder", "vae_decoder", []string{"latents"}, map[string]string{"image": "image"}},
			{"text_encoder", "text_encoder", []string{"input_ids"}, map[string]string{"last_hidden_state": "last_hidden_state"}},
		} {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				in := map[string]weights.Array{}
				for _, name := range c.in {
					if name == "input_ids" {
						in[name] = weights.Ints(readInts(t, golden, c.name+"/"+name), 1, 77)
					} else {
						in[name] = weights.Floats(readTensor(t, golden, c.name+"/"+name))
					}
				}
				write(t, "in.safetensors", in)
				o := must(t, "forward", "--model", testdata(t, "models/"+kind), "--component", c.component, "--input", "in.safetensors",
					"--output", "out.safetensors", "--force")
				assert.Empty(t, o.stdout+o.stderr)
				for ours, theirs := range c.out {
					tensortest.CloseToStd(t, readTensor(t, "out.safetensors", ours), readTensor(t, golden, c.name+"/"+theirs), 1e-4)
				}
			})
		}
	}
}

func readInts(t testing.TB, file, name string) []int64 {
	t.Helper()
	f, err := weights.OpenFile(file)
	require.NoError(t, err)
	defer f.Close()
	x, err := f.Ints(name)
	require.NoError(t, err)
	return x
}

// TestForwardForms: a timestep may be a scalar, whole, or one for each; several prompts go through at once; I32 is read as I64 is.
func TestForwardForms(t *testing.T) {
	workIn(t)
	golden := testdata(t, "golden-sd21.safetensors")
	sample, hidden := readTensor(t, golden, "unet/sample"), readTensor(t, golden, "unet/encoder_hidden_states")
	forward := func(component string, in map[string]weights.Array, out string) *tensor.Tensor {
		write(t, "in.safetensors", in)
		must(t, "forward", "--model", testdata(t, "models/sd21"), "--component", component, "--input", "in.safetensors", "--output", "out.safetensors", "--force")
		return readTensor(t, "out.safetensors", out)
	}
	unet := func(timestep weights.Array) *tensor.Tensor {
		return forward("unet", map[string]weights.Array{"sample": weights.Floats(sample), "encoder_hidden_states": weights.Floats(hidden), "timestep": timestep}, "sample")
	}
	want := readTensor(t, golden, "unet/out")
	tensortest.CloseToStd(t, unet(weights.Ints([]int64{501})), want, 1e-4)
	tensortest.CloseToStd(t, unet(weights.Ints([]int64{501, 501}, 2)), want, 1e-4)
	mixed := unet(weights.Ints([]int64{501, 1}, 2))
	tensortest.CloseToStd(t, tensor.Slice(mixed, 0, 0, 1), tensor.Slice(want, 0, 0, 1), 1e-4)
	other := unet(weights.Ints([]int64{1}, 1))
	assert.Equal(t, tensor.Floats(tensor.Slice(other, 0, 1, 2)), tensor.Floats(tensor.Slice(mixed, 0, 1, 2)))

	ids := readInts(t, golden, "text_encoder/input_ids")
	one := forward("text_encoder", map[string]weights.Array{"input_ids": weights.Ints(ids, 77)}, "last_hidden_state")
	assert.Equal(t, tensor.Shape{1, 77, 32}, one.Shape())
	two := forward("text_encoder", map[string]weights.Array{"input_ids": weights.Ints(append(make([]int64, 77), ids...), 2, 77)}, "last_hidden_state")
	assert.Equal(t, tensor.Floats(one), tensor.Floats(tensor.Slice(two, 0, 1, 2)))

	// The golden itself has I32.
	f, err := weights.OpenFile(golden)
	require.NoError(t, err)
	defer f.Close()
	_, dtype, _ := f.Shape("text_encoder/input_ids")
	assert.Equal(t, "I32", dtype)
}

func TestForwardRefuses(t *testing.T) {
	workIn(t)
	floats := func(shape ...int) weights.Array { return weights.Floats(tensor.New(shape...)) }
	type arrays = map[string]weights.Array
	unet := func(name string, a weights.Array) arrays {
		in := arrays{"sample": floats(1, 4, 8, 8), "timestep": floats(1), "encoder_hidden_states": floats(1, 77, 32)}
		in[name] = a
		return in
	}
	nan := tensor.Full(1, 1, 4, 8, 8)
	tensor.Floats(nan)[7] = float32(nanValue())
	for _, c := range []struct {
		name, component string
		in              arrays
		want            []string
	}{
		{"nothing there", "unet", arrays{"x": floats(1)}, []string{"in.safetensors", "sample"}},
		{"no timestep", "unet", arrays{"sample": floats(1, 4, 8, 8), "encoder_hidden_states": floats(1, 77, 32)}, []string{"timestep"}},
		{"sample of another rank", "unet", unet("sample", floats(4, 8, 8)), []string{"sample", "want [n, c, h, w]"}},
		{"sample of other channels", "unet", unet("sample", floats(1, 5, 8, 8)), []string{"5", "4"}},
		{"sample is NaN", "unet", unet("sample", weights.Floats(nan)), []string{"sample", "NaN"}},
		{"whole sample", "unet", unet("sample", weights.Ints(make([]int64, 256), 1, 4, 8, 8)), []string{"sample", "I64"}},
		{"context of other width", "unet", unet("encoder_hidden_states", floats(1, 77, 16)), []string{"16", "32"}},
		{"context of other rank", "unet", unet("encoder_hidden_states", floats(77, 32)), []string{"encoder_hidden_states", "want [1, tokens, d]"}},
		{"more contexts", "unet", unet("encoder_hidden_states", floats(2, 77, 32)), []string{"encoder_hidden_states"}},
		{"timestep of another count", "unet", unet("timestep", floats(3)), []string{"timestep", "[3]"}},
		{"timestep of another rank", "unet", unet("timestep", floats(1, 1)), []string{"timestep", "[1 1]"}},
		{"negative timestep", "unet", unet("timestep", weights.Floats(tensor.Full(-1, 1))), []string{"timestep", "-1"}},
		{"absurd timestep", "unet", unet("timestep", weights.Ints([]int64{1 << 62}, 1)), []string{"timestep", "4.6"}},
		{"token out of range", "text_encoder", arrays{"input_ids": weights.Ints([]int64{0, 99999}, 1, 2)}, []string{"input_ids", "99999"}},
		{"negative token", "text_encoder", arrays{"input_ids": weights.Ints([]int64{-1}, 1, 1)}, []string{"input_ids", "-1"}},
		{"too many tokens", "text_encoder", arrays{"input_ids": weights.Ints(make([]int64, 78), 1, 78)}, []string{"78", "77"}},
		{"no tokens", "text_encoder", arrays{"input_ids": weights.Ints(nil, 1, 0)}, []string{"input_ids", "[1 0]"}},
		{"tokens of another rank", "text_encoder", arrays{"input_ids": weights.Ints([]int64{1}, 1, 1, 1)}, []string{"input_ids", "[1 1 1]"}},
		{"tokens with a point", "text_encoder", arrays{"input_ids": floats(1, 77)}, []string{"input_ids", "F32"}},
		{"odd picture", "vae_encoder", arrays{"image": floats(1, 3, 60, 64)}, []string{"60", "8"}},
		{"grey picture", "vae_encoder", arrays{"image": floats(1, 1, 64, 64)}, []string{"3"}},
		{"latents of other channels", "vae_decoder", arrays{"latents": floats(1, 3, 8, 8)}, []string{"latents", "4"}},
		{"latents of nothing", "vae_decoder", arrays{"latents": weights.Floats(tensor.New(1))}, []string{"latents", "want [n, c, h, w]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, "in.safetensors", c.in)
			sowgen(t, "forward", "--model", testdata(t, "models/sd21"), "--component", c.component, "--input", "in.safetensors", "--output", "out.safetensors").
				refuses(t, exitFailed, []string{"in.safetensors"}, c.want...)
		})
	}

	write(t, "in.safetensors", unet("sample", floats(1, 4, 8, 8)))
	files := list(t, ".")
	for _, c := range []struct {
		name                 string
		model, input, output string
		want                 string
	}{
		{"no model", "nowhere", "in.safetensors", "out.safetensors", "nowhere"},
		{"model is a file", "in.safetensors", "in.safetensors", "out.safetensors", "not a file"},
		{"model is empty", ".", "in.safetensors", "out.safetensors", "unet/config.json"},
		{"no input", testdata(t, "models/sd21"), "nowhere", "out.safetensors", "nowhere"},
		{"input is no such file", testdata(t, "models/sd21"), testdata(t, "condition.png"), "out.safetensors", "condition.png"},
		{"output is there", testdata(t, "models/sd21"), "in.safetensors", "in.safetensors", "--force"},
		{"output has no folder", testdata(t, "models/sd21"), "in.safetensors", "no/out.safetensors", "no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sowgen(t, "forward", "--model", c.model, "--component", "unet", "--input", c.input, "--output", c.output).refuses(t, exitFailed, files, c.want)
		})
	}
	sowgen(t, "forward", "--component", "unet", "--input", "in.safetensors", "--output", "o", "--threads", "-1").refuses(t, exitUsage, files, "--threads -1")
}

//go:build cuda

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// TestDeviceMakesTheSamePicture: where the networks run does not change the picture beyond rounding.
func TestDeviceMakesTheSamePicture(t *testing.T) {
	workIn(t)
	small := []string{"--method", "text", "--steps", "2", "--size", "64x64"}
	args := append([]string{"generate", "--model", testdata(t, "models/sd21"), "--prompt", prompt, "--seed", "7"}, small...)
	must(t, append(args, "-o", "cpu.png", "--save-latents", "cpu.safetensors")...)
	must(t, append(args, "-o", "cuda.png", "--save-latents", "cuda.safetensors", "--device", "cuda")...)
	tensortest.CloseToStd(t, readTensor(t, "cuda.safetensors", "latents"), readTensor(t, "cpu.safetensors", "latents"), 1e-4)
}

// TestDeviceMakesTheSameMixedPicture: in mixed precision a GPU is as near to the picture in float32 as the processor is, or twice as far at most. They
// round the same numbers, but not the same probabilities.
func TestDeviceMakesTheSameMixedPicture(t *testing.T) {
	workIn(t)
	args := []string{"generate", "--model", testdata(t, "models/sd21"), "--prompt", prompt, "--seed", "7", "--method", "text", "--steps", "2", "--size", "64x64"}
	distance := map[string]float64{}
	must(t, append(args, "-o", "exact.png", "--save-latents", "exact.safetensors")...)
	exact := tensor.Floats(readTensor(t, "exact.safetensors", "latents"))
	for _, device := range []string{"cpu", "cuda"} {
		must(t, append(args, "-o", device+".png", "--save-latents", device+".safetensors", "--device", device, "--precision", "mixed")...)
		for i, v := range tensor.Floats(readTensor(t, device+".safetensors", "latents")) {
			distance[device] += float64((v - exact[i]) * (v - exact[i]))
		}
	}
	require.Positive(t, distance["cpu"])
	require.LessOrEqual(t, distance["cuda"], 4*distance["cpu"]) // they are squares
}

func TestDeviceRefuses(t *testing.T) {
	workIn(t)
	sowgen(t, quick(t, "-o", "out.png", "--device", "cuda:7")...).refuses(t, exitFailed, nil, "there is no such GPU: number 7 of 1")
	t.Setenv("SOWGEN_EMULATOR_MEMORY", "100000")
	o := sowgen(t, quick(t, "-o", "out.png", "--device", "cuda")...)
	require.NotZero(t, o.code)
	require.Contains(t, o.stderr, "the GPU is out of memory")
}

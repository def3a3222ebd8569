//go:build cuda

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

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

func TestDeviceRefuses(t *testing.T) {
	workIn(t)
	sowgen(t, quick(t, "-o", "out.png", "--device", "cuda:7")...).refuses(t, exitFailed, nil, "there is no such GPU: number 7 of 1")
	t.Setenv("SOWGEN_EMULATOR_MEMORY", "100000")
	o := sowgen(t, quick(t, "-o", "out.png", "--device", "cuda")...)
	require.NotZero(t, o.code)
	require.Contains(t, o.stderr, "the GPU is out of memory")
}

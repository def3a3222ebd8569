//go:build cuda

package main

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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

// TestDeviceMakesTheSameMixedPicture: in mixed precision a GPU is as near to the picture in float32 as the processor is, or twice as far at most. It
// rounds in more convolutions, and not the same probabilities. With products of float16, which have three bits more, it is nearer.
func TestDeviceMakesTheSameMixedPicture(t *testing.T) {
	workIn(t)
	args := []string{"generate", "--model", testdata(t, "models/sd21"), "--prompt", prompt, "--seed", "7", "--method", "text", "--steps", "2", "--size", "64x64"}
	distance := map[string]float64{}
	must(t, append(args, "-o", "exact.png", "--save-latents", "exact.safetensors")...)
	exact := tensor.Floats(readTensor(t, "exact.safetensors", "latents"))
	for _, way := range [][2]string{{"cpu", "mixed"}, {"cuda", "mixed"}, {"cuda", "f16"}} {
		device, precision := way[0], way[1]
		name := device + " " + precision
		must(t, append(args, "-o", name+".png", "--save-latents", name+".safetensors", "--device", device, "--precision", precision)...)
		for i, v := range tensor.Floats(readTensor(t, name+".safetensors", "latents")) {
			distance[name] += float64((v - exact[i]) * (v - exact[i]))
		}
	}
	require.Positive(t, distance["cpu mixed"])
	require.LessOrEqual(t, distance["cuda mixed"], 4*distance["cpu mixed"]) // they are squares
	require.Less(t, distance["cuda f16"], distance["cpu mixed"])
}

// TestDeviceIsMeasured: a kernel and a network against the roofline of what they launch; and the same as JSON, with the names of the processor's.
func TestDeviceIsMeasured(t *testing.T) {
	workIn(t)
	o := must(t, tinyBench(t, "peak-f32,gelu-77-4096,clip", "--device", "cuda")...)
	assert.Regexp(t, `^sowgen \S+, model \S+sd21, precision f32, on emulated GPU: 2 multiprocessors, at most 0.000256 TFLOP a second in that precision and 1.6e-05 TB; the budget is 60 % of the roofline\n`, o.stdout)
	assert.Regexp(t, `(?m)^ *gelu-77-4096( +[\d.e+-]+){3} +1 +157.7 +[\d.]+ +262.8 *$`, o.stdout) // 2 · 4 · 77 · 4096 bytes
	assert.NotContains(t, o.stdout, "peak")

	o = must(t, tinyBench(t, "gelu-77-4096,clip", "--device", "cuda", "--json")...)
	var all []measurement
	require.NoError(t, json.Unmarshal([]byte(o.stdout), &all))
	require.Len(t, all, 2)
	for _, m := range all {
		assert.InEpsilon(t, m.Roofline/0.6, m.Budget, 1e-9, m.Name)
		took := map[string]float64{"gelu-77-4096": m.Device, "clip": m.Wall}[m.Name]
		assert.InEpsilon(t, 100*m.Roofline/took, m.Reached, 1e-9, m.Name)
		assert.InEpsilon(t, 100*m.GFLOP/took/0.256, m.Percent, 1e-9, m.Name)
		assert.Positive(t, m.Device, m.Name)
		assert.GreaterOrEqual(t, m.Wall, m.Device, m.Name)
	}
	assert.Greater(t, all[1].Launches, 10)
}

// TestDeviceIsMeasuredKernelByKernel: all launches of a network are in its table.
func TestDeviceIsMeasuredKernelByKernel(t *testing.T) {
	workIn(t)
	o := must(t, tinyBench(t, "clip", "--device", "cuda", "--kernels")...)
	network, kernels, found := strings.Cut(o.stdout, "kernels of clip, each by itself\n")
	require.True(t, found, o.stdout)
	want := regexp.MustCompile(`clip +[\d.e+-]+ +[\d.e+-]+ +[\d.e+-]+ +(\d+) `).FindStringSubmatch(network)
	require.NotNil(t, want, network)
	launches := 0
	for _, row := range regexp.MustCompile(`(?m)^ *\w+ +\d+×\d+×\d+ +(\d+) `).FindAllStringSubmatch(kernels, -1) {
		n, err := strconv.Atoi(row[1])
		require.NoError(t, err)
		launches += n
	}
	require.Equal(t, want[1], strconv.Itoa(launches), o.stdout)
	sowgen(t, tinyBench(t, "clip", "--kernels")...).refuses(t, exitUsage, nil, "want --device cuda")
}

func TestDeviceRefuses(t *testing.T) {
	workIn(t)
	sowgen(t, quick(t, "-o", "out.png", "--device", "cuda:7")...).refuses(t, exitFailed, nil, "there is no such GPU: number 7 of 1")
	t.Setenv("SOWGEN_EMULATOR_MEMORY", "100000")
	o := sowgen(t, quick(t, "-o", "out.png", "--device", "cuda")...)
	require.NotZero(t, o.code)
	require.Contains(t, o.stderr, "the GPU is out of memory")
}

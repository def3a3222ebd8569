package sow

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

const prompt = "a girl with a red hat in a snowy forest"

// kinds are the tiny models of testdata/models; testdata/gen_golden.py made them and what diffusers makes of them.
var kinds = []string{"sd15", "sd21", "vpred"}

func openTiny(t testing.TB, kind string) *Pipeline {
	t.Helper()
	p, err := Open("testdata/models/" + kind)
	require.NoError(t, err)
	return p
}

func golden(t *testing.T, kind, name string) *tensor.Tensor {
	t.Helper()
	src, err := weights.OpenFile("testdata/golden-" + kind + ".safetensors")
	require.NoError(t, err)
	defer src.Close()
	x, err := src.Tensor(name)
	require.NoError(t, err)
	return x
}

// TestTextToImageIsDiffusers holds ten steps from the same seed to 1e-3 of the latents' standard deviation.
func TestTextToImageIsDiffusers(t *testing.T) {
	for _, kind := range kinds {
		p := openTiny(t, kind)
		for _, c := range []struct {
			seed uint64
			eta  float64
		}{{3, 0}, {4, 1}} {
			t.Run(fmt.Sprintf("%s/eta%g", kind, c.eta), func(t *testing.T) {
				params := p.Defaults
				params.Method, params.Eta, params.Negative = Text, c.eta, "blurry"
				r, err := p.Generate(context.Background(), Request{Prompt: prompt, Seed: c.seed, Params: &params})
				require.NoError(t, err)
				tensortest.CloseToStd(t, tensor.ToChannelsFirst(r.Latents), golden(t, kind, fmt.Sprintf("text2img/%d/%g", c.seed, c.eta)), 1e-3)
			})
		}
	}
}

// TestCOWIsTheReference holds a whole COW run, both inversions, to 1e-2 of the latents' standard deviation after three cycles.
func TestCOWIsTheReference(t *testing.T) {
	condition, err := picture.Read("testdata/condition.png")
	require.NoError(t, err)
	for _, kind := range kinds {
		p := openTiny(t, kind)
		for _, levels := range []sampler.Levels{sampler.Aligned, sampler.Ref017} {
			t.Run(fmt.Sprintf("%s/%s", kind, levels), func(t *testing.T) {
				params := p.Defaults
				params.Method, params.Cycles, params.Inversion = COW, 3, levels
				r, err := p.Generate(context.Background(), Request{
					Prompt: prompt, Conditions: []Condition{{Picture: condition}}, Seed: 5, Params: &params,
				})
				require.NoError(t, err)
				tensortest.CloseToStd(t, tensor.ToChannelsFirst(r.Latents), golden(t, kind, fmt.Sprintf("cow/%s/latents", levels)), 1e-2)
				tensortest.CloseToStd(t, tensor.ToChannelsFirst(r.Decoded), golden(t, kind, fmt.Sprintf("cow/%s/image", levels)), 1e-2)
				// 10 for the canvas, 14 for the seed; 4 prompts at 2 nodes in 3 cycles; 10 in the final phase.
				require.Equal(t, map[Stage]int{StageInvert: 24, StageCycle: 24, StageFinal: 10}, r.Report.Evaluations)
			})
		}
	}
}

package experiment

import (
	"context"
	"fmt"
	"image"
	"math"
	"strconv"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/tensor"
)

var (
	tripLevels    = []sampler.Levels{sampler.Aligned, sampler.Ref017}
	tripGuidances = []float64{1, 7.5}
	tripSteps     = []int{10, 20, 50}
)

var invertRoundTrip = &Experiment{
	Name:    "invert-roundtrip",
	About:   "rms is the error of the latents when the canvas with a head on it is inverted to node .7 S and sampled back without fresh noise, by the case's text, on both inversions' noise levels.",
	Claim:   "On aligned levels the latents come back clearly better than on those of COW's published code (ref017).",
	factors: []string{"inversion", "steps"}, unit: "case",
	design: func(_ context.Context, lab *Lab) (all []treatment, err error) {
		cases, err := lab.cases(4, normal)
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			for _, levels := range tripLevels {
				for _, guidance := range tripGuidances {
					for _, steps := range tripSteps {
						all = append(all, treatment{
							arm: []string{tripArm(levels, guidance), strconv.Itoa(steps)}, unit: c.Name, from: c,
							make: func(ctx context.Context) (*image.NRGBA, eval.Figures, error) {
								return roundTrip(ctx, lab, c, levels, guidance, steps)
							},
						})
					}
				}
			}
		}
		return all, nil
	},
	judge: func(f *Findings) {
		for _, guidance := range tripGuidances {
			for _, steps := range tripSteps {
				s := strconv.Itoa(steps)
				aligned, published := tripArm(sampler.Aligned, guidance), tripArm(sampler.Ref017, guidance)
				gain := f.gain("rms", []string{published, s}, []string{aligned, s})
				f.check(gain.Low > 0, "S = %s: %s %s < %s %s, case by case %s", s,
					aligned, number(f.mean("rms", aligned, s).Mean), published, number(f.mean("rms", published, s).Mean), interval(gain))
			}
		}
		f.plot("rms", "steps", "inversion")
	},
}

func tripArm(levels sampler.Levels, guidance float64) string {
	return fmt.Sprintf("%s, guidance %g", levels, guidance)
}

// roundTrip returns the picture that comes back, and the root of the mean squared error of its latents.
func roundTrip(ctx context.Context, lab *Lab, c *eval.Case, levels sampler.Levels, guidance float64, steps int) (*image.NRGBA, eval.Figures, error) {
	given, err := lab.Pipeline.Lay(ctx, sow.Request{Prompt: c.Prompt, Conditions: []sow.Condition{{Picture: c.Picture, Mask: c.Mask}}})
	if err != nil {
		return nil, nil, err
	}
	d, err := lab.Pipeline.Diffusion(ctx, steps, levels, c.Prompt, guidance)
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	x, err := d.Encode(ctx, given.Canvas)
	if err != nil {
		return nil, nil, err
	}
	node := steps * 7 / 10
	nodes, err := d.Invert(ctx, x, node)
	if err != nil {
		return nil, nil, err
	}
	back, err := d.Sample(ctx, nodes[node], node, nil)
	if err != nil {
		return nil, nil, err
	}
	sum, before, after := 0.0, tensor.Floats(x), tensor.Floats(back)
	for i := range before {
		sum += float64(after[i]-before[i]) * float64(after[i]-before[i])
	}
	img, err := d.Decode(ctx, back)
	return img, eval.Figures{"rms": math.Sqrt(sum / float64(len(before)))}, err
}

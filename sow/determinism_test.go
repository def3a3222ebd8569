package sow

import (
	"context"
	"errors"
	"image"
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow/capture"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
)

// tinyRun is a SOW run of few steps on a tiny model.
func tinyRun(t testing.TB) (*Pipeline, Request) {
	t.Helper()
	condition, err := picture.Read("testdata/condition.png")
	require.NoError(t, err)
	p := openTiny(t, "sd21")
	params := p.Defaults
	params.Cycles = 1
	return p, Request{Prompt: prompt, Conditions: []Condition{{Picture: condition}}, Seed: 9, Params: &params, Planner: plan.Offline{}}
}

func latents(t *testing.T, p *Pipeline, req Request) []float32 {
	t.Helper()
	r, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	return tensor.Floats(r.Latents)
}

// TestSameBytes: the same request gives the same bytes, run after run, for any number of threads.
func TestSameBytes(t *testing.T) {
	p, req := tinyRun(t)
	defer kernels.SetThreads(kernels.Threads())
	kernels.SetThreads(1)
	one := latents(t, p, req)
	kernels.SetThreads(2)
	require.Equal(t, one, latents(t, p, req))
	require.Equal(t, one, latents(t, p, req))
	kernels.SetThreads(5)
	require.Equal(t, one, latents(t, p, req))

	req.Seed++
	require.NotEqual(t, one, latents(t, p, req))
}

// TestNeutralRulesAreFree: SOW without target mass, further rules or a plan is COW to the bit.
func TestNeutralRulesAreFree(t *testing.T) {
	p, req := tinyRun(t)
	req.Params.TargetMass = 0
	sow := latents(t, p, req)
	req.Params.Method = COW
	require.Equal(t, sow, latents(t, p, req))

	req.Params.Method, req.Params.TargetMass = SOW, 0.5
	modulated := latents(t, p, req)
	require.NotEqual(t, sow, modulated)
	req.Planner = nil // nothing is related to anything
	require.Equal(t, sow, latents(t, p, req))
}

// TestNothingIsPlanted: where the canvas grows from noise and nothing is laid over it, the condition is without influence, and the work is as foreseen.
func TestNothingIsPlanted(t *testing.T) {
	p, req := tinyRun(t)
	req.Params.TargetMass, req.Params.Start, req.Params.Overwrite = 0, StartNoise, false
	var last Event
	req.Progress = func(e Event) { last = e }
	one := latents(t, p, req)
	require.Equal(t, last.Total, last.Done)

	white := *req.Conditions[0].Picture
	white.Pix = slices.Repeat([]uint8{255}, len(white.Pix))
	req.Conditions[0].Picture = &white
	require.Equal(t, one, latents(t, p, req))
	req.Params.Overwrite = true
	overwritten := latents(t, p, req)
	require.NotEqual(t, one, overwritten)
	req.Params.Start = StartSeed
	require.NotEqual(t, overwritten, latents(t, p, req))
}

// TestMaskOfEverythingKeepsEverything: a condition of the whole canvas, overwritten at every node, is its own VAE round trip whatever the text.
func TestMaskOfEverythingKeepsEverything(t *testing.T) {
	p, req := tinyRun(t)
	req.Conditions[0].Box = image.Rect(0, 0, 128, 128)
	req.Params.LateOverwrite = Every
	first := latents(t, p, req)
	req.Params.Cycles = 3
	require.Equal(t, first, latents(t, p, req), "nothing is left for the cycles to do")
}

// TestMaskSides: alpha and mask keep the same, and what is discarded does not matter.
func TestMaskSides(t *testing.T) {
	p, req := tinyRun(t)
	c := req.Conditions[0].Picture
	before := slices.Clone(c.Pix)
	mask, cut, scribbled := image.NewGray(c.Bounds()), image.NewNRGBA(c.Bounds()), image.NewNRGBA(c.Bounds())
	for y := range 64 {
		for x := range 64 {
			v := c.NRGBAAt(x, y)
			cut.SetNRGBA(x, y, color.NRGBA{v.R, v.G, v.B, 0})
			scribbled.SetNRGBA(x, y, color.NRGBA{uint8(x), 0, 255, 255})
			if x > 20 {
				mask.SetGray(x, y, color.Gray{255})
				cut.SetNRGBA(x, y, v)
				scribbled.SetNRGBA(x, y, v)
			}
		}
	}
	req.Conditions[0].Mask = mask
	masked := latents(t, p, req)
	require.Equal(t, before, c.Pix, "the caller's picture is left alone")
	req.Conditions[0] = Condition{Picture: cut}
	require.Equal(t, masked, latents(t, p, req))
	req.Conditions[0] = Condition{Picture: scribbled, Mask: mask}
	require.Equal(t, masked, latents(t, p, req))
}

// TestTwoConditions: each keeps its own pixels, at its own place; a later one lies over an earlier one; the plan places both, and replayed
// gives the same bytes.
func TestTwoConditions(t *testing.T) {
	p, req := tinyRun(t)
	red := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for i := range 64 * 64 {
		copy(red.Pix[4*i:], []byte{255, 0, 0, 255})
	}
	first := req.Conditions[0].Picture
	req.Conditions = append(req.Conditions, Condition{Picture: red})
	req.Params.Blend = picture.BlendPaste
	r, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	require.Equal(t, [][4]int{{0, 0, 64, 64}, {64, 0, 64, 64}}, r.Report.Placed)
	require.True(t, math.IsInf(float64(r.Report.Kept.After), 1))
	require.Equal(t, first.NRGBAAt(10, 20), r.Image.NRGBAAt(10, 20))
	require.Equal(t, red.NRGBAAt(10, 20), r.Image.NRGBAAt(74, 20))
	require.Len(t, r.Plan.Others, 1)
	require.NotEmpty(t, r.Plan.Others[0].Related)

	again := req
	again.Planner = plan.Replay{Recorded: r.Plan}
	require.Equal(t, tensor.Floats(r.Latents), latents(t, p, again))
	again.Conditions = again.Conditions[:1]
	_, err = p.Generate(context.Background(), again)
	require.ErrorContains(t, err, "the plan places 2 conditions, there are 1")

	req.Conditions[0].Box, req.Conditions[1].Box = image.Rect(0, 0, 64, 64), image.Rect(32, 0, 96, 64)
	r, err = p.Generate(context.Background(), req)
	require.NoError(t, err)
	require.Equal(t, first.NRGBAAt(10, 20), r.Image.NRGBAAt(10, 20))
	require.Equal(t, red.NRGBAAt(10, 20), r.Image.NRGBAAt(42, 20))
	require.Contains(t, strings.Join(r.Report.Warnings, "\n"), "condition 2 lies over a part of condition 1")

	req.Conditions[1].Box = req.Conditions[0].Box
	_, err = p.Generate(context.Background(), req)
	require.ErrorContains(t, err, "nothing is left of condition 1 under condition 2")

	req.Conditions[1].Mask = image.NewGray(red.Rect)
	_, err = p.Generate(context.Background(), req)
	var wrong *ParamError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, 1, wrong.Condition)
}

// TestTwoConditionsKeepApart: what grows out of each reads its own condition, whatever the other is like; and a plan that relates more parts
// than there can be is cut with a warning.
func TestTwoConditionsKeepApart(t *testing.T) {
	p, req := tinyRun(t)
	req.Conditions = append(req.Conditions, req.Conditions[0])
	req.Params.TargetMass = 0.4
	var seen capture.Capture
	req.Capture = &seen
	latents(t, p, req)
	found := 0
	for _, m := range seen.Masses {
		if m.Phase != "cycle" || m.Height < 16 || m.Query[:len(m.Query)-1] != "related." || m.Key[:len(m.Key)-1] != "condition." {
			continue
		}
		found++
		if m.Query[len(m.Query)-1] == m.Key[len(m.Key)-1] {
			require.Greater(t, m.Share, 0.4-1e-4, "%+v", m)
			require.Less(t, m.Share, 0.42, "the neck has its share from the middle of the face, and reads the rest besides: %+v", m)
		} else {
			require.Less(t, m.Share, 0.4)
		}
	}
	require.NotZero(t, found)

	req.Capture = nil
	crowded := plan.Plan{Prompt: prompt, Box: plan.Box{0, 0, 500, 500}, Others: []plan.Place{{Box: plan.Box{0, 500, 500, 1000}}}}
	for i := range 6 {
		strip := func(left int) plan.Related {
			source := plan.Box{80 * i, left, 80*i + 80, left + 500}
			return plan.Related{Label: "strip", Box: plan.Box{500 + 80*i, left, 580 + 80*i, left + 500}, Relation: 1, Source: &source}
		}
		crowded.Related, crowded.Others[0].Related = append(crowded.Related, strip(0)), append(crowded.Others[0].Related, strip(500))
	}
	req.Planner = plan.Replay{Recorded: crowded}
	r, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	require.Contains(t, strings.Join(r.Report.Warnings, "\n"), "more parts than the attention can tell apart")
}

// TestCancel: a run stops within one step of its context.
func TestCancel(t *testing.T) {
	p, req := tinyRun(t)
	ctx, cancel := context.WithCancel(context.Background())
	after := 0
	req.Progress = func(e Event) {
		if ctx.Err() != nil {
			after++
		}
		if e.Stage == StageCycle {
			cancel()
		}
	}
	_, err := p.Generate(ctx, req)
	require.ErrorIs(t, err, context.Canceled)
	require.LessOrEqual(t, after, 1)
}

// TestProgress: the events count up to the whole, stage by stage, and previews are pictures.
func TestProgress(t *testing.T) {
	p, req := tinyRun(t)
	var stages []Stage
	var last Event
	previews := 0
	req.Progress = func(e Event) {
		require.GreaterOrEqual(t, e.Done, last.Done)
		if last = e; len(stages) == 0 || stages[len(stages)-1] != e.Stage {
			stages = append(stages, e.Stage)
		}
		if e.Preview != nil && previews == 0 {
			img, err := e.Preview()
			require.NoError(t, err)
			require.Equal(t, image.Pt(128, 128), img.Bounds().Size())
			previews++
		}
	}
	latents(t, p, req)
	require.Equal(t, []Stage{StageEncode, StageInvert, StageCycle, StageFinal, StageDecode}, stages)
	require.Equal(t, last.Total, last.Done)
	require.Equal(t, 1, previews)
}

// TestRefuses: a wrong request is a ParamError that names the value.
func TestRefuses(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"method":         func(r *Request) { r.Params.Method = "img2img" },
		"condition":      func(r *Request) { r.Conditions = nil },
		"conditions":     func(r *Request) { r.Conditions = slices.Repeat(r.Conditions, 6) },
		"width":          func(r *Request) { r.Params.Width = 130 },
		"height":         func(r *Request) { r.Params.Height = 1 << 40 },
		"steps":          func(r *Request) { r.Params.Steps = 0 },
		"cycles":         func(r *Request) { r.Params.Cycles = -1 },
		"guidance":       func(r *Request) { r.Params.Guidance = 1e9 },
		"eta-cycle":      func(r *Request) { r.Params.EtaCycle = -0.1 },
		"replace":        func(r *Request) { r.Params.Replace = 0.9 },
		"late-overwrite": func(r *Request) { r.Params.LateOverwrite = "never" },
		"inversion":      func(r *Request) { r.Params.Inversion = "ref018" },
		"start":          func(r *Request) { r.Params.Start = "grey" },
		"canvas-grey":    func(r *Request) { r.Params.CanvasGrey = 256 },
		"blend":          func(r *Request) { r.Params.Blend = "glue" },
		"box":            func(r *Request) { r.Conditions[0].Box = image.Rect(100, 0, 164, 64) },
		"mask":           func(r *Request) { r.Conditions[0].Mask = image.NewGray(image.Rect(0, 0, 64, 64)) },
	} {
		t.Run(name, func(t *testing.T) {
			p, req := tinyRun(t)
			change(&req)
			_, err := p.Generate(context.Background(), req)
			var bad *ParamError
			require.True(t, errors.As(err, &bad), "got %v", err)
			require.ErrorContains(t, err, name)
		})
	}
}

package sow

import (
	"context"
	"image"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

// TestLowMemory: networks that come and go, and prompts that go through the UNet one by one, give the same bytes.
func TestLowMemory(t *testing.T) {
	p, req := tinyRun(t)
	want := latents(t, p, req)
	require.True(t, p.unet.loaded)

	p, err := Open("testdata/models/sd21", LowMemory())
	require.NoError(t, err)
	require.False(t, p.unet.loaded, "nothing is read before it is needed")
	most, err := p.Memory(req)
	require.NoError(t, err)
	require.Equal(t, 4, most.Batch)
	require.Equal(t, want, latents(t, p, req))
	require.False(t, p.text.loaded || p.unet.loaded || p.vae.loaded)

	least, err := p.estimate(p.engine, *req.Params, 4, 1, true)
	require.NoError(t, err)
	require.Less(t, least.Denoise, most.Denoise)
	p, err = Open("testdata/models/sd21", LowMemory(), MemoryLimit(max(least.Peak, (least.Denoise+most.Denoise)/2)))
	require.NoError(t, err)
	got, err := p.Memory(req)
	require.NoError(t, err)
	require.Less(t, got.Batch, 4)
	require.Equal(t, want, latents(t, p, req))
}

// TestEqualPrompts: equal texts are asked about once, with the same bytes, unless a rule tells them apart.
func TestEqualPrompts(t *testing.T) {
	p, req := tinyRun(t)
	req.Params.Suppress, req.Params.Diverse = "fog", "fog"
	once, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	req.Params.Rules = &rules.Program{Rules: []rules.Rule{{Query: rules.Source, Key: rules.Source, Plain: true, Roles: []rules.Role{rules.Diverse}}}}
	apart, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	require.Equal(t, once.Report.Evaluations[StageCycle]*4, apart.Report.Evaluations[StageCycle]*3)
	require.Equal(t, tensor.Floats(apart.Latents), tensor.Floats(once.Latents))
}

// TestNothingOutside: where the condition covers the canvas, masked guidance is plain guidance to the bit, and asks half as much.
func TestNothingOutside(t *testing.T) {
	p, req := tinyRun(t)
	part, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	req.Conditions[0].Box = image.Rect(0, 0, 128, 128)
	whole, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	require.Equal(t, part.Report.Evaluations[StageCycle], 2*whole.Report.Evaluations[StageCycle])

	noise := sampler.NewNoise(1)
	n, c, s, d := noise.Latents(1, 9, 7, 4), noise.Latents(1, 9, 7, 4), noise.Latents(1, 9, 7, 4), noise.Latents(1, 9, 7, 4)
	masked := sampler.MaskedGuide(n, c, s, d, tensor.Full(1, 1, 9, 7, 1), 7.5)
	require.Equal(t, tensor.Floats(sampler.Guide(n, c, 7.5)), tensor.Floats(masked))
}

// TestMemoryIsWhatIsTaken: an evaluation takes from the arena what was computed for it.
func TestMemoryIsWhatIsTaken(t *testing.T) {
	p, req := tinyRun(t)
	const prompts, tokens = 3, 77
	ctx := context.Background()
	sample := func(e tensor.Engine) *tensor.Tensor { return tensor.NewOn(e, 1, 24, 16, 4) }
	evaluate := func(m *unet.Model, e tensor.Engine) error {
		ps, err := m.Prepare(tensor.NewOn(e, prompts, tokens, p.text.Config.HiddenSize))
		if err != nil {
			return err
		}
		defer ps.Close()
		_, err = m.Forward(ctx, unet.Input{Sample: sample(e), Prompts: ps})
		return err
	}
	o, err := p.outline(p.engine)
	require.NoError(t, err)
	want, err := o.unet.measure(func(m *unet.Model, e *tensor.Dry) error { return evaluate(m, e) })
	require.NoError(t, err)
	tensor.ReleaseArenas(tensor.CPU{})
	require.NoError(t, evaluate(p.unet.model, tensor.CPU{}))
	require.InDelta(t, want-o.unet.engine.Working(), tensor.ArenaPeak(tensor.CPU{}), 1024, "small inputs are copied onto another engine")

	m, err := p.Memory(req)
	require.NoError(t, err)
	require.Greater(t, m.Peak, want)
}

// TestMemoryRefuses: what does not fit is refused at once, with what would fit.
func TestMemoryRefuses(t *testing.T) {
	_, req := tinyRun(t)
	low, err := Open("testdata/models/sd21", LowMemory())
	require.NoError(t, err)
	half := *req.Params
	half.Width, half.Height = 64, 64
	smaller, err := low.estimate(low.engine, half, 4, 4, true)
	require.NoError(t, err)

	p, err := Open("testdata/models/sd21", MemoryLimit(smaller.Peak+1000), LowMemory())
	require.NoError(t, err)
	_, err = p.Generate(context.Background(), req)
	var wrong *MemoryError
	require.ErrorAs(t, err, &wrong)
	require.Regexp(t, `^sow: the picture takes \d+ MB of memory, there is room for \d+ MB: what fits is a picture of \d+x\d+ \(\d+ MB\)$`, err.Error())

	mixed, err := low.estimate(tensor.CPU{Precision: tensor.Mixed}, *req.Params, 4, 1, true)
	require.NoError(t, err)
	p, err = Open("testdata/models/sd21", MemoryLimit(mixed.Peak), LowMemory())
	require.NoError(t, err)
	_, err = p.Memory(req)
	require.ErrorContains(t, err, ": what fits is precision mixed (")

	p, err = Open("testdata/models/sd21", MemoryLimit(1))
	require.NoError(t, err)
	_, err = p.Memory(req)
	require.ErrorContains(t, err, "and no smaller picture fits either")
}

// TestLowMemoryChecksFiles: what can be told from the files' headers is told by Open.
// TestBeside: what the program has beside the pipeline counts.
func TestBeside(t *testing.T) {
	p, req := tinyRun(t)
	alone, err := p.Memory(req)
	require.NoError(t, err)
	p, err = Open("testdata/models/sd21", Beside(1<<20))
	require.NoError(t, err)
	together, err := p.Memory(req)
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, together.Peak-alone.Peak)
}

func TestLowMemoryChecksFiles(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/models/sd21")))
	config := dir + "/unet/config.json"
	data, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, []byte(strings.Replace(string(data), `"layers_per_block": 1,`, `"layers_per_block": 2,`, 1)), 0o644))
	_, err = Open(dir, LowMemory())
	require.ErrorContains(t, err, "missing")
}

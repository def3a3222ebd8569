package sow

import (
	"context"
	"encoding/json"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

// What the method must show on the built-in model (docs/method.md §4): orderings, on heads that were never seen in training.

// heldOut is one of builtin/testdata/cases: a head on grey, which part of it is head, and a caption.
type heldOut struct {
	face       *image.NRGBA
	mask       *image.Gray
	prompt     string
	attributes map[string]string
}

func builtinModel(t *testing.T) *Pipeline {
	t.Helper()
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model for many seconds, for many minutes on plain Go kernels")
	}
	p, err := Open(Builtin)
	require.NoError(t, err)
	return p
}

func heldOutCases(t *testing.T) (cases []heldOut) {
	t.Helper()
	const dir = "builtin/testdata/cases"
	data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	require.NoError(t, err)
	var list []struct {
		Face, Mask, Prompt string
		Attributes         map[string]string
	}
	require.NoError(t, json.Unmarshal(data, &list))
	for _, c := range list {
		face, err := picture.Read(filepath.Join(dir, c.Face))
		require.NoError(t, err)
		mask, err := picture.ReadMask(filepath.Join(dir, c.Mask), true)
		require.NoError(t, err)
		cases = append(cases, heldOut{face, mask, c.Prompt, c.Attributes})
	}
	return cases
}

func generate(t *testing.T, p *Pipeline, c heldOut, seed uint64, change func(*Params)) *Result {
	t.Helper()
	params := p.Defaults
	change(&params)
	req := Request{Prompt: c.prompt, Seed: seed, Params: &params, Planner: plan.Offline{}}
	if params.Method != Text {
		req.Conditions = []Condition{{Picture: c.face, Mask: c.mask}}
	}
	r, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	return r
}

// onCanvas returns the kept region at COW's default place.
func onCanvas(t *testing.T, p *Pipeline, c heldOut) (*image.NRGBA, *image.Gray) {
	t.Helper()
	w, h := p.Defaults.Width, p.Defaults.Height
	box := image.Rect(w/4, 0, w/4+w/2, h/2)
	at, err := (&Condition{Picture: c.face}).place(c.mask, box)
	require.NoError(t, err)
	return canvas(w, h, []*placed{at})
}

// TestCyclesGrowTheScene: without cycles the canvas stays grey; ten make the scene of the text and keep the head within 4 dB of what the
// VAE allows.
func TestCyclesGrowTheScene(t *testing.T) {
	p := builtinModel(t)
	probe, err := eval.LoadProbe(builtin.Probe)
	require.NoError(t, err)
	cases := heldOutCases(t)
	grown := func(method Method, cycles int) (scene, ring, psnr, ceiling float64) {
		n := float64(len(cases))
		for i, c := range cases {
			r := generate(t, p, c, uint64(i), func(q *Params) { q.Method, q.Cycles = method, cycles })
			answers, err := probe.Read(r.Image)
			require.NoError(t, err)
			if answers["scene"] == c.attributes["scene"] {
				scene += 1 / n
			}
			_, mask := onCanvas(t, p, c)
			ring += eval.GreyRing(r.Image, mask) / n
			psnr += float64(r.Report.Kept.Decoded) / n
			ceiling += float64(r.Report.Kept.Ceiling) / n
		}
		t.Logf("%s, %2d cycles: scene %.2f, grey ring %.3f, PSNR in the mask %.1f dB (ceiling %.1f)", method, cycles, scene, ring, psnr, ceiling)
		return
	}
	scene0, ring0, _, _ := grown(COW, 0)
	scene10, ring10, psnr, ceiling := grown(COW, 10)
	sceneSOW, ringSOW, psnrSOW, _ := grown(SOW, 10)
	require.Greater(t, scene10, scene0+0.3, "scene agreement grows with the cycles")
	require.Less(t, ring10, ring0/3, "the grey around the head goes with the cycles")
	require.Greater(t, psnr, ceiling-4)
	require.Greater(t, sceneSOW, scene0+0.3)
	require.Less(t, ringSOW, ring0/3)
	require.Greater(t, psnrSOW, ceiling-4)
}

// TestSOWBeatsPasteAndText: text alone does not keep the face, pasting does not blend it.
func TestSOWBeatsPasteAndText(t *testing.T) {
	p := builtinModel(t)
	var kept, edge [3]float64 // text only, naive paste, SOW
	cases := heldOutCases(t)
	for i, c := range cases {
		whole, mask := onCanvas(t, p, c)
		text := generate(t, p, c, uint64(i), func(q *Params) { q.Method = Text }).Image
		pasted, err := picture.BlendPaste.Apply(text, whole, mask, image.Point{})
		require.NoError(t, err)
		grown := generate(t, p, c, uint64(i), func(q *Params) { q.Method = SOW }).Image
		for j, img := range []*image.NRGBA{text, pasted, grown} {
			kept[j] += min(picture.PSNR(img, whole, mask), 60) / float64(len(cases))
			edge[j] += picture.BoundaryGradientRatio(img, mask) / float64(len(cases))
		}
	}
	t.Logf("PSNR in the mask: text %.1f, paste %.1f, SOW %.1f dB; boundary gradient ratio: text %.2f, paste %.2f, SOW %.2f",
		kept[0], kept[1], kept[2], edge[0], edge[1], edge[2])
	require.Greater(t, kept[2], kept[0]+5, "SOW keeps the face, text alone does not")
	require.Less(t, edge[2], edge[1], "SOW blends the face, pasting does not")
}

// TestHalfHead: only the left half of a head is kept, the right half is the related region, and the truth is known. Reading the kept half
// helps, being cut off from it harms.
func TestHalfHead(t *testing.T) {
	p := builtinModel(t)
	cases := heldOutCases(t)
	blocked := &rules.Program{Rules: []rules.Rule{{Query: rules.Related, Key: rules.Condition, Block: true}}}
	variants := []struct {
		name   string
		target float64
		rules  *rules.Program
	}{{"block", 0, blocked}, {"none", 0, nil}, {"target .5", 0.5, nil}}
	var psnr [3]float64
	const seeds = 2
	for i, c := range cases {
		c.prompt = "a " + c.attributes["kind"] + " in a " + c.attributes["scene"] // the text does not tell what the head looks like
		left, right := image.NewGray(c.mask.Bounds()), image.NewGray(c.mask.Bounds())
		for y := range c.mask.Bounds().Dy() {
			for x := range c.mask.Bounds().Dx() {
				half := left
				if x >= c.mask.Bounds().Dx()/2 {
					half = right
				}
				half.SetGray(x, y, c.mask.GrayAt(x, y))
			}
		}
		whole, _ := onCanvas(t, p, c)
		_, unseen := onCanvas(t, p, heldOut{face: c.face, mask: right})
		other := plan.Plan{Prompt: c.prompt, Box: plan.Box{0, 250, 500, 750}, Related: []plan.Related{{Label: "other half", Box: plan.Box{0, 500, 500, 750}, Relation: 1}}}
		for j, v := range variants {
			for seed := range uint64(seeds) {
				params := p.Defaults
				params.Method, params.TargetMass, params.Rules = SOW, v.target, v.rules
				r, err := p.Generate(context.Background(), Request{
					Prompt: c.prompt, Conditions: []Condition{{Picture: c.face, Mask: left}}, Seed: 100*uint64(i) + seed, Params: &params,
					Planner: plan.Replay{Recorded: other},
				})
				require.NoError(t, err)
				psnr[j] += picture.PSNR(r.Image, whole, unseen) / float64(seeds*len(cases))
			}
		}
	}
	t.Logf("PSNR of the unseen half: block %.2f < none %.2f < target .5 %.2f dB", psnr[0], psnr[1], psnr[2])
	require.Less(t, psnr[0], psnr[1])
	require.Less(t, psnr[1], psnr[2])
}

// diffusion is a bare run for experiments: no condition, no guidance, the empty prompt.
func diffusion(t *testing.T, p *Pipeline, steps int, levels sampler.Levels) (*run, *guided) {
	t.Helper()
	params := p.Defaults
	params.Method, params.Steps, params.Inversion, params.Guidance = Text, steps, levels, 1
	r, err := p.newRun(context.Background(), Request{Params: &params})
	require.NoError(t, err)
	r.begin(StageFinal)
	g, err := r.plainGuidance(context.Background(), "", 1)
	require.NoError(t, err)
	return r, g
}

// flat returns the latents of a picture of one grey value.
func flat(t *testing.T, r *run, v uint8) *tensor.Tensor {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, r.Width, r.Height))
	for i := range img.Pix {
		img.Pix[i] = v
	}
	_, mean, err := r.encodePicture(context.Background(), img)
	require.NoError(t, err)
	return mean
}

// merged lays white over grey where inside says, on the latent grid.
func merged(white, grey *tensor.Tensor, inside func(y, x int) bool) *tensor.Tensor {
	s := white.Shape()
	mask := tensor.New(1, s[1], s[2], 1)
	for i := range tensor.Floats(mask) {
		if inside(i/s[2], i%s[2]) {
			tensor.Floats(mask)[i] = 1
		}
	}
	return tensor.Add(tensor.Mul(white, mask), tensor.Mul(grey, tensor.Affine(mask, -1, 1)))
}

// luminance returns the mean of the picture over the pixels that inside says, 0 … 255.
func luminance(t *testing.T, r *run, latents *tensor.Tensor, inside func(y, x int) bool) float64 {
	t.Helper()
	decoded, err := r.decode(context.Background(), latents)
	require.NoError(t, err)
	x, s := tensor.Floats(decoded), decoded.Shape()
	sum, n := 0.0, 0.0
	for i := range s[1] * s[2] {
		if inside(i/s[2], i%s[2]) {
			sum += float64(x[3*i]+x[3*i+1]+x[3*i+2]) / 3 * 255
			n++
		}
	}
	return sum / n
}

// TestDiffusionInDiffusion is COW's first experiment (§3.1) and ours on it. Halves of a white and a grey picture meet at a node: the later
// (noisier) the node, the more they become one. With the upper right enhanced on the lower left it darkens; cut off from all else it does not.
func TestDiffusionInDiffusion(t *testing.T) {
	p := builtinModel(t)
	r, g := diffusion(t, p, 20, sampler.Aligned)
	ctx := context.Background()
	white, err := r.invert(ctx, flat(t, r, 255), 20, g)
	require.NoError(t, err)
	grey, err := r.invert(ctx, flat(t, r, 128), 20, g)
	require.NoError(t, err)

	t.Run("base", func(t *testing.T) {
		layouts := map[string]func(a, b float64) bool{
			"left": func(_, x float64) bool { return x < 0.5 }, "right": func(_, x float64) bool { return x >= 0.5 },
			"top": func(y, _ float64) bool { return y < 0.5 }, "bottom": func(y, _ float64) bool { return y >= 0.5 },
		}
		contrast := map[int]float64{}
		nodes := []int{2, 4, 6, 8, 10, 12, 14, 16, 18, 20}
		for _, layout := range layouts {
			for _, node := range nodes {
				cells := func(y, x int) bool { return layout(float64(y)/16, float64(x)/16) }
				out, err := r.final(ctx, merged(white[node], grey[node], cells), node, 0, g)
				require.NoError(t, err)
				side := func(want bool) func(y, x int) bool {
					return func(y, x int) bool { return layout(float64(y)/128, float64(x)/128) == want }
				}
				contrast[node] += math.Abs(luminance(t, r, out, side(true))-luminance(t, r, out, side(false))) / float64(len(layouts))
			}
		}
		for _, node := range nodes {
			t.Logf("merged at node %2d: contrast %.1f", node, contrast[node])
		}
		require.Less(t, contrast[20], 0.75*contrast[2], "merging late mixes the halves")
		require.Less(t, rankCorrelation(nodes, contrast), -0.9, "contrast falls with the node")
	})
	t.Run("regions", func(t *testing.T) {
		// White is the upper half.
		corner, opposite := rules.Box(plan.Box{0, 500, 500, 1000}), rules.Box(plan.Box{500, 0, 1000, 500})
		enhance := rules.Rule{Query: corner, Key: opposite, Enhance: 1, Phases: []rules.Phase{rules.Final}}
		cut := rules.Rule{Query: corner, Key: rules.Complement(corner), Block: true, Phases: []rules.Phase{rules.Final}}
		upperRight := func(y, x int) bool { return y < 64 && x >= 64 }
		for _, node := range []int{16, 20} {
			start := merged(white[node], grey[node], func(y, _ int) bool { return y < 8 })
			bright := func(program ...rules.Rule) float64 {
				with := *g
				with.rules, err = rules.Compile(&rules.Program{Rules: program}, &rules.Scene{Height: 16, Width: 16}, p.unet.Config.Sites(16, 16))
				require.NoError(t, err)
				out, err := r.final(ctx, start, node, 0, &with)
				require.NoError(t, err)
				return luminance(t, r, out, upperRight)
			}
			enhanced, none, suppressed := bright(enhance), bright(), bright(cut)
			t.Logf("merged at node %d: luminance of the upper right: enhanced %.1f < none %.1f ≤ cut off %.1f", node, enhanced, none, suppressed)
			require.Less(t, enhanced, none)
			require.LessOrEqual(t, none, suppressed)
		}
	})
}

// rankCorrelation is Spearman's coefficient of y over the rising xs.
func rankCorrelation(xs []int, y map[int]float64) float64 {
	n, sum := float64(len(xs)), 0.0
	for i, x := range xs {
		rank := 0
		for _, other := range xs {
			if y[other] < y[x] {
				rank++
			}
		}
		sum += float64((i - rank) * (i - rank))
	}
	return 1 - 6*sum/(n*(n*n-1))
}

// TestInvertRoundTrip: a picture inverted to node back and sampled down again comes back; on aligned levels clearly better.
func TestInvertRoundTrip(t *testing.T) {
	p := builtinModel(t)
	c := heldOutCases(t)[0]
	for _, steps := range []int{10, 20, 50} {
		rms := map[sampler.Levels]float64{}
		for _, levels := range []sampler.Levels{sampler.Aligned, sampler.Ref017} {
			r, g := diffusion(t, p, steps, levels)
			whole, _ := onCanvas(t, p, c)
			_, x, err := r.encodePicture(context.Background(), whole)
			require.NoError(t, err)
			node := int(0.7 * float64(steps))
			nodes, err := r.invert(context.Background(), x, node, g)
			require.NoError(t, err)
			back, err := r.final(context.Background(), nodes[node], node, 0, g)
			require.NoError(t, err)
			d := tensor.Sub(back, x)
			rms[levels] = math.Sqrt(float64(tensor.Floats(tensor.Mean(tensor.Mul(d, d), -1))[0]))
		}
		t.Logf("S = %d: RMS of the latents after the round trip: aligned %.3f, ref017 %.3f", steps, rms[sampler.Aligned], rms[sampler.Ref017])
		require.Less(t, rms[sampler.Aligned], rms[sampler.Ref017])
	}
}

// TestAttentionMassMoves: the rules do to the attention what they say, at every site they reach.
func TestAttentionMassMoves(t *testing.T) {
	p := builtinModel(t)
	c := heldOutCases(t)[0]
	params := p.Defaults
	params.Method = SOW
	mass := func(rule rules.Rule) map[string]float64 {
		r, err := p.newRun(context.Background(), Request{
			Prompt: c.prompt, Conditions: []Condition{{Picture: c.face, Mask: c.mask}}, Params: &params, Planner: plan.Offline{},
		})
		require.NoError(t, err)
		x, err := r.plant(context.Background())
		require.NoError(t, err)
		g, err := r.maskedGuidance(context.Background())
		require.NoError(t, err)
		var kept [][]bool
		for _, c := range r.conditions {
			kept = append(kept, keptCells(c, 16, 16, 8))
		}
		body := rules.Named("related.body")
		rule.Query, rule.Key = body, rules.Condition
		g.rules, err = rules.Compile(&rules.Program{Rules: []rules.Rule{rule}}, sceneOf(&r.plan, kept, 16, 16), p.unet.Config.Sites(16, 16), body, rules.Condition)
		require.NoError(t, err)
		r.moment = rules.Moment{Phase: rules.Cycle, Cycle: 1, Node: r.replace}
		given := map[string]float64{}
		g.watched = func(in *unet.Input, _ rules.Moment) {
			in.Mass = func(site unet.Site, m []float32) {
				if masses, _ := g.rules.Masses(site, m); site.Height > 4 { // the smallest grid goes by no rules
					given[site.Name] = masses[0][1]
				}
			}
		}
		_, err = g.Predict(context.Background(), x, r.ddim.Timestep(r.replace))
		require.NoError(t, err)
		require.NotEmpty(t, given)
		return given
	}
	plain := mass(rules.Rule{Plain: true})
	enhanced := mass(rules.Rule{Enhance: 0.5})
	suppressed := mass(rules.Rule{Suppress: 0.5})
	target := mass(rules.Rule{Target: 0.4})
	blocked := mass(rules.Rule{Block: true})
	for site, m := range plain {
		t.Logf("%s: blocked %.3f, suppressed %.3f, plain %.3f, enhanced %.3f, target %.3f", site, blocked[site], suppressed[site], m, enhanced[site], target[site])
		require.Zero(t, blocked[site])
		require.Less(t, suppressed[site], m)
		require.Greater(t, enhanced[site], m)
		require.InDelta(t, 0.4, target[site], 1e-4)
	}
}

// TestPasteIsExact: --blend paste gives the condition's own bytes back.
func TestPasteIsExact(t *testing.T) {
	p := openTiny(t, "sd21")
	condition, err := picture.Read("testdata/condition.png")
	require.NoError(t, err)
	params := p.Defaults
	params.Cycles, params.Blend = 1, picture.BlendPaste
	r, err := p.Generate(context.Background(), Request{Prompt: prompt, Conditions: []Condition{{Picture: condition}}, Params: &params})
	require.NoError(t, err)
	require.True(t, math.IsInf(float64(r.Report.Kept.After), 1))
	for y := range 64 {
		for x := range 64 {
			require.Equal(t, condition.NRGBAAt(x, y), r.Image.NRGBAAt(32+x, y))
		}
	}
	require.NotEqual(t, color.NRGBA{128, 128, 128, 255}, r.Image.NRGBAAt(5, 100))
}

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
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

// What the method must show on the built-in model (docs/method.md §4): orderings, on heads that were never seen in training. More of them are
// the experiments' tests (sow/experiment).

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
	return canvas(w, h, grey, []*placed{at})
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
			ring += eval.GreyRing(r.Image, mask, uint8(p.Defaults.CanvasGrey)) / n
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

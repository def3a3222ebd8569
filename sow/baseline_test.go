package sow

import (
	"context"
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/tensor/tensortest"
)

// TestInpaintIsDiffusers holds ten steps of method inpaint, with a condition as large as the canvas, to 1e-3 of the latents' standard deviation.
func TestInpaintIsDiffusers(t *testing.T) {
	condition, err := picture.Read("testdata/condition.png")
	require.NoError(t, err)
	whole, mask := image.NewNRGBA(image.Rect(0, 0, 128, 128)), image.NewGray(image.Rect(0, 0, 128, 128))
	kept := image.Rect(32, 0, 96, 64)
	draw.Draw(whole, whole.Rect, image.NewUniform(grey), image.Point{}, draw.Src)
	draw.Draw(whole, kept, condition, image.Point{}, draw.Src)
	draw.Draw(mask, kept, image.NewUniform(color.White), image.Point{}, draw.Src)
	want, err := weights.OpenFile("testdata/golden-inpaint.safetensors")
	require.NoError(t, err)
	defer want.Close()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			p := openTiny(t, kind)
			params := p.Defaults
			params.Method, params.Negative = Inpaint, "blurry"
			r, err := p.Generate(context.Background(), Request{
				Prompt: prompt, Conditions: []Condition{{Picture: whole, Mask: mask, Box: whole.Rect}}, Seed: 6, Params: &params,
			})
			require.NoError(t, err)
			latents, err := want.Tensor(kind + "/latents")
			require.NoError(t, err)
			tensortest.CloseToStd(t, tensor.ToChannelsFirst(r.Latents), latents, 1e-3)
			require.Equal(t, map[Stage]int{StageFinal: 20}, r.Report.Evaluations)
			require.Equal(t, Every, r.Report.Params.LateOverwrite)
		})
	}
}

// TestPasteIsTextWithTheCondition: outside the mask every byte is that of method text, inside it the condition's.
func TestPasteIsTextWithTheCondition(t *testing.T) {
	p := openTiny(t, "sd21")
	condition, err := picture.Read("testdata/condition.png")
	require.NoError(t, err)
	made := func(method Method, conditions ...Condition) *Result {
		params := p.Defaults
		params.Method, params.Eta = method, 0.5
		r, err := p.Generate(context.Background(), Request{Prompt: prompt, Conditions: conditions, Seed: 8, Params: &params})
		require.NoError(t, err)
		return r
	}
	text, pasted := made(Text), made(Paste, Condition{Picture: condition})
	draw.Draw(text.Image, image.Rect(32, 0, 96, 64), condition, image.Point{}, draw.Src)
	require.Equal(t, text.Image.Pix, pasted.Image.Pix)
	require.True(t, math.IsInf(float64(pasted.Report.Kept.After), 1))
	require.Positive(t, pasted.Report.Kept.Ceiling)
	require.Equal(t, picture.BlendPaste, pasted.Report.Params.Blend)
	require.Equal(t, text.Report.Evaluations, pasted.Report.Evaluations)
}

// TestLay: what is laid is what every method keeps, and what the VAE returns is as far from it as the reports say.
func TestLay(t *testing.T) {
	p := openTiny(t, "sd21")
	condition, err := picture.Read("testdata/condition.png")
	require.NoError(t, err)
	req := Request{Prompt: prompt, Conditions: []Condition{{Picture: condition}}}
	laid, err := p.Lay(context.Background(), req)
	require.NoError(t, err)
	require.Equal(t, color.NRGBA{128, 128, 128, 255}, laid.Canvas.NRGBAAt(31, 0))
	require.Equal(t, condition.NRGBAAt(0, 0), laid.Canvas.NRGBAAt(32, 0))
	require.Equal(t, []uint8{0, 255}, []uint8{laid.Mask.GrayAt(31, 0).Y, laid.Mask.GrayAt(32, 0).Y})
	params := p.Defaults
	params.Method, params.Cycles = COW, 0
	req.Params = &params
	r, err := p.Generate(context.Background(), req)
	require.NoError(t, err)
	require.InDelta(t, float64(r.Report.Kept.Ceiling), picture.PSNR(laid.Returned, laid.Canvas, laid.Mask), 1e-9)

	req.Conditions = nil
	_, err = p.Lay(context.Background(), req)
	require.ErrorContains(t, err, "want a condition")
}

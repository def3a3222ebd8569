package eval_test

import (
	"image"
	"image/color"
	"image/draw"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/eval/benchmark"
	"github.com/sowgen/sowgen/sow/picture"
)

// plain is a picture of one colour.
func plain(w, h int, c color.Color) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	return img
}

func square(w, h int, kept image.Rectangle) *image.Gray {
	mask := image.NewGray(image.Rect(0, 0, w, h))
	draw.Draw(mask, kept, image.NewUniform(color.White), image.Point{}, draw.Src)
	return mask
}

func TestSpill(t *testing.T) {
	pink, skin, green := color.NRGBA{246, 128, 182, 255}, color.NRGBA{240, 196, 158, 255}, color.NRGBA{40, 160, 60, 255}
	kept := image.Rect(24, 24, 40, 40)
	mask, canvas := square(64, 64, kept), plain(64, 64, color.Gray{128})
	draw.Draw(canvas, kept, image.NewUniform(skin), image.Point{}, draw.Src)
	draw.Draw(canvas, image.Rect(24, 24, 40, 28), image.NewUniform(pink), image.Point{}, draw.Src)

	img := plain(64, 64, green)
	require.Zero(t, eval.Spill(img, canvas, mask, &skin))
	draw.Draw(img, image.Rect(0, 0, 64, 8), image.NewUniform(pink), image.Point{}, draw.Src) // too far away to be the condition's
	require.Zero(t, eval.Spill(img, canvas, mask, &skin))
	around := 48*48 - 16*16
	draw.Draw(img, image.Rect(8, 8, 56, 12), image.NewUniform(pink), image.Point{}, draw.Src)
	require.InDelta(t, float64(48*4)/float64(around), eval.Spill(img, canvas, mask, &skin), 1e-12)
	draw.Draw(img, image.Rect(8, 52, 56, 56), image.NewUniform(skin), image.Point{}, draw.Src)
	require.InDelta(t, float64(48*4)/float64(around), eval.Spill(img, canvas, mask, &skin), 1e-12, "skin is no spill where it is known")
	require.InDelta(t, float64(48*8)/float64(around), eval.Spill(img, canvas, mask, nil), 1e-12)
	require.Zero(t, eval.Spill(img, canvas, square(64, 64, image.Rect(0, 0, 64, 64)), nil), "nothing is outside")
}

func TestBodySkin(t *testing.T) {
	mask := square(64, 64, image.Rect(16, 0, 48, 40))
	img := plain(64, 64, color.NRGBA{52, 102, 214, 255})
	_, seen := eval.BodySkin(img, mask)
	require.False(t, seen)
	draw.Draw(img, image.Rect(28, 40, 36, 44), image.NewUniform(color.NRGBA{146, 90, 60, 255}), image.Point{}, draw.Src)
	tone, seen := eval.BodySkin(img, mask)
	require.True(t, seen)
	require.Equal(t, 3, tone)
	draw.Draw(img, image.Rect(28, 40, 36, 48), image.NewUniform(color.NRGBA{219, 193, 169, 255}), image.Point{}, draw.Src) // the lightest, in the shadow
	tone, _ = eval.BodySkin(img, mask)
	require.Equal(t, 0, tone)
	_, seen = eval.BodySkin(img, square(64, 64, image.Rect(16, 0, 48, 64)))
	require.False(t, seen, "what is kept is the condition's")
}

// seer sees a face where it is told one is, of somebody whose vector is how far to the left that is.
func seer(at map[*image.NRGBA]image.Rectangle) eval.Faces {
	return func(img *image.NRGBA) (faces []eval.Face) {
		if box, ok := at[img]; ok {
			faces = append(faces, eval.Face{Box: box, Vector: func() ([]float32, error) { return []float32{float32(box.Min.X) / 32}, nil }})
		}
		return faces
	}
}

func TestJudge(t *testing.T) {
	probe, err := eval.LoadProbe(builtin.Probe)
	require.NoError(t, err)
	drawn, err := picture.Read("testdata/snowy-forest.png")
	require.NoError(t, err)
	box := image.Rect(32, 0, 96, 64)
	mask := square(128, 128, box)
	canvas := plain(128, 128, color.Gray{128})
	draw.Draw(canvas, box, drawn, box.Min, draw.Src)
	at := eval.Laid{Canvas: canvas, Returned: canvas, Mask: mask}
	c := &eval.Case{Says: map[string]string{"scene": "snowy forest", "shirt": "none of these"}}
	j := &eval.Judge{Probe: probe, Faces: seer(map[*image.NRGBA]image.Rectangle{canvas: box, drawn: box.Add(image.Pt(10, 10))})}

	f, err := j.Measure(drawn, c, at)
	require.NoError(t, err)
	require.Equal(t, 60.0, f["kept_psnr"])
	require.InDelta(t, 1, f["kept_ssim"], 1e-12)
	require.Equal(t, 1.0, f["probe_person"])
	require.Equal(t, []float64{0.5, 1, 0}, []float64{f["probe_text"], f["probe_text_scene"], f["probe_text_shirt"]})
	require.Equal(t, []float64{1, 0.3125}, []float64{f["face"], f["id_distance"]})
	require.NotContains(t, f, "skin")
	require.NotContains(t, f, "probe_head")
	require.NotContains(t, f, "unseen_psnr")
	for name := range f {
		_, known := eval.About(name)
		require.True(t, known, name)
	}

	other := plain(128, 128, color.NRGBA{200, 30, 30, 255})
	f, err = j.Measure(other, c, at)
	require.NoError(t, err)
	require.Less(t, f["kept_psnr"], 20.0)
	require.Less(t, f["kept_ssim"], 0.5)
	require.Equal(t, 0.0, f["face"])
	require.NotContains(t, f, "id_distance")
	require.NotContains(t, f, "seam", "a picture of one colour has no steps to compare with")

	f, err = (&eval.Judge{}).Measure(drawn, c, at)
	require.NoError(t, err)
	require.NotContains(t, f, "probe_person")
	require.NotContains(t, f, "face")
}

// TestSkinOfAll: a picture without skin is as good as one whose skin agrees, or as bad as one whose skin does not.
func TestSkinOfAll(t *testing.T) {
	drawn, err := picture.Read("testdata/snowy-forest.png")
	require.NoError(t, err)
	box := image.Rect(32, 0, 96, 64)
	at := eval.Laid{Canvas: drawn, Returned: drawn, Mask: square(128, 128, box)}
	below := func(throat color.Color) eval.Figures {
		img := picture.Flatten(drawn, 128)
		draw.Draw(img, image.Rect(32, 64, 96, 90), image.NewUniform(throat), image.Point{}, draw.Src)
		f, err := (&eval.Judge{}).Measure(img, &eval.Case{Skin: &color.NRGBA{240, 196, 158, 255}}, at)
		require.NoError(t, err)
		return f
	}
	none, agrees, other := below(color.NRGBA{20, 40, 200, 255}), below(color.NRGBA{240, 196, 158, 255}), below(color.NRGBA{142, 92, 62, 255})
	require.NotContains(t, none, "skin")
	require.Equal(t, []float64{1, 0}, []float64{agrees["skin"], other["skin"]})
	require.Equal(t, []float64{0, 1, 0}, []float64{none["skin_all"], agrees["skin_all"], other["skin_all"]})
	require.Greater(t, none["together"], 0.9)
	require.Less(t, none["together_all"], 0.8)
	require.Equal(t, agrees["together"], agrees["together_all"])
	require.Equal(t, other["together"], other["together_all"])
	require.Greater(t, agrees["together"], other["together"])
}

func TestBenchmark(t *testing.T) {
	cases, err := benchmark.Cases()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(cases), 200)
	names, scenarios := map[string]bool{}, map[string]int{}
	for _, c := range cases {
		names[c.Name] = true
		scenarios[c.Scenario]++
		require.Equal(t, image.Pt(64, 64), c.Picture.Rect.Size())
		require.Equal(t, image.Pt(64, 64), c.Mask.Rect.Size())
		for question, answer := range c.Says {
			word := answer
			if question == "glasses" {
				word = "glasses"
			}
			require.Contains(t, c.Prompt, word, question)
		}
	}
	require.Len(t, names, len(cases))
	require.Equal(t, map[string]int{"normal": 72, "attribute": 72, "style": 72}, scenarios)
	again, err := benchmark.Cases()
	require.NoError(t, err)
	require.Equal(t, cases, again)

	half := cases[0].LeftHalf()
	require.Equal(t, uint8(255), half.Head.GrayAt(40, 30).Y)
	require.Equal(t, []uint8{255, 0}, []uint8{half.Mask.GrayAt(30, 30).Y, half.Mask.GrayAt(40, 30).Y})
	require.NotEqual(t, cases[0].Content, half.Content)
}

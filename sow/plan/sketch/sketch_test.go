package sketch_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/plan/sketch"
)

func ExampleDraw() {
	in := plan.Input{Prompt: "a girl on the left", Width: 512, Height: 512, Face: plan.Whole}
	p, err := plan.Offline{}.Plan(context.Background(), in)
	if err != nil {
		fmt.Println(err)
		return
	}
	img, err := sketch.Draw(&p, &in)
	fmt.Println(img.Bounds().Size(), err)
	// Output: (512,512) <nil>
}

func TestDraw(t *testing.T) {
	red := image.NewNRGBA(image.Rect(7, 7, 17, 17))
	for i := range red.Pix {
		red.Pix[i] = []uint8{255, 0, 0, 255}[i%4]
	}
	source := plan.Box{100, 300, 200, 400}
	p := plan.Plan{Prompt: "x", Task: plan.Style, Box: plan.Box{0, 250, 500, 750}, Related: []plan.Related{
		{Label: "body", Box: plan.Box{500, 0, 1000, 1000}, Relation: 1},
		{Label: "a very long name that leaves no roo…", Box: plan.Box{990, 990, 1000, 1000}, Relation: 0.123456, Source: &source},
		{Label: "дом", Box: plan.Box{500, 0, 501, 1}, Relation: 0},
	}}
	in := plan.Input{Width: 128, Height: 128, Picture: red}
	img, err := sketch.Draw(&p, &in)
	require.NoError(t, err)
	require.Equal(t, image.Pt(480, 480), img.Bounds().Size(), "small canvases are enlarged")
	require.Equal(t, color.NRGBA{255, 0, 0, 255}, img.NRGBAAt(300, 200), "the condition is at its place")
	require.Equal(t, color.NRGBA{128, 128, 128, 255}, img.NRGBAAt(60, 60), "the canvas is grey")
	require.Equal(t, color.NRGBA{255, 255, 255, 255}, img.NRGBAAt(240, 239), "the condition's box")
	require.Equal(t, color.NRGBA{230, 159, 0, 255}, img.NRGBAAt(20, 478), "the body's box")
	require.Equal(t, color.NRGBA{86, 180, 233, 255}, img.NRGBAAt(150, 48), "what the second takes after")

	for _, size := range []image.Point{{1, 1}, {4096, 8}, {8, 4096}, {4096, 4096}} {
		in = plan.Input{Width: size.X, Height: size.Y, Picture: red}
		img, err = sketch.Draw(&p, &in)
		require.NoError(t, err)
		require.LessOrEqual(t, max(img.Rect.Dx(), img.Rect.Dy()), 2048)
	}
	_, err = sketch.Draw(&plan.Plan{}, &in)
	require.ErrorContains(t, err, "box")
	_, err = sketch.Draw(&p, &plan.Input{})
	require.ErrorContains(t, err, "canvas")
}

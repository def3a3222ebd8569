package sow

import (
	"context"
	"image"
	"image/color"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/plan"
)

// watching is a planner that notes what it was told.
type watching struct{ in *plan.Input }

func (w watching) Plan(_ context.Context, in plan.Input) (plan.Plan, error) {
	*w.in = in
	p, err := plan.Offline{}.Plan(context.Background(), in)
	p.Warnings = []string{"the planner was in a hurry"}
	return p, err
}

// TestPlannerSeesTheKeptPart: a planner is given the condition with the rest in grey, can count tokens, and its warnings reach the report.
func TestPlannerSeesTheKeptPart(t *testing.T) {
	p, err := Open(Builtin)
	require.NoError(t, err)
	img := image.NewNRGBA(image.Rect(0, 0, 64, 64))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	mask := image.NewGray(image.Rect(10, 10, 74, 74)) // bounds may begin anywhere
	for y := 10; y < 42; y++ {
		for x := 10; x < 74; x++ {
			mask.SetGray(x, y, color.Gray{255})
		}
	}
	var in plan.Input
	run, err := p.newRun(t.Context(), Request{Prompt: "a girl", Planner: watching{&in}, Conditions: []Condition{{Picture: img, Mask: mask}}})
	require.NoError(t, err)
	require.Contains(t, run.report.Warnings, "the planner was in a hurry")
	require.Equal(t, plan.Box{0, 0, 500, 1000}, in.Face)
	require.Equal(t, img.Bounds(), in.Picture.Bounds())
	for y, want := range map[int]uint32{0: 0xffff, 31: 0xffff, 32: 0x8080, 63: 0x8080} {
		r, g, b, a := in.Picture.At(63, y).RGBA()
		require.Equal(t, [4]uint32{want, want, want, 0xffff}, [4]uint32{r, g, b, a}, "row %d", y)
	}
	require.True(t, in.Fits("a girl in a forest"))
	long := ""
	for range 80 {
		long += "tree "
	}
	require.False(t, in.Fits(long))

	c := Condition{Picture: img, Mask: mask, Box: image.Rect(0, 0, 64, 64)}
	alone, err := c.PlanInput("a girl", 128, 128)
	require.NoError(t, err)
	require.Equal(t, in.Face, alone.Face)
	require.Equal(t, &plan.Box{0, 0, 500, 500}, alone.Box)
	_, err = (&Condition{}).PlanInput("a girl", 128, 128)
	require.Error(t, err)
}

package experiment

import (
	"bytes"
	"fmt"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/eval"
)

// TestPlot: panels stand in rows of three, and a gain has the colour of what it means.
func TestPlot(t *testing.T) {
	var observations []Observation
	for unit := range 6 {
		v := float64(unit)
		for arm, figures := range map[string]eval.Figures{
			"0": {"kept_psnr": 20 + v, "grey": 0.5}, "1": {"kept_psnr": 18 + v, "grey": 0.1 + v/100}, "2": {"kept_psnr": 20 + v*v - 3*v, "grey": 0.5},
		} {
			observations = append(observations, Observation{Arm: []string{arm}, Unit: fmt.Sprint(unit), Figures: figures})
		}
	}
	f := newFindings(&Experiment{factors: []string{"arm"}}, flatLab(), observations)
	pairs := [][2]string{{"1", "0"}, {"2", "0"}, {"none such", "0"}}
	ink := func(figure, arm string) any {
		g := gains{figure, pairs}
		return g.ink(f.gain(figure, []string{arm}, []string{"0"}))
	}
	require.Equal(t, []any{worseInk, betterInk, unknownInk, unknownInk}, []any{ink("kept_psnr", "1"), ink("grey", "1"), ink("kept_psnr", "2"), ink("grey", "2")})

	sizes := map[int][2]int{}
	for n := range 5 {
		plot, err := f.drawPlot()
		require.NoError(t, err)
		if n == 0 {
			require.Nil(t, plot)
		} else {
			img, err := png.DecodeConfig(bytes.NewReader(plot))
			require.NoError(t, err)
			sizes[n] = [2]int{img.Width, img.Height}
		}
		if n%2 == 0 {
			f.plotGains("grey", pairs)
		} else {
			f.plot("kept_psnr", "arm", "")
		}
	}
	w, h := sizes[1][0], sizes[1][1]
	require.InDeltaMapValues(t, map[string]int{"w2": 2 * w, "h2": h, "w3": 3 * w, "h3": h, "w4": 3 * w, "h4": 2 * h},
		map[string]int{"w2": sizes[2][0], "h2": sizes[2][1], "w3": sizes[3][0], "h3": sizes[3][1], "w4": sizes[4][0], "h4": sizes[4][1]}, 3)
}

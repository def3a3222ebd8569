package experiment

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/sowgen/sowgen/sow/eval"
)

// gains is a panel: how much larger a figure is in each of some arms than in the arm that it is compared with, unit by unit. Each has a line of its
// own, the first on top; an interval that reaches over none is grey, the others say by their colour whether it is better or worse.
type gains struct {
	figure string
	pairs  [][2]string // an arm, and what it is compared with
}

// plotGains adds a panel of gains.
func (f *Findings) plotGains(figure string, pairs [][2]string) {
	f.panels = append(f.panels, &gains{figure, pairs})
}

var (
	worseInk   = inks[1]
	betterInk  = inks[2]
	unknownInk = color.NRGBA{128, 128, 128, 255}
)

func (g *gains) draw(f *Findings) (*plot.Plot, error) {
	out := plot.New()
	out.Title.Text = title(g.figure)
	out.Add(plotter.NewGrid())
	var names []string
	for i := range g.pairs {
		names = append([]string{g.pairs[i][0]}, names...)
	}
	out.NominalY(names...)
	none, err := plotter.NewLine(plotter.XYs{{X: 0, Y: -0.5}, {X: 0, Y: float64(len(names)) - 0.5}})
	if err != nil {
		return nil, err
	}
	none.Dashes = []vg.Length{vg.Points(3), vg.Points(3)}
	out.Add(none)
	for i, pair := range g.pairs {
		gain := f.gain(g.figure, []string{pair[0]}, []string{pair[1]})
		if gain.N == 0 {
			continue
		}
		at := across{gain, float64(len(names) - 1 - i)}
		point, err := plotter.NewScatter(at)
		if err != nil {
			return nil, err
		}
		bar, err := plotter.NewXErrorBars(at)
		if err != nil {
			return nil, err
		}
		ink := g.ink(gain)
		point.Color, bar.Color = ink, ink
		point.Shape, point.Radius, bar.Width = draw.CircleGlyph{}, vg.Points(2.5), vg.Points(1.5)
		out.Add(bar, point)
	}
	out.Y.Min, out.Y.Max = -0.5, float64(len(names))-0.5
	return out, nil
}

// ink is the colour of a gain.
func (g *gains) ink(gain eval.Interval) color.NRGBA {
	better := 1.0
	if known, ok := eval.About(g.figure); ok {
		better = float64(known.Better)
	}
	switch {
	case within(gain) || better == 0:
		return unknownInk
	case better*gain.Mean < 0:
		return worseInk
	}
	return betterInk
}

// across is an interval that lies along a line; it implements plotter.XYer and plotter.XErrorer.
type across struct {
	eval.Interval
	y float64
}

func (a across) Len() int                       { return 1 }
func (a across) XY(int) (x, y float64)          { return a.Mean, a.y }
func (a across) XError(int) (low, high float64) { return a.Mean - a.Low, a.High - a.Mean }

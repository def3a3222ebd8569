package experiment

import (
	"bytes"
	"image/color"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/sowgen/sowgen/sow/eval"
)

// panel is a part of an experiment's plot.
type panel interface {
	draw(f *Findings) (*plot.Plot, error)
}

// curve is a panel: a figure over a factor, with a line for each value of another one and the intervals.
type curve struct {
	figure string
	over   string // the factor along the axis; numbers stand at their places, words side by side
	by     string // the factor that tells the lines apart; "" is none
}

// plot adds a curve.
func (f *Findings) plot(figure, over, by string) {
	f.panels = append(f.panels, &curve{figure, over, by})
}

// The size of a panel, and how many stand side by side.
const (
	panelWidth  = 12 * vg.Centimeter
	panelHeight = 8 * vg.Centimeter
	panelsInRow = 3
)

var inks = []color.NRGBA{{31, 119, 180, 255}, {214, 39, 40, 255}, {44, 160, 44, 255}, {148, 103, 189, 255}, {255, 127, 14, 255}, {80, 80, 80, 255}, {23, 190, 207, 255}}

// drawPlot returns the panels in rows as a PNG, nil without panels.
func (f *Findings) drawPlot() ([]byte, error) {
	if len(f.panels) == 0 {
		return nil, nil
	}
	columns := min(len(f.panels), panelsInRow)
	var rows [][]*plot.Plot // of one length: what the last has not is nil
	for i, panel := range f.panels {
		if i%columns == 0 {
			rows = append(rows, make([]*plot.Plot, columns))
		}
		p, err := panel.draw(f)
		if err != nil {
			return nil, err
		}
		rows[i/columns][i%columns] = p
	}
	canvas := vgimg.NewWith(vgimg.UseWH(panelWidth*vg.Length(columns), panelHeight*vg.Length(len(rows))), vgimg.UseDPI(96))
	tiles := draw.Tiles{
		Rows: len(rows), Cols: columns, PadX: vg.Millimeter * 4, PadY: vg.Millimeter * 4,
		PadTop: vg.Millimeter * 2, PadRight: vg.Millimeter * 3, PadBottom: vg.Millimeter, PadLeft: vg.Millimeter,
	}
	for i, row := range plot.Align(rows, tiles, draw.New(canvas)) {
		for j, c := range row {
			if rows[i][j] != nil {
				rows[i][j].Draw(c)
			}
		}
	}
	var png bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(&png)
	return png.Bytes(), err
}

func (p *curve) draw(f *Findings) (*plot.Plot, error) {
	out := plot.New()
	out.Title.Text, out.X.Label.Text = title(p.figure), p.over
	out.Add(plotter.NewGrid())
	over, by := slices.Index(f.Factors, p.over), slices.Index(f.Factors, p.by)
	var places, lines []string
	for _, a := range f.Arms {
		places = appendNew(places, a.Arm[over])
		if by >= 0 {
			lines = appendNew(lines, a.Arm[by])
		}
	}
	at, numbers := along(places)
	if !numbers {
		words := make([]string, len(places)) // below each other: side by side those of two places would touch
		for i, place := range places {
			words[i] = strings.ReplaceAll(place, " ", "\n")
		}
		out.NominalX(words...)
		out.X.Min, out.X.Max = -0.5, float64(len(places))-0.5
	}
	if by < 0 {
		lines = []string{""}
	}
	for i, line := range lines {
		var points means
		for _, a := range f.Arms {
			if m, ok := a.Means[p.figure]; ok && (by < 0 || a.Arm[by] == line) {
				points = append(points, mean{at[a.Arm[over]], m})
			}
		}
		if len(points) == 0 {
			continue
		}
		slices.SortFunc(points, func(a, b mean) int { return int(a.x - b.x) })
		if !numbers {
			for j := range points { // the intervals of two lines do not lie over each other
				points[j].x += 0.12 * (float64(i) - float64(len(lines)-1)/2)
			}
		}
		if err := points.add(out, line, inks[i%len(inks)], numbers || by >= 0); err != nil {
			return nil, err
		}
	}
	out.Legend.Top = true
	height := out.Y.Max - out.Y.Min
	out.Y.Min, out.Y.Max = out.Y.Min-0.05*height, out.Y.Max+0.05*height
	if by >= 0 { // room for the legend
		out.Y.Max += 0.1 * height * float64(len(lines))
	}
	return out, nil
}

// along returns where values stand along an axis, and whether they are numbers.
func along(values []string) (at map[string]float64, numbers bool) {
	at, numbers = map[string]float64{}, len(values) > 1
	for i, v := range values {
		n, err := strconv.ParseFloat(v, 64)
		numbers = numbers && err == nil
		at[v] = n
		if !numbers {
			at[v] = float64(i)
		}
	}
	if !numbers {
		for i, v := range values {
			at[v] = float64(i)
		}
	}
	return at, numbers
}

// mean is an interval over a place.
type mean struct {
	x float64
	eval.Interval
}

// means implement plotter.XYer and plotter.YErrorer.
type means []mean

func (m means) Len() int                         { return len(m) }
func (m means) XY(i int) (x, y float64)          { return m[i].x, m[i].Mean }
func (m means) YError(i int) (low, high float64) { return m[i].Mean - m[i].Low, m[i].High - m[i].Mean }

// add draws the points with their intervals, joined if they are a line.
func (m means) add(p *plot.Plot, name string, ink color.Color, joined bool) error {
	line, points, err := plotter.NewLinePoints(m)
	if err != nil {
		return err
	}
	bars, err := plotter.NewYErrorBars(m)
	if err != nil {
		return err
	}
	line.Color, points.Color, bars.Color = ink, ink, ink
	line.Width, bars.Width = vg.Points(1.5), vg.Points(1)
	points.Shape, points.Radius = draw.CircleGlyph{}, vg.Points(2.5)
	if joined {
		p.Add(line)
	}
	p.Add(points, bars)
	if name != "" {
		p.Legend.Add(name, line, points)
	}
	return nil
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

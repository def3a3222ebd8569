// Package sketch draws a plan: the condition at its place on the empty canvas, and what must grow out of it as boxes with their names.
package sketch

import (
	"fmt"
	"image"
	"image/color"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/sowgen/sowgen/sow/plan"
)

// colours of the boxes, as many as a plan can have, told apart by the colour-blind too (Okabe and Ito).
var colours = []color.NRGBA{
	{230, 159, 0, 255}, {86, 180, 233, 255}, {0, 158, 115, 255}, {240, 228, 66, 255}, {213, 94, 0, 255}, {204, 121, 167, 255},
}

var (
	white = color.NRGBA{255, 255, 255, 255}
	black = color.NRGBA{0, 0, 0, 255}
	grey  = color.NRGBA{128, 128, 128, 255} // of the canvas that the method starts from
)

// minSide and maxSide bound the shorter and the longer side of a drawing: labels need room.
const (
	minSide = 480
	maxSide = 2048
)

// Draw returns a drawing of p for what it was planned for, one input for each of its conditions: the canvas, enlarged or reduced as a whole to a
// size at which labels can be read. A thin box in a colour is the part of the condition that the box in the same colour takes after.
func Draw(p *plan.Plan, in ...*plan.Input) (*image.NRGBA, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	places := p.Places()
	if len(in) != len(places) {
		return nil, fmt.Errorf("the plan places %d conditions, there are %d", len(places), len(in))
	}
	width, height := in[0].Width, in[0].Height
	if width < 1 || height < 1 {
		return nil, fmt.Errorf("a canvas of %d×%d: want at least 1×1", width, height)
	}
	scale := max(1, minSide/float64(min(width, height)))
	scale *= min(1, maxSide/(scale*float64(max(width, height))))
	side := func(n int) int { return max(int(float64(n)*scale+0.5), 1) }
	img := image.NewNRGBA(image.Rect(0, 0, side(width), side(height)))
	draw.Draw(img, img.Rect, image.NewUniform(grey), image.Point{}, draw.Src)
	for i, place := range places {
		if in[i].Picture != nil {
			draw.BiLinear.Scale(img, pixels(in[i].Fit(place.Box), img.Rect), in[i].Picture, in[i].Picture.Bounds(), draw.Over, nil)
		}
	}
	var labels []label
	for i, place := range places {
		for _, r := range place.Related {
			c := colours[len(labels)%len(colours)]
			if r.Source != nil {
				outline(img, pixels(*r.Source, img.Rect), 1, c)
			}
			box := pixels(r.Box, img.Rect)
			outline(img, box, 3, c)
			labels = append(labels, label{fmt.Sprintf("%s %.2g", r.Label, r.Relation), box, c})
		}
		box := pixels(in[i].Fit(place.Box), img.Rect)
		outline(img, box, 3, white)
		name := "condition (" + string(p.Task) + ")"
		if len(places) > 1 {
			name = fmt.Sprintf("condition %d (%s)", i+1, p.Task)
		}
		labels = append(labels, label{name, box, white})
	}
	var taken []image.Rectangle
	for _, l := range labels {
		taken = append(taken, l.draw(img, taken))
	}
	return img, nil
}

// pixels returns a box on a picture.
func pixels(b plan.Box, r image.Rectangle) image.Rectangle {
	return image.Rect(b[1]*r.Dx()/1000, b[0]*r.Dy()/1000, b[3]*r.Dx()/1000, b[2]*r.Dy()/1000)
}

// outline draws the inner edge of a box.
func outline(img *image.NRGBA, b image.Rectangle, width int, c color.NRGBA) {
	for _, edge := range []image.Rectangle{
		{b.Min, image.Pt(b.Max.X, b.Min.Y+width)}, {image.Pt(b.Min.X, b.Max.Y-width), b.Max},
		{b.Min, image.Pt(b.Min.X+width, b.Max.Y)}, {image.Pt(b.Max.X-width, b.Min.Y), b.Max},
	} {
		draw.Draw(img, edge.Intersect(b), image.NewUniform(c), image.Point{}, draw.Src)
	}
}

// label is a box's name at its upper left corner.
type label struct {
	text string
	box  image.Rectangle
	c    color.NRGBA
}

const lineHeight = 15

// draw writes the label, below those in its way, and returns where.
func (l label) draw(img *image.NRGBA, taken []image.Rectangle) image.Rectangle {
	face := basicfont.Face7x13
	at := image.Rect(0, 0, font.MeasureString(face, l.text).Ceil()+6, lineHeight).Add(l.box.Min)
	at = at.Sub(image.Pt(max(at.Max.X-img.Rect.Max.X, 0), max(at.Max.Y-img.Rect.Max.Y, 0)))
	for range taken {
		for _, t := range taken {
			if at.Overlaps(t) {
				at = at.Add(image.Pt(0, t.Max.Y-at.Min.Y))
			}
		}
	}
	draw.Draw(img, at, image.NewUniform(l.c), image.Point{}, draw.Src)
	d := font.Drawer{Dst: img, Src: image.NewUniform(black), Face: face, Dot: fixed.P(at.Min.X+3, at.Min.Y+11)}
	d.DrawString(l.text)
	return at
}

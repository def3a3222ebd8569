package sow

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"

	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

// Condition is a picture to keep, and which part of it.
type Condition struct {
	Picture *image.NRGBA
	Mask    *image.Gray // of Picture's size, white (≥ 128) is kept; nil keeps what is not transparent
	// Box is where it goes on the canvas, in pixels. Empty leaves the place to the planner, which keeps the picture's proportions.
	Box image.Rectangle
}

// placed is a condition at its place: resized to its box, with what is discarded in the colour of the empty canvas.
type placed struct {
	box  image.Rectangle // on the canvas, in pixels; multiples of the VAE's factor
	seed *image.NRGBA    // of the box's size
	mask *image.Gray     // of the box's size, 255 is kept
}

// grey is the colour of what is discarded, and unless [Params].CanvasGrey says otherwise of what is not there yet (COW §3.1).
var grey = color.NRGBA{128, 128, 128, 255}

// check reports a condition that cannot be used.
func (c *Condition) check(width, height int) error {
	if c.Picture == nil || c.Picture.Bounds().Empty() {
		return badParam("condition", "(no picture)", "want a picture")
	}
	if c.Mask != nil && c.Mask.Bounds().Size() != c.Picture.Bounds().Size() {
		return badParam("mask", c.Mask.Bounds().Size(), fmt.Sprintf("want the size of the condition, %v", c.Picture.Bounds().Size()))
	}
	if !c.Box.Empty() && !c.Box.In(image.Rect(0, 0, width, height)) {
		return badParam("box", boxText(c.Box), fmt.Sprintf("it leaves the canvas of %d×%d", width, height))
	}
	return nil
}

// keep returns the condition's mask over its whole picture: the one given, else what is not transparent.
func (c *Condition) keep() (mask *image.Gray, err error) {
	if mask = c.Mask; mask == nil {
		mask, err = picture.AlphaMask(c.Picture)
	}
	if err == nil && mask == nil {
		size := c.Picture.Bounds().Size()
		return picture.FullMask(size.X, size.Y), nil
	}
	if err != nil || !slices.ContainsFunc(mask.Pix, func(v uint8) bool { return v >= 128 }) {
		return nil, badParam("mask", "(keeps nothing)", "want some of the condition kept; is its sense the other way round (--keep black)?")
	}
	return mask, nil
}

// face returns the bounding box of what the mask keeps, in thousandths of the picture: what the planner is told.
func face(mask *image.Gray) plan.Box {
	b := mask.Bounds()
	bounds := image.Rectangle{b.Max, b.Min}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if mask.GrayAt(x, y).Y >= 128 {
				bounds.Min.X, bounds.Max.X = min(bounds.Min.X, x), max(bounds.Max.X, x+1)
				bounds.Min.Y, bounds.Max.Y = min(bounds.Min.Y, y), max(bounds.Max.Y, y+1)
			}
		}
	}
	bounds = bounds.Sub(b.Min)
	w, h := b.Dx(), b.Dy()
	return plan.Box{bounds.Min.Y * 1000 / h, bounds.Min.X * 1000 / w, bounds.Max.Y * 1000 / h, bounds.Max.X * 1000 / w}
}

// PlanInput is what a planner is told about the condition on a canvas of that size. Generate tells its planner itself; this is for those who
// want a plan alone.
func (c *Condition) PlanInput(prompt string, width, height int) (plan.Input, error) {
	if err := c.check(width, height); err != nil {
		return plan.Input{}, err
	}
	mask, err := c.keep()
	if err != nil {
		return plan.Input{}, err
	}
	in := plan.Input{Prompt: prompt, Width: width, Height: height, Face: face(mask), Picture: visible{c.Picture, mask}}
	if !c.Box.Empty() {
		box := thousandths(c.Box, width, height)
		in.Box = &box
	}
	return in, nil
}

// visible is a condition with what is not kept in grey, worked out pixel by pixel: most planners never look.
type visible struct {
	*image.NRGBA
	mask *image.Gray
}

func (v visible) At(x, y int) color.Color { return v.RGBA64At(x, y) }

func (v visible) RGBA64At(x, y int) color.RGBA64 {
	b, m := v.Rect, v.mask.Rect
	shown := grey
	if image.Pt(x, y).In(b) && v.mask.GrayAt(x-b.Min.X+m.Min.X, y-b.Min.Y+m.Min.Y).Y >= 128 {
		shown = v.NRGBAAt(x, y)
	}
	r, g, bl, a := shown.RGBA()
	return color.RGBA64{uint16(r), uint16(g), uint16(bl), uint16(a)}
}

// place resizes the condition to box. A picture of exactly that size goes in bit for bit.
func (c *Condition) place(mask *image.Gray, box image.Rectangle) (*placed, error) {
	resized := picture.Resize(c.Picture, box.Dx(), box.Dy()) // the caller's own picture where nothing is to be done: not to be drawn on
	bounds := resized.Bounds()
	p := &placed{box: box, seed: image.NewNRGBA(image.Rect(0, 0, box.Dx(), box.Dy())), mask: picture.ResizeMask(mask, box.Dx(), box.Dy())}
	some := false
	for y := range box.Dy() {
		for x := range box.Dx() {
			if p.mask.GrayAt(p.mask.Rect.Min.X+x, p.mask.Rect.Min.Y+y).Y < 128 {
				p.seed.SetNRGBA(x, y, grey)
				continue
			}
			some = true
			// What is kept is opaque: laid over grey.
			v := resized.NRGBAAt(bounds.Min.X+x, bounds.Min.Y+y)
			p.seed.SetNRGBA(x, y, color.NRGBA{over(v.R, v.A), over(v.G, v.A), over(v.B, v.A), 255})
		}
	}
	if !some {
		return nil, badParam("box", boxText(box), "nothing of the mask is left at that size; want a larger box")
	}
	return p, nil
}

// over lays a colour of the given opacity over grey.
func over(v, alpha uint8) uint8 {
	return uint8((int(v)*int(alpha) + int(grey.R)*(255-int(alpha)) + 127) / 255)
}

// canvas returns the empty canvas with every condition pasted on it, and the mask of what is kept.
func canvas(width, height int, empty color.NRGBA, conditions []*placed) (*image.NRGBA, *image.Gray) {
	r := image.Rect(0, 0, width, height)
	img, mask := image.NewNRGBA(r), image.NewGray(r)
	draw.Draw(img, r, image.NewUniform(empty), image.Point{}, draw.Src)
	for _, c := range conditions {
		for y := range c.box.Dy() {
			for x := range c.box.Dx() {
				if c.mask.GrayAt(x, y).Y >= 128 {
					img.SetNRGBA(c.box.Min.X+x, c.box.Min.Y+y, c.seed.NRGBAAt(x, y))
					mask.SetGray(c.box.Min.X+x, c.box.Min.Y+y, color.Gray{255})
				}
			}
		}
	}
	return img, mask
}

// boxFor returns the pixel box of a planned box on the canvas: with the picture's proportions, about the planned area and middle,
// snapped to the VAE's factor and moved inside.
func boxFor(b plan.Box, picture image.Point, width, height, factor int) image.Rectangle {
	y0, x0 := float64(b[0]*height)/1000, float64(b[1]*width)/1000
	y1, x1 := float64(b[2]*height)/1000, float64(b[3]*width)/1000
	ratio := float64(picture.X) / float64(picture.Y)
	w := math.Sqrt((x1 - x0) * (y1 - y0) * ratio)
	h := w / ratio
	if shrink := min(1, float64(width)/w, float64(height)/h); shrink < 1 {
		w, h = w*shrink, h*shrink
	}
	// The top stays: a head planned at the upper edge remains there.
	return snap((x0+x1-w)/2, y0, w, h, width, height, factor)
}

// snap returns the nearest box inside the canvas whose corners are multiples of factor, at least one factor wide and high.
func snap(x, y, w, h float64, width, height, factor int) image.Rectangle {
	cells := func(v float64) int { return int(math.Round(v/float64(factor))) * factor }
	wi, hi := min(max(cells(w), factor), width), min(max(cells(h), factor), height)
	xi, yi := min(max(cells(x), 0), width-wi), min(max(cells(y), 0), height-hi)
	return image.Rect(xi, yi, xi+wi, yi+hi)
}

// thousandths returns a pixel box in the planner's coordinates.
func thousandths(r image.Rectangle, width, height int) plan.Box {
	return plan.Box{r.Min.Y * 1000 / height, r.Min.X * 1000 / width, (r.Max.Y*1000 + height - 1) / height, (r.Max.X*1000 + width - 1) / width}
}

func boxText(r image.Rectangle) string {
	return fmt.Sprintf("%d,%d,%d,%d", r.Min.X, r.Min.Y, r.Dx(), r.Dy())
}

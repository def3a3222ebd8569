package eval

import (
	"image"
	"image/color"
	"math"
)

// Spill is how far the condition's colours have leaked: the share, 0 … 1, of the pixels outside the mask, and within a quarter of the picture's
// shorter side of it, that have one of the main colours of what is kept. A main colour is the mean of a cube of 32 levels that holds at least 4 %
// of the kept pixels; to have it is to be within 24 of it (Euclidean, in red, green, blue). Colours within 48 of skin, if it is given, do not
// count: a neck is meant to take after the face. Pictures whose text names the same colours have some without any leak, those of method text
// too: the measure is the difference to them. canvas has the condition at its place; all have one size.
func Spill(img, canvas *image.NRGBA, mask *image.Gray, skin *color.NRGBA) float64 {
	var colours []color.NRGBA
	for _, c := range mainColours(canvas, mask) {
		if skin == nil || distance(c, *skin) > 48 {
			colours = append(colours, c)
		}
	}
	b := mask.Bounds()
	reach := min(b.Dx(), b.Dy()) / 4
	near := grown(mask, reach)
	around, spilt := 0, 0
	for y := range b.Dy() {
		for x := range b.Dx() {
			if !near[y*b.Dx()+x] || mask.GrayAt(b.Min.X+x, b.Min.Y+y).Y >= 128 {
				continue
			}
			around++
			at := img.NRGBAAt(img.Rect.Min.X+x, img.Rect.Min.Y+y)
			for _, c := range colours {
				if distance(at, c) <= 24 {
					spilt++
					break
				}
			}
		}
	}
	if around == 0 {
		return 0
	}
	return float64(spilt) / float64(around)
}

// mainColours returns those of the kept pixels, in the order of the cubes.
func mainColours(canvas *image.NRGBA, mask *image.Gray) (colours []color.NRGBA) {
	var cubes [512]struct{ r, g, b, n int }
	total := 0
	b := mask.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			if mask.GrayAt(b.Min.X+x, b.Min.Y+y).Y < 128 {
				continue
			}
			v := canvas.NRGBAAt(canvas.Rect.Min.X+x, canvas.Rect.Min.Y+y)
			c := &cubes[int(v.R>>5)<<6|int(v.G>>5)<<3|int(v.B>>5)]
			c.r, c.g, c.b, c.n = c.r+int(v.R), c.g+int(v.G), c.b+int(v.B), c.n+1
			total++
		}
	}
	for _, c := range cubes {
		if c.n > 0 && c.n*25 >= total {
			colours = append(colours, color.NRGBA{uint8(c.r / c.n), uint8(c.g / c.n), uint8(c.b / c.n), 255})
		}
	}
	return colours
}

// grown returns which pixels lie within reach of what the mask keeps, up to the corners of the square.
func grown(mask *image.Gray, reach int) []bool {
	b := mask.Bounds()
	w, h := b.Dx(), b.Dy()
	// A pixel is near if its row is near in the columns, and that in the rows.
	rows, near := make([]bool, w*h), make([]bool, w*h)
	spread := func(from func(i int) bool, n int, to func(i int)) {
		last := -reach - 1
		for i := range n + reach {
			if i < n && from(i) {
				last = i
			}
			if j := i - reach; j >= 0 && last >= j-reach {
				to(j)
			}
		}
	}
	for y := range h {
		spread(func(x int) bool { return mask.GrayAt(b.Min.X+x, b.Min.Y+y).Y >= 128 }, w, func(x int) { rows[y*w+x] = true })
	}
	for x := range w {
		spread(func(y int) bool { return rows[y*w+x] }, h, func(y int) { near[y*w+x] = true })
	}
	return near
}

// distance is the Euclidean one of two colours in red, green and blue.
func distance(a, b color.NRGBA) float64 {
	return math.Sqrt(square(a.R, b.R) + square(a.G, b.G) + square(a.B, b.B))
}

func square(a, b uint8) float64 { d := float64(a) - float64(b); return d * d }

package face

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/sowgen/sowgen/sow/picture"
)

// drawnSide is the longer side to which a large picture is shrunk to be drawn on.
const drawnSide = 1024

// outlined is the colour of what is drawn, which stands out from skin.
var outlined = color.NRGBA{0, 200, 255, 255}

// Draw returns a drawing of faces on their picture, shrunk if it is large: the outline of what is kept of each, its pupils, and its number from 1
// on.
func Draw(img *image.NRGBA, faces []Face, shape Shape) *image.NRGBA {
	size := img.Bounds().Size()
	shrink := min(1, drawnSide/float64(max(size.X, size.Y)))
	drawn := picture.Flatten(picture.Resize(img, side(float64(size.X)*shrink), side(float64(size.Y)*shrink)), 128)
	for i := range faces {
		f := faces[i].scaled(shrink)
		f.outline(drawn, shape)
		for _, pupil := range []Point{f.Left, f.Right} {
			dot := image.Rect(-1, -1, 2, 2).Add(image.Pt(int(pupil.X), int(pupil.Y)))
			draw.Draw(drawn, dot, image.NewUniform(outlined), image.Point{}, draw.Src)
		}
		text := font.Drawer{Dst: drawn, Src: image.NewUniform(outlined), Face: basicfont.Face7x13, Dot: fixed.P(int(f.Centre.X)-3, int(f.Centre.Y-f.Size*0.3))}
		text.DrawString(strconv.Itoa(i + 1))
	}
	return drawn
}

// scaled returns f on a picture that is by times as large.
func (f *Face) scaled(by float64) *Face {
	at := func(p Point) Point { return Point{p.X * by, p.Y * by} }
	return &Face{at(f.Centre), f.Size * by, f.Quality, at(f.Left), at(f.Right)}
}

// outline marks the pixels that are kept and have a neighbour that is not.
func (f *Face) outline(img *image.NRGBA, shape Shape) {
	reach := int(math.Ceil(f.Size))
	around := image.Rect(-reach, -reach, reach, reach).Add(image.Pt(int(f.Centre.X), int(f.Centre.Y))).Intersect(img.Rect)
	for y := around.Min.Y; y < around.Max.Y; y++ {
		for x := around.Min.X; x < around.Max.X; x++ {
			p := Point{float64(x) + 0.5, float64(y) + 0.5}
			inside := f.keeps(Point{p.X - 1, p.Y}, shape) && f.keeps(Point{p.X + 1, p.Y}, shape) && f.keeps(Point{p.X, p.Y - 1}, shape) && f.keeps(Point{p.X, p.Y + 1}, shape)
			if f.keeps(p, shape) && !inside {
				img.SetNRGBA(x, y, outlined)
			}
		}
	}
}

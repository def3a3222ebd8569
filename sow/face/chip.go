package face

import (
	"image"
	"image/draw"
	"math"

	"github.com/sowgen/sowgen/sow/picture"
)

// ChipSide is the side of a chip, in pixels.
const ChipSide = 150

// Where the pupils lie on a chip: in dlib's mean face, in the middle between the corners of each eye, with its padding of a quarter.
var (
	chipLeft  = Point{47.73, 47.14}
	chipRight = Point{100.28, 47.13}
)

// Chip returns the face turned upright and scaled so that its pupils lie where those of dlib's chips do, as the network wants it. What lies
// beyond the picture is black.
func (f *Face) Chip(img *image.NRGBA) *image.NRGBA {
	// From the chip to the picture: p = pupil + (x, -y; y, x)·(chip - pupil on the chip), a rotation and a scale.
	apart := Point{f.Right.X - f.Left.X, f.Right.Y - f.Left.Y}
	want := Point{chipRight.X - chipLeft.X, chipRight.Y - chipLeft.Y}
	d := want.X*want.X + want.Y*want.Y
	x, y := (apart.X*want.X+apart.Y*want.Y)/d, (apart.Y*want.X-apart.X*want.Y)/d
	toPicture := func(p Point) Point {
		u, v := p.X-chipLeft.X, p.Y-chipLeft.Y
		return Point{f.Left.X + x*u - y*v, f.Left.Y + y*u + x*v}
	}
	// Where the picture is finer than the chip it is shrunk first, or single pixels would be picked out of it.
	around := bounds(toPicture, ChipSide).Intersect(img.Bounds())
	chip := image.NewNRGBA(image.Rect(0, 0, ChipSide, ChipSide))
	draw.Draw(chip, chip.Rect, image.Black, image.Point{}, draw.Src)
	if around.Empty() {
		return chip
	}
	crop := image.NewNRGBA(image.Rectangle{Max: around.Size()})
	draw.Draw(crop, crop.Rect, picture.Flatten(img, 128), around.Min, draw.Src)
	shrink := min(1, 1/math.Hypot(x, y))
	small := picture.Resize(crop, side(float64(crop.Rect.Dx())*shrink), side(float64(crop.Rect.Dy())*shrink))
	sx, sy := float64(small.Rect.Dx())/float64(crop.Rect.Dx()), float64(small.Rect.Dy())/float64(crop.Rect.Dy())
	for row := range ChipSide {
		for column := range ChipSide {
			p := toPicture(Point{float64(column) + 0.5, float64(row) + 0.5})
			bilinear(chip.Pix[chip.PixOffset(column, row):][:3], small, Point{(p.X - float64(around.Min.X)) * sx, (p.Y - float64(around.Min.Y)) * sy})
		}
	}
	return chip
}

// bounds is the smallest rectangle of whole pixels about the image of a square from (0, 0) to (side, side).
func bounds(to func(Point) Point, side float64) image.Rectangle {
	low, high := to(Point{}), to(Point{})
	for _, corner := range []Point{{side, 0}, {0, side}, {side, side}} {
		p := to(corner)
		low = Point{min(low.X, p.X), min(low.Y, p.Y)}
		high = Point{max(high.X, p.X), max(high.Y, p.Y)}
	}
	return image.Rect(int(math.Floor(low.X)), int(math.Floor(low.Y)), int(math.Ceil(high.X)), int(math.Ceil(high.Y)))
}

// bilinear writes the colour of img at p to rgb; beyond img it is black.
func bilinear(rgb []byte, img *image.NRGBA, p Point) {
	x, y := p.X-0.5, p.Y-0.5
	x0, y0 := int(math.Floor(x)), int(math.Floor(y))
	var sum [3]float64
	for _, corner := range []image.Point{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
		at := image.Pt(x0+corner.X, y0+corner.Y)
		if !at.In(img.Rect) {
			continue
		}
		weight := math.Abs(1-float64(corner.X)-(x-float64(x0))) * math.Abs(1-float64(corner.Y)-(y-float64(y0)))
		for c := range sum {
			sum[c] += weight * float64(img.Pix[img.PixOffset(at.X, at.Y)+c])
		}
	}
	for c := range sum {
		rgb[c] = uint8(math.Round(sum[c]))
	}
}

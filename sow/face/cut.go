package face

import (
	"image"
	"image/draw"
	"math"
)

// Shape is the outline of what is kept of a face.
type Shape string

// The shapes.
const (
	Ellipse Shape = "ellipse" // from the hairline to the chin and from ear to ear, turned with the head
	Box     Shape = "box"     // the rectangle about the ellipse
)

// The measures of a cut, in sides of the detector's window. They were chosen by looking at what they keep.
const (
	faceAcross, faceAlong, faceBelow = 0.48, 0.60, 0.02 // half the axes of the ellipse, and how far its middle is under the window's
	cutSide, cutAbove                = 1.80, 1.05       // the square that is cut out, and how much of it lies over the window's middle: hair
)

// Cut returns a square part of a picture around the face, with room for the hair, and the mask of the face in it, 255 where it is kept: a
// condition of a photograph. The square is moved, and at last shrunk, to lie within the picture.
func (f *Face) Cut(img *image.NRGBA, shape Shape) (*image.NRGBA, *image.Gray) {
	square := f.Square(img.Bounds())
	crop := image.NewNRGBA(image.Rectangle{Max: square.Size()})
	draw.Draw(crop, crop.Rect, img, square.Min, draw.Src)
	mask := image.NewGray(crop.Rect)
	for y := range square.Dy() {
		for x := range square.Dx() {
			if f.keeps(Point{float64(square.Min.X+x) + 0.5, float64(square.Min.Y+y) + 0.5}, shape) {
				mask.Pix[y*mask.Stride+x] = 255
			}
		}
	}
	return crop, mask
}

// Square is what [Face.Cut] cuts out of a picture with these bounds.
func (f *Face) Square(picture image.Rectangle) image.Rectangle {
	n := min(side(f.Size*cutSide), picture.Dx(), picture.Dy())
	left := min(max(int(math.Round(f.Centre.X))-n/2, picture.Min.X), picture.Max.X-n)
	top := min(max(int(math.Round(f.Centre.Y-f.Size*cutAbove)), picture.Min.Y), picture.Max.Y-n)
	return image.Rect(left, top, left+n, top+n)
}

// keeps reports whether p is in the shape about the face.
func (f *Face) keeps(p Point, shape Shape) bool {
	sin, cos := math.Sincos(f.roll())
	x, y := (p.X-f.Centre.X)/f.Size+faceBelow*sin, (p.Y-f.Centre.Y)/f.Size-faceBelow*cos
	if shape == Box {
		return math.Abs(x) <= math.Hypot(faceAcross*cos, faceAlong*sin) && math.Abs(y) <= math.Hypot(faceAcross*sin, faceAlong*cos)
	}
	return math.Hypot((x*cos+y*sin)/faceAcross, (y*cos-x*sin)/faceAlong) <= 1
}

// roll is how far the head is turned clockwise, in radians.
func (f *Face) roll() float64 { return math.Atan2(f.Right.Y-f.Left.Y, f.Right.X-f.Left.X) }

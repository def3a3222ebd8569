package picture

import (
	"fmt"
	"image"
	"math"
)

// A Blend is how the kept part of a condition is laid into a picture after decoding.
type Blend string

const (
	// BlendNone leaves the picture as it is.
	BlendNone Blend = "none"
	// BlendPaste puts the condition's bytes in place of the picture's wherever the mask keeps them.
	BlendPaste Blend = "paste"
	// BlendFeather mixes the two in a ramp along the inside of the mask's border. At distance d from the nearest pixel that is not kept
	// the condition weighs 3t² - 2t³ with t = d/(width + 1): nothing outside the mask, all from width + 1 pixels on, with no kink at
	// either end. The width is [FeatherWidth].
	BlendFeather Blend = "feather"
	// BlendPoisson is seamless cloning (Pérez, Gangnet and Blake 2003): inside the mask the gradients of the condition, on the mask's
	// outermost kept pixels the colours of the picture, and in between the difference of the two spread as evenly as can be. A picture
	// that is off by a constant there thus keeps that constant: the seam goes, exact equality with the condition goes too.
	BlendPoisson Blend = "poisson"
)

// ParseBlend returns the blend of that name.
func ParseBlend(name string) (Blend, error) {
	switch b := Blend(name); b {
	case BlendNone, BlendPaste, BlendFeather, BlendPoisson:
		return b, nil
	}
	return "", fmt.Errorf("picture: there is no blend %q: take none, paste, feather or poisson", name)
}

// FeatherWidth is the width of the ramp of [BlendFeather] in a w×h picture: a 32nd of the shorter side, 16 pixels at 512×512.
func FeatherWidth(w, h int) int { return max(min(w, h)/32, 1) }

// Apply returns picture with the condition, whose size the mask has, laid into it with the upper left corner at at. All three stay as
// they were. The borders of the picture are no borders of the mask: what is kept up to there is neither feathered nor pulled to anything.
// The error tells of a mask of another size than the condition's or of a condition that reaches out of the picture.
func (b Blend) Apply(picture, condition *image.NRGBA, mask *image.Gray, at image.Point) (*image.NRGBA, error) {
	size := condition.Bounds().Size()
	if m := mask.Bounds().Size(); m != size {
		return nil, fmt.Errorf("picture: the mask is %dx%d, want the condition's %dx%d", m.X, m.Y, size.X, size.Y)
	}
	canvas := image.Rectangle{Max: picture.Bounds().Size()}
	box := image.Rectangle{Min: at, Max: at.Add(size)}
	if !box.In(canvas) {
		return nil, fmt.Errorf("picture: the box %dx%d at (%d, %d) reaches out of the picture %dx%d", size.X, size.Y, at.X, at.Y, canvas.Dx(),
			canvas.Dy())
	}
	dst := duplicate(picture)
	switch b {
	case BlendNone:
	case BlendPaste:
		paste(dst, condition, mask, at)
	case BlendFeather:
		feather(dst, condition, mask, at, FeatherWidth(canvas.Dx(), canvas.Dy()))
	case BlendPoisson:
		clone(dst, condition, mask, at)
	default:
		_, err := ParseBlend(string(b))
		return nil, err
	}
	return dst, nil
}

func kept(v uint8) bool { return v >= 128 }

func paste(dst, condition *image.NRGBA, mask *image.Gray, at image.Point) {
	for y := range mask.Bounds().Dy() {
		to, from := rowOf(dst, at.Y+y)[4*at.X:], rowOf(condition, y)
		for x, m := range grayRow(mask, y) {
			if kept(m) {
				copy(to[4*x:4*x+3], from[4*x:])
			}
		}
	}
}

func feather(dst, condition *image.NRGBA, mask *image.Gray, at image.Point, width int) {
	canvas := dst.Bounds()
	inside := onCanvas(mask, at, canvas.Dx(), canvas.Dy())
	depth := depths(inside, canvas.Dx(), canvas.Dy(), width+1)
	for y := range mask.Bounds().Dy() {
		to, from := rowOf(dst, at.Y+y)[4*at.X:], rowOf(condition, y)
		for x := range mask.Bounds().Dx() {
			t := depth[(at.Y+y)*canvas.Dx()+at.X+x] / float64(width+1)
			weight := t * t * (3 - 2*t)
			for c := 4 * x; c < 4*x+3; c++ {
				to[c] = uint8(math.Round(weight*float64(from[c]) + (1-weight)*float64(to[c])))
			}
		}
	}
}

// onCanvas lays the mask on a canvas of w×h, row by row.
func onCanvas(mask *image.Gray, at image.Point, w, h int) []bool {
	inside := make([]bool, w*h)
	for y := range mask.Bounds().Dy() {
		for x, m := range grayRow(mask, y) {
			inside[(at.Y+y)*w+at.X+x] = kept(m)
		}
	}
	return inside
}

// depths returns for each pixel the Euclidean distance to the nearest pixel that is not inside, at most limit: the nearest one in each
// column first, then over the columns around.
func depths(inside []bool, w, h, limit int) []float64 {
	column := make([]int, w*h)
	for x := range w {
		d := limit
		for y := range h { // from above
			if d = min(d+1, limit); !inside[y*w+x] {
				d = 0
			}
			column[y*w+x] = d
		}
		d = limit
		for y := h - 1; y >= 0; y-- { // from below
			if d = min(d+1, limit); !inside[y*w+x] {
				d = 0
			}
			column[y*w+x] = min(column[y*w+x], d)
		}
	}
	depth := make([]float64, w*h)
	for y := range h {
		row := column[y*w : y*w+w]
		for x := range w {
			if row[x] == 0 {
				continue
			}
			nearest := limit * limit
			for i := max(x-limit, 0); i < min(x+limit+1, w); i++ {
				nearest = min(nearest, (x-i)*(x-i)+row[i]*row[i])
			}
			depth[y*w+x] = math.Sqrt(float64(nearest))
		}
	}
	return depth
}

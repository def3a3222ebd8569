package eval

import "image"

// ringWidth is how far around the condition [GreyRing] looks, in pixels; nearGrey how far from 128 still counts as grey.
const (
	ringWidth = 12
	nearGrey  = 16
)

// GreyRing returns the share, 0 … 1, of the pixels within 12 of what mask keeps (and not in it) that are still the grey of the empty canvas:
// how much a picture has failed to grow. The ring is square; it is 0 where there is none. img and mask have one size.
func GreyRing(img *image.NRGBA, mask *image.Gray) float64 {
	b := mask.Bounds()
	ring, grey := 0, 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if mask.GrayAt(x, y).Y >= 128 || !keptWithin(mask, image.Pt(x, y)) {
				continue
			}
			ring++
			if v := img.NRGBAAt(x, y); near(v.R) && near(v.G) && near(v.B) {
				grey++
			}
		}
	}
	if ring == 0 {
		return 0
	}
	return float64(grey) / float64(ring)
}

// keptWithin reports whether mask keeps a pixel within ringWidth of at.
func keptWithin(mask *image.Gray, at image.Point) bool {
	r := image.Rect(at.X-ringWidth, at.Y-ringWidth, at.X+ringWidth+1, at.Y+ringWidth+1).Intersect(mask.Bounds())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if mask.GrayAt(x, y).Y >= 128 {
				return true
			}
		}
	}
	return false
}

func near(v uint8) bool { return v > 128-nearGrey && v < 128+nearGrey }

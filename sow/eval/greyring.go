package eval

import "image"

// ringWidth is how far around the condition [GreyRing] looks, in pixels; nearGrey how far from the canvas's level still counts as empty.
const (
	ringWidth = 12
	nearGrey  = 16
)

// GreyRing returns the share, 0 … 1, of the pixels within 12 of what mask keeps (and not in it) that are still an empty canvas of that grey:
// how much a picture has failed to grow. The ring is square; it is 0 where there is none. img and mask have one size.
func GreyRing(img *image.NRGBA, mask *image.Gray, grey uint8) float64 {
	b := mask.Bounds()
	near := func(v uint8) bool { return int(v) > int(grey)-nearGrey && int(v) < int(grey)+nearGrey }
	ring, empty := 0, 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if mask.GrayAt(x, y).Y >= 128 || !keptWithin(mask, image.Pt(x, y)) {
				continue
			}
			ring++
			if v := img.NRGBAAt(x, y); near(v.R) && near(v.G) && near(v.B) {
				empty++
			}
		}
	}
	if ring == 0 {
		return 0
	}
	return float64(empty) / float64(ring)
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

package eval

import (
	"image"
	"image/color"
	"math"
)

// skins are the skin tones of the built-in model's world (SKINS in sow/builtin/train/scenes.py; there each person's is off by up to 6 levels).
var skins = []color.NRGBA{{255, 224, 196, 255}, {240, 196, 158, 255}, {206, 150, 108, 255}, {142, 92, 62, 255}}

// shaded is a skin tone under the chin, where that world draws a shadow.
func shaded(c color.NRGBA) color.NRGBA {
	dark := func(v uint8) uint8 { return uint8(math.Round(0.86 * float64(v))) }
	return color.NRGBA{dark(c.R), dark(c.G), dark(c.B), 255}
}

// Tone returns which of the world's skin tones a colour is nearest to.
func Tone(skin color.NRGBA) (tone int) {
	for i, s := range skins {
		if distance(skin, s) < distance(skin, skins[tone]) {
			tone = i
		}
	}
	return tone
}

// BodySkin returns which skin tone the body has in a picture of the built-in model's world, and whether any skin is to be seen. It looks where
// that world has throats: from the middle of what the mask keeps down to a third of its height below it, in the middle half of its width, outside
// the mask. Each pixel within 24 of a tone, or of a tone in the shadow under a chin, is a vote for the nearest; fewer than six are no skin.
func BodySkin(img *image.NRGBA, mask *image.Gray) (tone int, seen bool) {
	head := bounds(mask)
	w, h := head.Dx(), head.Dy()
	throat := image.Rect(head.Min.X+w/4, head.Min.Y+h/2, head.Max.X-w/4, head.Max.Y+h/3).Intersect(mask.Bounds())
	votes := make([]int, len(skins))
	for y := throat.Min.Y; y < throat.Max.Y; y++ {
		for x := throat.Min.X; x < throat.Max.X; x++ {
			if mask.GrayAt(x, y).Y >= 128 {
				continue
			}
			v, nearest, best := img.NRGBAAt(x, y), 0, 25.0
			for t, skin := range skins {
				if d := min(distance(v, skin), distance(v, shaded(skin))); d < best {
					nearest, best = t, d
				}
			}
			if best <= 24 {
				votes[nearest]++
			}
		}
	}
	for t, n := range votes {
		if n > votes[tone] {
			tone = t
		}
	}
	return tone, votes[tone] >= 6
}

// bounds is the smallest box around what a mask keeps.
func bounds(mask *image.Gray) image.Rectangle {
	b := mask.Bounds()
	r := image.Rectangle{b.Max, b.Min}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if mask.GrayAt(x, y).Y >= 128 {
				r.Min.X, r.Max.X = min(r.Min.X, x), max(r.Max.X, x+1)
				r.Min.Y, r.Max.Y = min(r.Min.Y, y), max(r.Max.Y, y+1)
			}
		}
	}
	return r
}

package picture_test

import (
	"image"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sowgen/sowgen/sow/picture"
)

func TestPSNR(t *testing.T) {
	a := muted(noise(1, 20, 20))
	assert.True(t, math.IsInf(picture.PSNR(a, a, nil), 1))
	assert.InDelta(t, 20*math.Log10(255.0/5), picture.PSNR(a, shifted(a, 5), nil), 1e-12)
	mask := disc(20, 20, 5)
	b := noise(2, 20, 20)
	pasted, err := picture.BlendPaste.Apply(b, a, mask, image.Point{})
	assert.NoError(t, err)
	assert.True(t, math.IsInf(picture.PSNR(a, pasted, mask), 1), "only the mask counts")
	assert.True(t, math.IsNaN(picture.PSNR(a, b, image.NewGray(image.Rect(0, 0, 20, 20)))))
	assert.Panics(t, func() { picture.PSNR(a, noise(1, 20, 21), nil) })
}

func TestSSIM(t *testing.T) {
	a := noise(1, 30, 40)
	assert.InDelta(t, 1, picture.SSIM(a, a, nil), 1e-12)
	assert.Less(t, picture.SSIM(a, noise(2, 30, 40), nil), 0.1)
	assert.True(t, math.IsNaN(picture.SSIM(noise(1, 10, 40), noise(1, 10, 40), nil)), "no window fits")
	// Only windows whose centre is kept count: with the left half equal and far enough from the right one, 1.
	b := noise(2, 30, 40)
	left := image.NewGray(image.Rect(0, 0, 30, 40))
	for i := range left.Pix {
		if i%30 < 10 {
			left.Pix[i] = 255
		}
	}
	b, err := picture.BlendPaste.Apply(b, a, half(30, 40, 15), image.Point{})
	assert.NoError(t, err)
	assert.InDelta(t, 1, picture.SSIM(a, b, left), 1e-12)
}

// half keeps the columns left of edge.
func half(w, h, edge int) *image.Gray {
	mask := image.NewGray(image.Rect(0, 0, w, h))
	for i := range mask.Pix {
		if i%w < edge {
			mask.Pix[i] = 255
		}
	}
	return mask
}

func TestBoundaryGradientRatio(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 32, 8))
	for y := range 8 {
		for x := range 32 {
			v := uint8(3*x + 3*y)
			copy(img.Pix[img.PixOffset(x, y):], []byte{v, v, v, 255})
		}
	}
	mask := half(32, 8, 16)
	assert.InDelta(t, 1, picture.BoundaryGradientRatio(img, mask), 1e-12, "an even slope has no seam")
	seam, err := picture.BlendPaste.Apply(shifted(img, 12), img, mask, image.Point{})
	assert.NoError(t, err)
	assert.InDelta(t, 5, picture.BoundaryGradientRatio(seam, mask), 1e-12, "a step of 15 among steps of 3")
	assert.True(t, math.IsNaN(picture.BoundaryGradientRatio(img, picture.FullMask(32, 8))))
}

func BenchmarkSSIM(b *testing.B) {
	x, y := noise(1, 512, 512), noise(2, 512, 512)
	for b.Loop() {
		picture.SSIM(x, y, nil)
	}
}

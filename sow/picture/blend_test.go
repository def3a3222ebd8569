package picture_test

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/picture"
)

// noise is an opaque w×h picture of random bytes.
func noise(seed uint64, w, h int) *image.NRGBA {
	r := rand.New(rand.NewPCG(seed, 0))
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(r.Uint32())
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	return img
}

// disc keeps a disc in the middle of a w×h mask.
func disc(w, h int, radius float64) *image.Gray {
	mask := image.NewGray(image.Rect(0, 0, w, h))
	for i := range mask.Pix {
		if math.Hypot(float64(i%w)-float64(w-1)/2, float64(i/w)-float64(h-1)/2) <= radius {
			mask.Pix[i] = 255
		}
	}
	return mask
}

var allBlends = []picture.Blend{picture.BlendNone, picture.BlendPaste, picture.BlendFeather, picture.BlendPoisson}

// TestBlendOutside: whatever the blend, what is not kept stays as it was, and so do the inputs.
func TestBlendOutside(t *testing.T) {
	at := image.Pt(20, 10)
	for _, b := range allBlends {
		pic, cond, mask := noise(1, 90, 80), noise(2, 50, 60), disc(50, 60, 20)
		got, err := b.Apply(pic, cond, mask, at)
		require.NoError(t, err)
		assert.Equal(t, noise(1, 90, 80), pic)
		assert.Equal(t, noise(2, 50, 60), cond)
		changed := 0
		for y := range 80 {
			for x := range 90 {
				inside := image.Pt(x, y).Sub(at).In(mask.Rect) && mask.GrayAt(x-at.X, y-at.Y).Y > 0
				if got.NRGBAAt(x, y) != pic.NRGBAAt(x, y) {
					changed++
					require.True(t, inside, "%s changed (%d, %d)", b, x, y)
				}
			}
		}
		assert.Equal(t, b != picture.BlendNone, changed > 0, b)
	}
}

func TestPaste(t *testing.T) {
	pic, cond, mask := noise(1, 64, 64), noise(2, 32, 32), disc(32, 32, 12)
	got, err := picture.BlendPaste.Apply(pic, cond, mask, image.Pt(16, 0))
	require.NoError(t, err)
	box := got.SubImage(image.Rect(16, 0, 48, 32)).(*image.NRGBA)
	assert.True(t, math.IsInf(picture.PSNR(box, cond, mask), 1), "8-bit equality")
}

// TestFeather: the weights follow the documented ramp of the distance, and the canvas' edge is no border.
func TestFeather(t *testing.T) {
	pic, cond := image.NewNRGBA(image.Rect(0, 0, 256, 128)), image.NewNRGBA(image.Rect(0, 0, 128, 64))
	for i := range cond.Pix {
		cond.Pix[i] = 255
	}
	width := picture.FeatherWidth(256, 128)
	require.Equal(t, 4, width)
	got, err := picture.BlendFeather.Apply(pic, cond, picture.FullMask(128, 64), image.Pt(64, 0))
	require.NoError(t, err)
	ramp := func(d float64) uint8 {
		x := min(d/float64(width+1), 1)
		return uint8(math.Round(255 * x * x * (3 - 2*x)))
	}
	for d := 1; d < 10; d++ {
		want := ramp(float64(d))
		assert.Equal(t, want, got.NRGBAAt(64+d-1, 0).R, "left, %d", d)
		assert.Equal(t, want, got.NRGBAAt(192-d, 20).R, "right, %d", d)
		assert.Equal(t, want, got.NRGBAAt(128, 64-d).R, "below, %d", d)
	}
	assert.Equal(t, uint8(255), got.NRGBAAt(128, 0).R, "the upper edge is the canvas'")
	assert.Equal(t, ramp(1), got.NRGBAAt(64, 63).R, "at the corner")

	// A hole of one pixel: Euclidean distances.
	mask := picture.FullMask(128, 64)
	mask.Pix[32*128+64] = 0
	got, err = picture.BlendFeather.Apply(pic, cond, mask, image.Pt(64, 0))
	require.NoError(t, err)
	assert.Equal(t, uint8(0), got.NRGBAAt(128, 32).R)
	assert.Equal(t, ramp(math.Sqrt2), got.NRGBAAt(129, 33).R)
	assert.Equal(t, ramp(math.Sqrt(5)), got.NRGBAAt(127, 34).R)
}

// shifted is img with c added to every channel.
func shifted(img *image.NRGBA, c int) *image.NRGBA {
	out := image.NewNRGBA(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = uint8(min(max(int(v)+c, 0), 255))
		if i%4 == 3 {
			out.Pix[i] = v
		}
	}
	return out
}

// muted keeps to 60…187, so that a shift does not clip.
func muted(img *image.NRGBA) *image.NRGBA {
	for i := range img.Pix {
		if i%4 < 3 {
			img.Pix[i] = 60 + img.Pix[i]/2
		}
	}
	return img
}

// TestPoissonConstant: a picture that is the condition plus a constant around the border gets the condition plus that constant.
func TestPoissonConstant(t *testing.T) {
	for name, c := range map[string]struct {
		mask *image.Gray
		at   image.Point
	}{
		"disc":        {disc(61, 47, 20), image.Pt(20, 10)},
		"box":         {picture.FullMask(61, 47), image.Pt(20, 10)},
		"at the edge": {picture.FullMask(61, 47), image.Pt(0, 0)},
		"in a corner": {disc(61, 47, 30), image.Pt(39, 33)},
		"one pixel":   {disc(1, 1, 1), image.Pt(5, 5)},
	} {
		t.Run(name, func(t *testing.T) {
			w, h := c.mask.Rect.Dx(), c.mask.Rect.Dy()
			cond := muted(noise(3, w, h))
			pic, near := muted(noise(4, 100, 80)), shifted(cond, 37)
			for y := range h {
				for x := range w {
					pic.SetNRGBA(c.at.X+x, c.at.Y+y, near.NRGBAAt(x, y))
				}
			}
			got, err := picture.BlendPoisson.Apply(pic, cond, c.mask, c.at)
			require.NoError(t, err)
			assert.Equal(t, pic, got)
		})
	}
}

// TestPoissonLaplace: the result minus the condition is harmonic inside, the picture on the rim.
func TestPoissonLaplace(t *testing.T) {
	const w, h = 70, 60
	pic, cond := muted(noise(5, w, h)), image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			v := uint8(100 + 20*math.Sin(float64(x)/5) + 20*math.Cos(float64(y)/7))
			copy(cond.Pix[cond.PixOffset(x, y):], []byte{v, v, v, 255})
		}
	}
	mask := disc(w, h, 27)
	got, err := picture.BlendPoisson.Apply(pic, cond, mask, image.Point{})
	require.NoError(t, err)

	// The same equation by plain relaxation until nothing moves.
	at := func(x, y int) int { return y*w + x }
	kept := func(x, y int) bool { return mask.GrayAt(x, y).Y > 0 }
	for c := range 3 {
		u := make([]float64, w*h)
		var inner []image.Point
		for y := range h {
			for x := range w {
				if !kept(x, y) {
					continue
				}
				if kept(x-1, y) && kept(x+1, y) && kept(x, y-1) && kept(x, y+1) {
					inner = append(inner, image.Pt(x, y))
				} else {
					i := pic.PixOffset(x, y) + c
					u[at(x, y)] = float64(pic.Pix[i]) - float64(cond.Pix[i])
					assert.Equal(t, pic.Pix[i], got.Pix[i], "the rim")
				}
			}
		}
		for move := 1.0; move > 1e-6; {
			move = 0
			for _, p := range inner {
				v := (u[at(p.X-1, p.Y)] + u[at(p.X+1, p.Y)] + u[at(p.X, p.Y-1)] + u[at(p.X, p.Y+1)]) / 4
				move = max(move, math.Abs(v-u[at(p.X, p.Y)]))
				u[at(p.X, p.Y)] = v
			}
		}
		for _, p := range inner {
			i := got.PixOffset(p.X, p.Y) + c
			want := min(max(float64(cond.Pix[i])+u[at(p.X, p.Y)], 0), 255)
			assert.LessOrEqual(t, math.Abs(float64(got.Pix[i])-want), 0.5+0.1, "half a level of rounding and a tenth of the solver")
		}
	}
}

// TestPoissonWhole: with nothing outside the mask there is nothing to fit to.
func TestPoissonWhole(t *testing.T) {
	pic, cond := noise(1, 16, 16), noise(2, 16, 16)
	got, err := picture.BlendPoisson.Apply(pic, cond, picture.FullMask(16, 16), image.Point{})
	require.NoError(t, err)
	assert.Equal(t, cond, got)
}

func TestBlendErrors(t *testing.T) {
	pic, cond := noise(1, 64, 64), noise(2, 32, 32)
	_, err := picture.BlendPaste.Apply(pic, cond, picture.FullMask(31, 32), image.Point{})
	require.EqualError(t, err, "picture: the mask is 31x32, want the condition's 32x32")
	for _, at := range []image.Point{{-1, 0}, {0, 33}, {40, 40}} {
		_, err = picture.BlendPaste.Apply(pic, cond, picture.FullMask(32, 32), at)
		require.ErrorContains(t, err, "reaches out of the picture 64x64")
	}
	_, err = picture.Blend("glue").Apply(pic, cond, picture.FullMask(32, 32), image.Point{})
	require.ErrorContains(t, err, `no blend "glue"`)
	for _, b := range allBlends {
		got, err := picture.ParseBlend(string(b))
		require.NoError(t, err)
		assert.Equal(t, b, got)
	}
}

func BenchmarkBlend(b *testing.B) {
	pic, cond, mask := noise(1, 512, 512), noise(2, 256, 256), disc(256, 256, 110)
	for _, blend := range allBlends {
		b.Run(string(blend), func(b *testing.B) {
			for b.Loop() {
				if _, err := blend.Apply(pic, cond, mask, image.Pt(128, 0)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package picture

import (
	"image"
	"math"
)

// Resize returns img at w×h pixels by cubic convolution (Keys 1981, a = -1/2: the Catmull-Rom spline), widened by the scale where the
// picture shrinks. The centre of pixel i lies at i + 1/2, so edges fall on edges. A picture that has this size already is returned
// itself. It panics unless w and h are at least 1.
//
// It is bit for bit Pillow's Image.resize(…, BICUBIC), which PyTorch pipelines use, and therefore our own rather than x/image/draw's:
// weights of 22 bits after the point, rows before columns, rounding to 8 bits in between, alpha multiplied in meanwhile. (Pillow 13 takes
// columns first where that is less work, which can differ by a few levels.)
func Resize(img *image.NRGBA, w, h int) *image.NRGBA {
	size := img.Bounds().Size()
	if size == image.Pt(w, h) {
		return img
	}
	opaque := img.Opaque()
	if !opaque {
		img = mapPixels(img, multiplyAlpha)
	}
	if size.X != w {
		img = resizeRows(img, w)
	}
	if size.Y != h {
		img = resizeColumns(img, h)
	}
	if !opaque {
		img = mapPixels(img, divideAlpha)
	}
	return img
}

// taps are the source pixels from, from+1, … that make one pixel, with their weights in fixed point.
type taps struct {
	from    int
	weights []int32
}

const weightBits = 22

// cubicTaps returns the taps of each of out pixels made from in pixels.
func cubicTaps(in, out int) []taps {
	scale := float64(in) / float64(out)
	widen := max(scale, 1)
	support := 2 * widen
	all := make([]taps, out)
	for i := range all {
		centre := (float64(i) + 0.5) * scale
		from := max(int(centre-support+0.5), 0)
		to := min(int(centre+support+0.5), in)
		w := make([]float64, to-from)
		sum := 0.0
		for j := range w {
			w[j] = catmullRom((float64(from+j) - centre + 0.5) / widen)
			sum += w[j]
		}
		all[i] = taps{from, make([]int32, len(w))}
		for j := range w {
			all[i].weights[j] = int32(math.Round(w[j] / sum * (1 << weightBits)))
		}
	}
	return all
}

// catmullRom is the cubic convolution kernel with a = -1/2.
func catmullRom(x float64) float64 {
	const a = -0.5
	switch x = math.Abs(x); {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	}
	return 0
}

func resizeRows(img *image.NRGBA, w int) *image.NRGBA {
	b := img.Bounds()
	all := cubicTaps(b.Dx(), w)
	dst := image.NewNRGBA(image.Rect(0, 0, w, b.Dy()))
	for y := range b.Dy() {
		from, to := rowOf(img, y), rowOf(dst, y)
		for x, t := range all {
			var sum [4]int64
			for j, weight := range t.weights {
				p := from[4*(t.from+j) : 4*(t.from+j)+4]
				for c := range sum {
					sum[c] += int64(weight) * int64(p[c])
				}
			}
			for c := range sum {
				to[4*x+c] = fromFixed(sum[c])
			}
		}
	}
	return dst
}

func resizeColumns(img *image.NRGBA, h int) *image.NRGBA {
	b := img.Bounds()
	dst := image.NewNRGBA(image.Rect(0, 0, b.Dx(), h))
	sum := make([]int64, 4*b.Dx())
	for y, t := range cubicTaps(b.Dy(), h) {
		clear(sum)
		for j, weight := range t.weights {
			for i, v := range rowOf(img, t.from+j) {
				sum[i] += int64(weight) * int64(v)
			}
		}
		to := rowOf(dst, y)
		for i := range sum {
			to[i] = fromFixed(sum[i])
		}
	}
	return dst
}

// fromFixed rounds to a byte and clips what the spline overshoots.
func fromFixed(sum int64) uint8 {
	return uint8(min(max((sum+1<<(weightBits-1))>>weightBits, 0), 255))
}

// duplicate returns a copy of img.
func duplicate(img *image.NRGBA) *image.NRGBA {
	b := img.Bounds()
	dst := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		copy(rowOf(dst, y), rowOf(img, y))
	}
	return dst
}

// mapPixels returns img with f applied to each pixel.
func mapPixels(img *image.NRGBA, f func(p []byte)) *image.NRGBA {
	dst := duplicate(img)
	for i := 0; i < len(dst.Pix); i += 4 {
		f(dst.Pix[i : i+4])
	}
	return dst
}

// multiplyAlpha and divideAlpha round as Pillow's RGBA → RGBa → RGBA does.
func multiplyAlpha(p []byte) {
	for c := range 3 {
		v := int(p[c])*int(p[3]) + 128
		p[c] = uint8((v>>8 + v) >> 8)
	}
}

func divideAlpha(p []byte) {
	if a := int(p[3]); a != 0 && a != 255 {
		for c := range 3 {
			p[c] = uint8(min(255*int(p[c])/a, 255))
		}
	}
}

// ResizeMask returns a mask at w×h by the rule of torch.nn.functional.interpolate(mode="nearest"): pixel i comes from pixel
// floor(i·in/out), so a shrunk mask samples the upper left corner of each cell. It serves to bring a mask to a picture's size and to the
// latent grid. It panics unless w and h are at least 1.
func ResizeMask(mask *image.Gray, w, h int) *image.Gray {
	b := mask.Bounds()
	dst := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		from, to := grayRow(mask, y*b.Dy()/h), grayRow(dst, y)
		for x := range to {
			to[x] = from[x*b.Dx()/w]
		}
	}
	return dst
}

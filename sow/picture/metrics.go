package picture

import (
	"image"
	"math"
)

// PSNR is the peak signal-to-noise ratio of a against b in dB: 10·log10(255²/MSE), with the mean of the squared differences over red,
// green and blue of the pixels that mask keeps, or over all if it is nil. Equal pictures give +Inf, an empty mask NaN. It panics unless
// the sizes agree.
func PSNR(a, b *image.NRGBA, mask *image.Gray) float64 {
	sameSize(a, b, mask)
	sum, n := 0.0, 0.0
	for y := range a.Bounds().Dy() {
		p, q := rowOf(a, y), rowOf(b, y)
		for x := range a.Bounds().Dx() {
			if mask != nil && !kept(grayRow(mask, y)[x]) {
				continue
			}
			for c := 4 * x; c < 4*x+3; c++ {
				d := float64(p[c]) - float64(q[c])
				sum += d * d
			}
			n += 3
		}
	}
	return 10 * math.Log10(255*255/(sum/n))
}

// SSIM is the mean structural similarity of a and b (Wang, Bovik, Sheikh and Simoncelli 2004): Gaussian windows of 11×11 pixels with a
// standard deviation of 1.5, K1 = .01, K2 = .03, range 255. The mean is over red, green and blue and over all windows that lie within
// the picture and have their centre where mask keeps (anywhere if it is nil). 1 means equal; it is NaN where there is no such window, so
// always below 11×11 pixels. It agrees with scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5,
// use_sample_covariance=False, channel_axis=2). It panics unless the sizes agree.
func SSIM(a, b *image.NRGBA, mask *image.Gray) float64 {
	sameSize(a, b, mask)
	const (
		c1 = (0.01 * 255) * (0.01 * 255)
		c2 = (0.03 * 255) * (0.03 * 255)
	)
	w, h := a.Bounds().Dx(), a.Bounds().Dy()
	if w < window || h < window {
		return math.NaN()
	}
	sum, n := 0.0, 0.0
	x, y := make([]float64, w*h), make([]float64, w*h)
	squares, product := make([]float64, w*h), make([]float64, w*h)
	for c := range 3 {
		for i := range x {
			x[i], y[i] = float64(rowOf(a, i/w)[4*(i%w)+c]), float64(rowOf(b, i/w)[4*(i%w)+c])
			squares[i], product[i] = x[i]*x[i]+y[i]*y[i], x[i]*y[i]
		}
		mx, my, ms, mp := gaussianMeans(x, w, h), gaussianMeans(y, w, h), gaussianMeans(squares, w, h), gaussianMeans(product, w, h)
		for i := range mx {
			if mask != nil {
				across := w - window + 1
				if !kept(grayRow(mask, i/across+window/2)[i%across+window/2]) {
					continue
				}
			}
			means := mx[i]*mx[i] + my[i]*my[i]
			variances, covariance := ms[i]-means, mp[i]-mx[i]*my[i]
			sum += (2*mx[i]*my[i] + c1) * (2*covariance + c2) / ((means + c1) * (variances + c2))
			n++
		}
	}
	return sum / n
}

const window = 11

// gaussianMeans returns the weighted mean of v [h, w] in each window that lies within it: [h-10, w-10].
func gaussianMeans(v []float64, w, h int) []float64 {
	const sigma = 1.5
	var weight [window]float64
	total := 0.0
	for i := range weight {
		d := float64(i - window/2)
		weight[i] = math.Exp(-d * d / (2 * sigma * sigma))
		total += weight[i]
	}
	for i := range weight {
		weight[i] /= total
	}
	across, down := w-window+1, h-window+1
	rows := make([]float64, across*h)
	for y := range h {
		for x := range across {
			for i, g := range weight {
				rows[y*across+x] += g * v[y*w+x+i]
			}
		}
	}
	means := make([]float64, across*down)
	for y := range down {
		for i, g := range weight {
			for x, r := range rows[(y+i)*across : (y+i+1)*across] {
				means[y*across+x] += g * r
			}
		}
	}
	return means
}

// BoundaryGradientRatio says how visible the border of the mask is in img: the mean size of the steps between neighbouring pixels (left to
// right and top to bottom, Euclidean in red, green, blue) that cross the border, over the mean size of all steps between neighbours that
// are both within 4 pixels of it and on the same side. 1 is a border that cannot be told from what is around it; a pasted patch
// has more. Without a border, or with nothing but it, it is NaN. It panics unless the sizes agree.
func BoundaryGradientRatio(img *image.NRGBA, mask *image.Gray) float64 {
	sameSize(img, img, mask)
	const reach = 4
	w, h := mask.Bounds().Dx(), mask.Bounds().Dy()
	inside := onCanvas(mask, image.Point{}, w, h)
	outside := make([]bool, w*h)
	for i := range inside {
		outside[i] = !inside[i]
	}
	in, out := depths(inside, w, h, reach+1), depths(outside, w, h, reach+1)
	near := func(i int) bool { return in[i]+out[i] <= reach } // one of the two is 0
	var across, along struct{ sum, n float64 }
	for i := range inside {
		x, y := i%w, i/w
		p := rowOf(img, y)[4*x:]
		step := func(j int, q []byte) {
			d := math.Hypot(math.Hypot(float64(p[0])-float64(q[0]), float64(p[1])-float64(q[1])), float64(p[2])-float64(q[2]))
			switch {
			case inside[i] != inside[j]:
				across.sum += d
				across.n++
			case near(i) && near(j):
				along.sum += d
				along.n++
			}
		}
		if x+1 < w {
			step(i+1, p[4:])
		}
		if y+1 < h {
			step(i+w, rowOf(img, y+1)[4*x:])
		}
	}
	return across.sum / across.n / (along.sum / along.n)
}

func sameSize(a, b *image.NRGBA, mask *image.Gray) {
	size := a.Bounds().Size()
	if b.Bounds().Size() != size || mask != nil && mask.Bounds().Size() != size {
		panic("picture: the sizes of the pictures to be compared differ")
	}
}

package picture

import (
	"fmt"
	"image"
	"math"

	"github.com/sowgen/sowgen/tensor"
)

// ToTensor returns img as [1, h, w, 3] in [-1, 1]: v/127.5 - 1. Alpha is not looked at; see [Flatten].
func ToTensor(img *image.NRGBA) *tensor.Tensor {
	b := img.Bounds()
	t := tensor.New(1, b.Dy(), b.Dx(), 3)
	x := tensor.Floats(t)
	for y := range b.Dy() {
		for i, v := range rowOf(img, y) {
			if i%4 == 3 {
				continue
			}
			x[0] = float32(v)/127.5 - 1
			x = x[1:]
		}
	}
	return t
}

// FromTensor returns x [1, h, w, 3] as a picture: clamp(x/2 + 1/2, 0, 1)·255 rounded half to even, as diffusers' numpy_to_pil does. A
// value that is NaN is an error that tells where.
func FromTensor(t *tensor.Tensor) (*image.NRGBA, error) {
	s := t.Shape()
	if len(s) != 4 || s[0] != 1 || s[3] != 3 {
		return nil, fmt.Errorf("picture: want a tensor [1, h, w, 3], got %v", []int(s))
	}
	h, w, x := s[1], s[2], tensor.Floats(t)
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		p := img.Pix[4*i : 4*i+4]
		for c := range 3 {
			v := x[3*i+c]
			if v != v {
				return nil, fmt.Errorf("picture: pixel (%d, %d), channel %d, is not a number: the model or its weights are broken", i%w, i/w, c)
			}
			v = min(max(v/2+0.5, 0), 1)
			p[c] = uint8(math.RoundToEven(float64(v * 255)))
		}
		p[3] = 255
	}
	return img, nil
}

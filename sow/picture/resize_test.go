package picture_test

import (
	"image"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
)

// TestResizeSame: a picture of the size asked for passes through.
func TestResizeSame(t *testing.T) {
	img := noise(1, 17, 9)
	assert.Same(t, img, picture.Resize(img, 17, 9))
}

func TestResizeEven(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 13, 7))
	for i := range img.Pix {
		img.Pix[i] = []byte{7, 250, 128, 255}[i%4]
	}
	for _, size := range []image.Point{{1, 1}, {40, 3}, {200, 100}} {
		got := picture.Resize(img, size.X, size.Y)
		for i, v := range got.Pix {
			require.Equal(t, []byte{7, 250, 128, 255}[i%4], v, "one colour stays that colour")
		}
	}
}

// TestTensorRoundTrip: all 256 levels survive the way through the tensor.
func TestTensorRoundTrip(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 256, 2))
	for x := range 256 {
		copy(img.Pix[4*x:], []byte{byte(x), byte(255 - x), byte(x / 2), 255})
		copy(img.Pix[4*(256+x):], []byte{byte(x), 0, 255, 255})
	}
	x := picture.ToTensor(img)
	assert.Equal(t, []int{1, 2, 256, 3}, []int(x.Shape()))
	assert.Equal(t, []float32{-1, 1, -1}, tensor.Floats(x)[:3])
	back, err := picture.FromTensor(x)
	require.NoError(t, err)
	assert.Equal(t, img, back)
}

func TestFromTensorErrors(t *testing.T) {
	_, err := picture.FromTensor(tensor.New(1, 3, 4, 4))
	require.EqualError(t, err, "picture: want a tensor [1, h, w, 3], got [1 3 4 4]")
	_, err = picture.FromTensor(tensor.New(2, 4, 4, 3))
	require.Error(t, err)
	x := tensor.New(1, 4, 5, 3)
	zero := float32(0)
	tensor.Floats(x)[3*7+2] = zero / zero
	_, err = picture.FromTensor(x)
	require.ErrorContains(t, err, "pixel (2, 1), channel 2, is not a number")
}

func BenchmarkResize(b *testing.B) {
	img := noise(1, 1024, 1024)
	for b.Loop() {
		picture.Resize(img, 512, 512)
	}
}

package picture_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"image"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
)

// raw is bytes in base64, as gen_golden.py writes them.
type raw []byte

func (r *raw) UnmarshalText(text []byte) (err error) {
	*r, err = base64.StdEncoding.DecodeString(string(text))
	return err
}

type golden struct {
	Read map[string]struct {
		Width, Height, Tolerance int
		RGBA                     raw
	}
	ResizeInput struct {
		Width, Height int
		Alpha, Opaque raw
	}
	Resize []struct {
		Input         string
		Width, Height int
		RGBA          raw
	}
	NearestInput raw
	Nearest      []struct {
		Width, Height int
		Gray          raw
	}
	Bytes struct {
		Float32, RGB  raw
		Width, Height int
	}
	Compare struct {
		Width, Height int
		A, B          raw
		PSNR, SSIM    float64
	}
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(data, &g))
	return g
}

func rgba(pix []byte, w, h int) *image.NRGBA {
	return &image.NRGBA{Pix: pix, Stride: 4 * w, Rect: image.Rect(0, 0, w, h)}
}

func rgb(pix []byte, w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(m.Pix[4*i:], pix[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	return m
}

// TestReadGolden holds every kind of file against what Pillow reads.
func TestReadGolden(t *testing.T) {
	g := readGolden(t)
	require.Greater(t, len(g.Read), 30)
	for name, want := range g.Read {
		t.Run(name, func(t *testing.T) {
			img, err := picture.Read(filepath.Join("testdata", name))
			require.NoError(t, err)
			require.Equal(t, image.Rect(0, 0, want.Width, want.Height), img.Bounds())
			worst := 0
			for i, v := range want.RGBA {
				if i%4 < 3 && want.RGBA[i|3] == 0 && want.Tolerance > 0 {
					continue // the colour of nothing
				}
				worst = max(worst, int(math.Abs(float64(v)-float64(img.Pix[i]))))
			}
			assert.LessOrEqual(t, worst, want.Tolerance)
		})
	}
}

// TestResizeGolden: bit for bit Pillow's bicubic.
func TestResizeGolden(t *testing.T) {
	g := readGolden(t)
	inputs := map[string]raw{"alpha": g.ResizeInput.Alpha, "opaque": g.ResizeInput.Opaque}
	for _, want := range g.Resize {
		in := rgba(inputs[want.Input], g.ResizeInput.Width, g.ResizeInput.Height)
		got := picture.Resize(in, want.Width, want.Height)
		assert.Equal(t, []byte(want.RGBA), got.Pix, "%s to %dx%d", want.Input, want.Width, want.Height)
	}
}

func TestResizeMaskGolden(t *testing.T) {
	g := readGolden(t)
	w, h := g.ResizeInput.Width, g.ResizeInput.Height
	in := &image.Gray{Pix: g.NearestInput, Stride: w, Rect: image.Rect(0, 0, w, h)}
	for _, want := range g.Nearest {
		got := picture.ResizeMask(in, want.Width, want.Height)
		assert.Equal(t, []byte(want.Gray), got.Pix, "to %dx%d", want.Width, want.Height)
	}
}

// TestFromTensorGolden: the bytes of diffusers' VaeImageProcessor, halves included.
func TestFromTensorGolden(t *testing.T) {
	want := readGolden(t).Bytes
	x := make([]float32, len(want.Float32)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(want.Float32[4*i:]))
	}
	img, err := picture.FromTensor(tensor.FromSlice(x, 1, want.Height, want.Width, 3))
	require.NoError(t, err)
	assert.Equal(t, rgb(want.RGB, want.Width, want.Height), img)
}

func TestCompareGolden(t *testing.T) {
	want := readGolden(t).Compare
	a, b := rgb(want.A, want.Width, want.Height), rgb(want.B, want.Width, want.Height)
	assert.InDelta(t, want.PSNR, picture.PSNR(a, b, nil), 1e-9)
	assert.InDelta(t, want.SSIM, picture.SSIM(a, b, nil), 1e-9)
	full := picture.FullMask(want.Width, want.Height)
	assert.InDelta(t, want.PSNR, picture.PSNR(a, b, full), 1e-9)
	assert.InDelta(t, want.SSIM, picture.SSIM(a, b, full), 1e-9)
}

package picture_test

import (
	"image"
	"image/color"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/picture"
)

func TestReadMask(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 6, 1))
	for x, c := range []color.NRGBA{
		{255, 255, 255, 255}, {128, 128, 128, 255}, {127, 127, 127, 255}, {0, 0, 0, 255},
		{255, 255, 255, 0}, {0, 0, 0, 127}, // see-through: kept in neither sense
	} {
		img.SetNRGBA(x, 0, c)
	}
	path := filepath.Join(t.TempDir(), "mask.png")
	require.NoError(t, picture.WritePNG(path, img, nil, false))
	white, err := picture.ReadMask(path, true)
	require.NoError(t, err)
	assert.Equal(t, []byte{255, 255, 0, 0, 0, 0}, white.Pix)
	black, err := picture.ReadMask(path, false)
	require.NoError(t, err)
	assert.Equal(t, []byte{0, 0, 255, 255, 0, 0}, black.Pix)
}

func TestEmptyMask(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mask.png")
	require.NoError(t, picture.WritePNG(path, image.NewGray(image.Rect(0, 0, 4, 4)), nil, false))
	_, err := picture.ReadMask(path, true)
	require.ErrorIs(t, err, picture.ErrEmptyMask)
	require.ErrorContains(t, err, "nothing in it is white")
	oneLine(t, err)
	_, err = picture.ReadMask(path, false)
	require.NoError(t, err)
}

func TestAlphaMask(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 1))
	_, err := picture.AlphaMask(img)
	require.ErrorIs(t, err, picture.ErrEmptyMask)
	img.Pix[3], img.Pix[7], img.Pix[11] = 255, 128, 127
	mask, err := picture.AlphaMask(img)
	require.NoError(t, err)
	assert.Equal(t, []byte{255, 255, 0}, mask.Pix)
	img.Pix[7], img.Pix[11] = 255, 255
	mask, err = picture.AlphaMask(img)
	require.NoError(t, err)
	assert.Nil(t, mask, "opaque")
}

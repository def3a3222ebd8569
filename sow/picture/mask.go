package picture

import (
	"errors"
	"fmt"
	"image"
)

// ReadMask returns the mask in a picture file: 255 where the condition is kept, 0 elsewhere. Luma (ITU-R BT.601) at and above 128 is
// white; keepWhite says whether white or black is what is kept. Where the file is transparent (alpha below 128) nothing is kept, in
// either sense.
//
// A mask that keeps nothing is an error, as is everything that [Read] refuses.
func ReadMask(path string, keepWhite bool) (*image.Gray, error) {
	img, err := Read(path)
	if err != nil {
		return nil, err
	}
	mask, err := Binarize(img, keepWhite)
	if err != nil {
		kept, other := "white", "black"
		if !keepWhite {
			kept, other = other, kept
		}
		return nil, &Error{Path: path, Reason: fmt.Sprintf("%v: nothing in it is %s", err, kept), Err: err,
			Fix: fmt.Sprintf("paint what is to be kept %s, or keep %s instead", kept, other)}
	}
	return mask, nil
}

// ErrEmptyMask says that a mask keeps nothing.
var ErrEmptyMask = errors.New("the mask keeps nothing")

// Binarize is [ReadMask] on a picture in memory; the error is [ErrEmptyMask].
func Binarize(img *image.NRGBA, keepWhite bool) (*image.Gray, error) {
	b := img.Bounds()
	mask := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	any := false
	for y := range b.Dy() {
		from, to := rowOf(img, y), grayRow(mask, y)
		for x := range to {
			p := from[4*x : 4*x+4]
			white := 299*int(p[0])+587*int(p[1])+114*int(p[2]) >= 128*1000
			if p[3] >= 128 && white == keepWhite {
				to[x] = 255
				any = true
			}
		}
	}
	if !any {
		return nil, ErrEmptyMask
	}
	return mask, nil
}

// AlphaMask returns the mask that a cut-out carries in itself, 255 where its alpha is at least 128; nil if it is opaque everywhere. A
// wholly transparent picture is [ErrEmptyMask].
func AlphaMask(img *image.NRGBA) (*image.Gray, error) {
	if img.Opaque() {
		return nil, nil
	}
	b := img.Bounds()
	mask := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	any := false
	for y := range b.Dy() {
		from, to := rowOf(img, y), grayRow(mask, y)
		for x := range to {
			if from[4*x+3] >= 128 {
				to[x] = 255
				any = true
			}
		}
	}
	if !any {
		return nil, ErrEmptyMask
	}
	return mask, nil
}

// FullMask keeps all of a w×h picture.
func FullMask(w, h int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	return m
}

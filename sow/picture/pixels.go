package picture

import (
	"image"
	"image/color"
)

// toNRGBA returns the part of src in the frame size, turned upright: 8 bits, alpha not multiplied in, transparent where src has nothing.
// studio says that its luma is 16…235, as WebP stores it, and not 0…255, as JPEG does.
func toNRGBA(src image.Image, size image.Rectangle, o orientation, studio bool) *image.NRGBA {
	b := src.Bounds()
	if m, ok := src.(*image.NRGBA); ok && o <= 1 && b == size && b.Min == (image.Point{}) {
		return m
	}
	w, h := size.Dx(), size.Dy()
	upright := image.Rectangle{}
	upright.Max.X, upright.Max.Y = o.size(w, h)
	dst := image.NewNRGBA(upright)
	row := make([]byte, 4*b.Dx())
	convert := rowConverter(src, studio)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		convert(row, y)
		for i := range b.Dx() {
			at := dst.PixOffset(o.place(b.Min.X-size.Min.X+i, y-size.Min.Y, w, h))
			copy(dst.Pix[at:at+4], row[4*i:])
		}
	}
	return dst
}

// rowConverter returns a function that writes row y of src as NRGBA bytes. Package image's own conversion goes through alpha-multiplied
// 16-bit colours, which is slow and loses the colour of what is nearly transparent.
func rowConverter(src image.Image, studio bool) func(row []byte, y int) {
	b := src.Bounds()
	each := func(row []byte, y int, at func(x, y int) color.NRGBA) {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := at(x, y)
			i := 4 * (x - b.Min.X)
			row[i], row[i+1], row[i+2], row[i+3] = c.R, c.G, c.B, c.A
		}
	}
	ycbcr := color.YCbCrToRGB
	if studio {
		ycbcr = studioToRGB
	}
	switch m := src.(type) {
	case *image.NRGBA:
		return func(row []byte, y int) { copy(row, m.Pix[m.PixOffset(b.Min.X, y):]) }
	case *image.RGBA:
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA {
				c := m.RGBAAt(x, y)
				return color.NRGBA{undoAlpha(c.R, c.A), undoAlpha(c.G, c.A), undoAlpha(c.B, c.A), c.A}
			})
		}
	case *image.Gray:
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA {
				v := m.GrayAt(x, y).Y
				return color.NRGBA{v, v, v, 255}
			})
		}
	case *image.Gray16:
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA {
				v := to8(m.Gray16At(x, y).Y)
				return color.NRGBA{v, v, v, 255}
			})
		}
	case *image.NRGBA64:
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA {
				c := m.NRGBA64At(x, y)
				return color.NRGBA{to8(c.R), to8(c.G), to8(c.B), to8(c.A)}
			})
		}
	case *image.RGBA64: // what decoders return for opaque 16-bit pictures
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA {
				c := m.RGBA64At(x, y)
				if c.A == 0xffff {
					return color.NRGBA{to8(c.R), to8(c.G), to8(c.B), 255}
				}
				return color.NRGBAModel.Convert(c).(color.NRGBA)
			})
		}
	case *image.Paletted:
		var table [256]color.NRGBA // transparent beyond the end of the palette
		for i, c := range m.Palette {
			table[i&255] = color.NRGBAModel.Convert(c).(color.NRGBA)
		}
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA { return table[m.ColorIndexAt(x, y)] })
		}
	case *image.YCbCr:
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA {
				c := m.YCbCrAt(x, y)
				r, g, b := ycbcr(c.Y, c.Cb, c.Cr)
				return color.NRGBA{r, g, b, 255}
			})
		}
	case *image.NYCbCrA:
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA {
				c := m.NYCbCrAAt(x, y)
				r, g, b := ycbcr(c.Y, c.Cb, c.Cr)
				return color.NRGBA{r, g, b, c.A}
			})
		}
	case *image.CMYK:
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA {
				c := m.CMYKAt(x, y)
				r, g, b := color.CMYKToRGB(c.C, c.M, c.Y, c.K)
				return color.NRGBA{r, g, b, 255}
			})
		}
	default:
		return func(row []byte, y int) {
			each(row, y, func(x, y int) color.NRGBA { return color.NRGBAModel.Convert(src.At(x, y)).(color.NRGBA) })
		}
	}
}

// to8 rounds 16 bits to 8.
func to8(v uint16) uint8 { return uint8((uint32(v)*255 + 32767) / 65535) }

// undoAlpha divides alpha out of a colour it was multiplied into.
func undoAlpha(c, a uint8) uint8 {
	if a == 0 || a == 255 {
		return c
	}
	return uint8(min((int(c)*255+int(a)/2)/int(a), 255))
}

// studioToRGB is the ITU-R BT.601 conversion of Y 16…235 and Cb, Cr 16…240, in 16 bits after the point.
func studioToRGB(y, cb, cr uint8) (r, g, b uint8) {
	l := 76309*(int(y)-16) + 1<<15 // 255/219
	u, v := int(cb)-128, int(cr)-128
	clip := func(v int) uint8 { return uint8(min(max(v>>16, 0), 255)) }
	return clip(l + 104597*v), clip(l - 25675*u - 53279*v), clip(l + 132201*u)
}

// Flatten returns img laid over an even grey: opaque, colour·alpha + grey·(1 - alpha) rounded.
func Flatten(img *image.NRGBA, grey uint8) *image.NRGBA {
	b := img.Bounds()
	dst := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		from, to := rowOf(img, y), rowOf(dst, y)
		for i := 0; i < len(to); i += 4 {
			a := int(from[i+3])
			for c := range 3 {
				to[i+c] = uint8((int(from[i+c])*a + int(grey)*(255-a) + 127) / 255)
			}
			to[i+3] = 255
		}
	}
	return dst
}

// rowOf is the bytes of row y of m, counted from its upper edge.
func rowOf(m *image.NRGBA, y int) []byte {
	b := m.Bounds()
	at := m.PixOffset(b.Min.X, b.Min.Y+y)
	return m.Pix[at : at+4*b.Dx() : at+4*b.Dx()]
}

// grayRow is the same for a mask.
func grayRow(m *image.Gray, y int) []byte {
	b := m.Bounds()
	at := m.PixOffset(b.Min.X, b.Min.Y+y)
	return m.Pix[at : at+b.Dx() : at+b.Dx()]
}

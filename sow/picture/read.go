package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Limits of what is read. A 66-byte PNG can ask for terabytes, so the header is judged before the decoder runs.
const (
	maxFile   = 128 << 20 // bytes of the file
	maxSide   = 1 << 15   // pixels of one side
	maxMemory = 512 << 20 // bytes that decoding may take, decoder and result together: 67 million pixels of an ordinary picture
)

// Read returns the picture in a PNG, JPEG, GIF, WebP, BMP or TIFF file: of an animated GIF or PNG the first frame, turned upright as
// its EXIF orientation says, CMYK as RGB, 16 bits rounded to 8, alpha kept. JPEG and WebP store coloured edges coarsely, and decoders
// interpolate them differently: there a few levels may lie between this picture and another program's.
//
// The error is an [*Error]; it wraps [fs.ErrNotExist] for a missing file.
func Read(path string) (*image.NRGBA, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Decode(f, path)
}

// Decode is [Read] on the bytes of r; name is what errors call the picture.
func Decode(r io.Reader, name string) (*image.NRGBA, error) {
	data, err := readAll(r, name)
	if err != nil {
		return nil, err
	}
	f, err := sniff(data)
	if err != nil {
		return nil, &Error{Path: name, Reason: err.Error(), Fix: "convert it to PNG or JPEG"}
	}
	img, err := f.read(data)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Path = name
			return nil, e
		}
		return nil, &Error{Path: name, Reason: fmt.Sprintf("cannot be decoded as %s (%v)", f.name, err),
			Fix: "the file is damaged, cut off or of a rare kind; save it again as PNG", Err: err}
	}
	return img, nil
}

func openFile(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		e := &Error{Path: path, Reason: err.Error(), Err: err}
		var sys *fs.PathError
		switch {
		case errors.Is(err, fs.ErrNotExist):
			e.Reason, e.Fix = "does not exist", "check the path"
		case errors.Is(err, fs.ErrPermission):
			e.Reason, e.Fix = "may not be read", "change its permissions"
		case errors.As(err, &sys):
			e.Reason, e.Fix = sys.Err.Error(), "check the path"
		}
		return nil, e
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, &Error{Path: path, Reason: "is a folder", Fix: "name a picture in it"}
	}
	return f, nil
}

// readAll reads a file of at most maxFile bytes.
func readAll(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	switch {
	case err != nil:
		return nil, &Error{Path: name, Reason: fmt.Sprintf("cannot be read (%v)", err), Fix: "check the disk or the connection", Err: err}
	case len(data) == 0:
		return nil, &Error{Path: name, Reason: "is empty", Fix: "save or download the picture again"}
	case len(data) > maxFile:
		return nil, &Error{Path: name, Reason: fmt.Sprintf("has more than %d MiB", maxFile>>20), Fix: "make it smaller"}
	}
	return data, nil
}

// A format is one kind of picture file. The table is our own rather than the registry of package image so that what is read does not
// depend on what else is linked in.
type format struct {
	name   string
	magic  string // what the file starts with; '?' stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var formats = []format{
	{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"JPEG", "\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
	{"GIF", "GIF8?a", gif.DecodeConfig, gif.Decode},
	{"WebP", "RIFF????WEBP", webp.DecodeConfig, webp.Decode},
	{"BMP", "BM????\x00\x00\x00\x00", bmp.DecodeConfig, bmp.Decode},
	{"TIFF", "II*\x00", tiff.DecodeConfig, tiff.Decode},
	{"TIFF", "MM\x00*", tiff.DecodeConfig, tiff.Decode},
}

// foreign names the pictures people try that no decoder here reads.
var foreign = []struct{ name, magic string }{
	{"HEIC or AVIF", "????ftyp"},
	{"JPEG XL", "\xff\x0a"},
	{"JPEG XL", "\x00\x00\x00\x0cJXL "},
	{"JPEG 2000", "\x00\x00\x00\x0cjP  "},
	{"Photoshop", "8BPS"},
	{"icon", "\x00\x00\x01\x00"},
	{"PDF", "%PDF"},
	{"SVG", "<svg"},
	{"SVG", "<?xml"},
}

func sniff(data []byte) (*format, error) {
	for i := range formats {
		if matches(data, formats[i].magic) {
			return &formats[i], nil
		}
	}
	for _, f := range foreign {
		if matches(data, f.magic) {
			return nil, fmt.Errorf("is a picture of a kind that is not read (%s)", f.name)
		}
	}
	return nil, errors.New("is not a picture (PNG, JPEG, GIF, WebP, BMP and TIFF are read)")
}

func matches(data []byte, magic string) bool {
	if len(data) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != data[i] {
			return false
		}
	}
	return true
}

// read decodes the whole file. The decoders are other people's code on hostile bytes, so a panic of theirs is an error like others.
func (f *format) read(data []byte) (img *image.NRGBA, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder failed: %v", r)
		}
	}()
	meta := f.metadata(data)
	if meta.animated {
		return nil, &Error{Reason: "is an animated WebP, which is not read", Fix: "save its first frame as PNG"}
	}
	c, err := f.config(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if c.Width < 1 || c.Height < 1 {
		return nil, fmt.Errorf("its size is %dx%d", c.Width, c.Height)
	}
	if c.Width > maxSide || c.Height > maxSide {
		return nil, &Error{Reason: fmt.Sprintf("its size is %dx%d, and no side may be over %d", c.Width, c.Height, maxSide),
			Fix: "make it smaller"}
	}
	if most := maxMemory / bytesPerPixel(c.ColorModel, meta.progressive); c.Width*c.Height > most {
		return nil, &Error{Reason: fmt.Sprintf("its size is %dx%d, more than the %.1f million pixels allowed for its kind", c.Width, c.Height,
			float64(most)/1e6), Fix: "make it smaller"}
	}
	m, err := f.decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	size := m.Bounds()
	if f.name == "GIF" { // whose first frame may be a part of the screen
		size = image.Rect(0, 0, c.Width, c.Height)
	}
	return toNRGBA(m, size, meta.orientation, f.name == "WebP"), nil
}

// bytesPerPixel is an upper bound of what decoding takes: 4 bytes of our result and the decoder's own picture, which for a progressive
// JPEG has an int32 coefficient beside each sample.
func bytesPerPixel(m color.Model, progressive bool) int {
	samples, decoded := 3, 4
	switch m {
	case color.RGBA64Model, color.NRGBA64Model:
		decoded = 8
	case color.CMYKModel: // put together from four planes
		samples, decoded = 4, 8
	case color.RGBAModel: // in a JPEG: put together from three planes
		decoded = 7
	case color.GrayModel:
		samples = 1
	}
	if progressive {
		decoded += 4 * samples
	}
	return 4 + decoded
}

// metadata is what a file says about itself that the decoders do not tell.
type metadata struct {
	orientation orientation
	progressive bool // a JPEG in several passes
	animated    bool // a WebP of several frames
}

func (f *format) metadata(data []byte) metadata {
	switch f.name {
	case "JPEG":
		return jpegMetadata(data)
	case "PNG":
		return pngMetadata(data)
	case "WebP":
		return webpMetadata(data)
	case "TIFF":
		return metadata{orientation: exifOrientation(data)}
	}
	return metadata{}
}

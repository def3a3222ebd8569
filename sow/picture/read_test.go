package picture_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"

	"github.com/sowgen/sowgen/sow/picture"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

// bombs are small files that ask for a lot.
func bombs(t testing.TB) map[string][]byte {
	ihdr := func(w, h uint32, depth byte) []byte {
		body := append([]byte("IHDR"), make([]byte, 13)...)
		binary.BigEndian.PutUint32(body[4:], w)
		binary.BigEndian.PutUint32(body[8:], h)
		body[12], body[13] = depth, 6
		file := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
		file = append(file, body...)
		return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(body))
	}
	// Dimensions stand two bytes into the body of the SOF segment, in the logical screen descriptor, in BITMAPINFOHEADER and in VP8X.
	sof := bytes.Clone(testdata(t, "progressive.jpg"))
	at := bytes.Index(sof, []byte{0xff, 0xc2})
	binary.BigEndian.PutUint16(sof[at+5:], 6000)
	binary.BigEndian.PutUint16(sof[at+7:], 6000)
	huge := bytes.Clone(sof)
	binary.BigEndian.PutUint16(huge[at+5:], 65535)
	binary.BigEndian.PutUint16(huge[at+7:], 65535)
	screen := bytes.Clone(testdata(t, "rgb.gif"))
	copy(screen[6:], "\xff\xff\xff\xff")
	bitmap := bytes.Clone(testdata(t, "rgb.bmp"))
	binary.LittleEndian.PutUint32(bitmap[18:], 1<<30)
	binary.LittleEndian.PutUint32(bitmap[22:], 1<<30)
	web := append([]byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00"), 0xff, 0x7f, 0, 0xff, 0x7f, 0)
	tiff := bytes.Clone(testdata(t, "rgb.tiff"))
	for i := int(binary.LittleEndian.Uint32(tiff[4:])) + 2; i+12 < len(tiff); i += 12 {
		if tag := binary.LittleEndian.Uint16(tiff[i:]); tag == 256 || tag == 257 {
			binary.LittleEndian.PutUint16(tiff[i+2:], 4) // LONG
			binary.LittleEndian.PutUint32(tiff[i+8:], 1<<30)
		}
	}
	return map[string][]byte{
		"png":            ihdr(1<<31-1, 1<<31-1, 8),
		"png line":       ihdr(1<<26, 1, 8),
		"png just":       ihdr(8192, 8192, 8), // allowed, but there is nothing behind the header
		"png 16 bit":     ihdr(8192, 8192, 16),
		"jpeg":           huge,
		"progressive":    sof,
		"gif":            screen,
		"bmp":            bitmap,
		"webp":           web,
		"tiff":           tiff,
		"progressive AC": manyBlocks(t),
	}
}

const manySide = 2000

// manyBlocks is a progressive JPEG whose few bytes stand for many blocks of coefficients: AC scans of end-of-band runs.
func manyBlocks(t testing.TB) []byte {
	var file bytes.Buffer
	file.Write([]byte{0xff, 0xd8})
	segment := func(marker byte, body ...byte) {
		file.Write([]byte{0xff, marker})
		file.Write(binary.BigEndian.AppendUint16(nil, uint16(len(body)+2)))
		file.Write(body)
	}
	table := make([]byte, 65)
	for i := range table[1:] {
		table[i+1] = 1
	}
	segment(0xdb, table...)
	const side = manySide
	segment(0xc2, 8, side>>8, side&255, side>>8, side&255, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0)
	huffman := make([]byte, 18)
	huffman[0], huffman[1], huffman[17] = 0x10, 1, 0xe0 // AC table 0: the one code 0 is EOB14, a run of 2^14 + 14 bits
	segment(0xc4, huffman...)
	for component := byte(1); component <= 3; component++ {
		segment(0xda, 1, component, 0, 1, 63, 0)
		const blocks = (side + 7) / 8 * ((side + 7) / 8)
		bits := strings.Repeat("0"+strings.Repeat("1", 14), blocks/(1<<15-1)+1)
		for len(bits)%8 != 0 {
			bits += "1"
		}
		for i := 0; i < len(bits); i += 8 {
			var b byte
			for _, bit := range bits[i : i+8] {
				b = b<<1 | byte(bit-'0')
			}
			file.WriteByte(b)
			if b == 0xff {
				file.WriteByte(0)
			}
		}
	}
	file.Write([]byte{0xff, 0xd9})
	return file.Bytes()
}

// TestBombs: a small file never takes more than 600 MB, whatever it asks for.
func TestBombs(t *testing.T) {
	for name, data := range bombs(t) {
		t.Run(name, func(t *testing.T) {
			require.Less(t, len(data), 4096)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			img, err := picture.Decode(bytes.NewReader(data), "bomb")
			runtime.ReadMemStats(&after)
			took := after.TotalAlloc - before.TotalAlloc
			if name == "progressive AC" {
				require.NoError(t, err)
				assert.Equal(t, image.Pt(manySide, manySide), img.Bounds().Size())
				// The bound that the limit of pixels is derived from: 12 bytes of coefficients, 3 decoded (4 reckoned), 4 of the result.
				assert.Less(t, took, uint64(20*manySide*manySide+1<<20))
			} else {
				require.Error(t, err)
				oneLine(t, err)
			}
			assert.Less(t, took, uint64(600e6))
		})
	}
}

func oneLine(t *testing.T, err error) {
	t.Helper()
	assert.NotContains(t, err.Error(), "\n")
	assert.Less(t, len(err.Error()), 400)
	var e *picture.Error
	require.ErrorAs(t, err, &e)
	assert.NotEmpty(t, e.Fix, "the way out of: %v", err)
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	for name, c := range map[string]struct{ path, want string }{
		"missing":   {filepath.Join(dir, "missing.png"), "does not exist"},
		"folder":    {dir, "is a folder"},
		"empty":     {write("empty.png", nil), "is empty"},
		"text":      {write("text.png", []byte("hello, world, I am a text")), "is not a picture"},
		"one byte":  {write("one.png", []byte{0x89}), "is not a picture"},
		"heic":      {write("a.heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00")), "HEIC"},
		"svg":       {write("a.svg", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")), "SVG"},
		"animated":  {"testdata/animated.webp", "animated WebP"},
		"cut png":   {write("cut.png", testdata(t, "rgb.png")[:60]), "cut off"},
		"cut jpeg":  {write("cut.jpg", testdata(t, "rgb.jpg")[:500]), "cut off"},
		"cut gif":   {write("cut.gif", testdata(t, "rgb.gif")[:400]), "cut off"},
		"cut webp":  {write("cut.webp", testdata(t, "lossy.webp")[:100]), "cut off"},
		"cut tiff":  {write("cut.tiff", testdata(t, "rgb.tiff")[:300]), "cut off"},
		"cut bmp":   {write("cut.bmp", testdata(t, "rgb.bmp")[:300]), "cut off"},
		"not a dir": {write("file", []byte("x")) + "/a.png", "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := picture.Read(c.path)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "picture: "+c.path+": ")
			oneLine(t, err)
		})
	}
	_, err := picture.Read(filepath.Join(dir, "missing.png"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestReadCutAnywhere: whatever is cut off, there is an error or a picture, never a panic.
func TestReadCutAnywhere(t *testing.T) {
	for _, name := range []string{"rgba16.png", "palette-transparent.png", "exif6.jpg", "cmyk.jpg", "animated.gif", "lossy-alpha.webp", "lossless.webp", "lzw.tiff", "rgb.bmp"} {
		data := testdata(t, name)
		for n := range data {
			img, err := picture.Decode(bytes.NewReader(data[:n]), name)
			if err == nil { // some trailers are not needed
				assert.NotNil(t, img)
			} else {
				oneLine(t, err)
			}
		}
	}
}

// TestPartialGIF: the first frame is a part of the screen, the rest stays transparent.
func TestPartialGIF(t *testing.T) {
	frame := image.NewPaletted(image.Rect(2, 1, 5, 3), palette.Plan9)
	red := color.RGBA{255, 0, 0, 255}
	for y := 1; y < 3; y++ {
		for x := 2; x < 5; x++ {
			frame.Set(x, y, red)
		}
	}
	var file bytes.Buffer
	require.NoError(t, gif.EncodeAll(&file, &gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{0}, Config: image.Config{Width: 8, Height: 4}}))
	img, err := picture.Decode(&file, "partial")
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 8, 4), img.Bounds())
	assert.Equal(t, color.NRGBA{255, 0, 0, 255}, img.NRGBAAt(2, 1))
	assert.Equal(t, color.NRGBA{}, img.NRGBAAt(1, 1))
	assert.Equal(t, color.NRGBA{}, img.NRGBAAt(5, 2))
}

func TestFlatten(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 1))
	copy(img.Pix, []byte{10, 20, 30, 255, 10, 20, 30, 0, 0, 255, 128, 128})
	got := picture.Flatten(img, 128)
	assert.Equal(t, []byte{10, 20, 30, 255, 128, 128, 128, 255, 64, 192, 128, 255}, got.Pix)
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	require.NoError(f, err)
	for _, name := range files {
		if ext := filepath.Ext(name); ext != ".json" && ext != ".py" {
			f.Add(testdata(f, filepath.Base(name)))
		}
	}
	for name, data := range bombs(f) {
		if name != "progressive AC" { // too slow
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := picture.Decode(bytes.NewReader(data), "fuzz")
		if (img == nil) != (err != nil) {
			t.Fatalf("picture %v, error %v", img, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r") {
			t.Fatalf("the error has several lines: %q", err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	img := image.NewRGBA(image.Rect(0, 0, 512, 512))
	for i := range img.Pix {
		img.Pix[i] = byte(i*i>>8) | 3
	}
	encoded := func(encode func(*bytes.Buffer) error) []byte {
		var file bytes.Buffer
		require.NoError(b, encode(&file))
		return file.Bytes()
	}
	for name, data := range map[string][]byte{
		"png":  encoded(func(w *bytes.Buffer) error { return png.Encode(w, img) }),
		"jpeg": encoded(func(w *bytes.Buffer) error { return jpeg.Encode(w, img, nil) }),
		"bmp":  encoded(func(w *bytes.Buffer) error { return bmp.Encode(w, img) }),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := picture.Decode(bytes.NewReader(data), name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

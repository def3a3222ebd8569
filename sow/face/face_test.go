package face_test

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"log"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/face"
	"github.com/sowgen/sowgen/sow/picture"
)

func Example() {
	var people []face.Embedding
	for _, file := range []string{"astronaut.jpg", "grace_hopper.jpg"} {
		img, err := picture.Read(filepath.Join("..", "..", "examples", file))
		if err != nil {
			log.Fatal(err)
		}
		for _, f := range face.Detect(img) {
			e, err := face.Embed(img, f)
			if err != nil {
				log.Fatal(err)
			}
			people = append(people, e)
		}
	}
	d := face.Distance(people[0], people[1])
	fmt.Printf("%d faces, distance %.1f, one person: %t\n", len(people), d, d < face.SamePerson)
	// Output: 2 faces, distance 0.7, one person: false
}

// golden is what dlib sees in a photograph.
type golden struct {
	Left, Right [2]float64 // the middle between the corners of each eye
	Embedding   []float32  // of its chip
	Loss        float64    // of the weights in float16, by arithmetic in float64
}

func goldens(t *testing.T) map[string]golden {
	data, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var g map[string]golden
	require.NoError(t, json.Unmarshal(data, &g))
	require.Len(t, g, 2)
	return g
}

func read(t *testing.T, path ...string) *image.NRGBA {
	t.Helper()
	img, err := picture.Read(filepath.Join(path...))
	require.NoError(t, err)
	return img
}

func photograph(t *testing.T, name string) *image.NRGBA {
	return read(t, "..", "..", "examples", name+".jpg")
}

// TestDetect: one face on each portrait, at any size, in colour or grey, and from either side, with the eyes where dlib has them; none on
// pictures of other things. The drawn faces of the built-in model are none to it either.
func TestDetect(t *testing.T) {
	long(t)
	for name, g := range goldens(t) {
		for change, img := range map[string]*image.NRGBA{
			"": photograph(t, name), "grey": grey(photograph(t, name)), "128 wide": wide(photograph(t, name), 128), "1000 wide": wide(photograph(t, name), 1000),
			"mirrored": mirrored(photograph(t, name)),
		} {
			faces := face.Detect(img)
			require.Len(t, faces, 1, "%s %s", name, change)
			f := faces[0]
			t.Logf("%s %s: quality %.0f, pupils %.1f %.1f", name, change, f.Quality, f.Left, f.Right)
			if change != "" {
				continue
			}
			require.Equal(t, faces, face.Detect(img), "the same each time")
			apart := math.Hypot(f.Right.X-f.Left.X, f.Right.Y-f.Left.Y)
			for _, eye := range []struct {
				got  face.Point
				want [2]float64
			}{{f.Left, g.Left}, {f.Right, g.Right}} {
				// Corners and pupils are not one thing: a tenth of the distance of the eyes may lie between them.
				require.LessOrEqual(t, math.Hypot(eye.got.X-eye.want[0], eye.got.Y-eye.want[1]), apart/10, "%s: %v, dlib has %v", name, eye.got, eye.want)
			}
		}
	}
	others, err := filepath.Glob("testdata/*.jpg")
	require.NoError(t, err)
	require.Len(t, others, 4)
	drawn, err := filepath.Glob("../../examples/*.png")
	require.NoError(t, err)
	for _, file := range append(others, drawn...) {
		require.Empty(t, face.Detect(read(t, file)), file)
	}
}

// TestDetectTwo: the larger one comes first.
func TestDetectTwo(t *testing.T) {
	long(t)
	small, large := wide(photograph(t, "grace_hopper"), 150), wide(photograph(t, "astronaut"), 300)
	both := image.NewNRGBA(image.Rect(0, 0, 450, 300))
	paste(both, small, image.Pt(0, 0))
	paste(both, large, image.Pt(150, 0))
	faces := face.Detect(both)
	require.Len(t, faces, 2)
	require.Greater(t, faces[0].Size, faces[1].Size)
	require.Greater(t, faces[0].Left.X, faces[1].Right.X)
}

// TestDetectAnything: every picture has an answer, however small, large, narrow or transparent.
func TestDetectAnything(t *testing.T) {
	sizes := []image.Point{{1, 1}, {23, 23}, {24, 24}, {25, 400}, {3, 4000}, {4000, 3000}}
	if testing.Short() {
		sizes = sizes[:4]
	}
	for _, size := range sizes {
		flat := image.NewNRGBA(image.Rectangle{Max: size})
		require.Empty(t, face.Detect(flat), "%v", size)
	}
	noise := image.NewNRGBA(image.Rect(0, 0, 200, 200))
	state := uint32(1)
	for i := range noise.Pix {
		state = state*1664525 + 1013904223
		noise.Pix[i] = uint8(state >> 24)
	}
	require.Empty(t, face.Detect(noise))
	// A face at the very edge: half of what is looked at lies beyond.
	head := photograph(t, "grace_hopper").SubImage(image.Rect(140, 60, 380, 330)).(*image.NRGBA)
	cut := image.NewNRGBA(image.Rectangle{Max: head.Rect.Size()})
	paste(cut, head, image.Point{})
	for _, f := range face.Detect(cut) {
		chip := f.Chip(cut)
		require.Equal(t, image.Pt(face.ChipSide, face.ChipSide), chip.Bounds().Size())
		require.True(t, chip.Opaque())
	}
}

// TestEmbeddingAgrees holds the network to dlib on dlib's own chips. float16 alone may cost what it costs in exact arithmetic; ours gets twice
// that.
func TestEmbeddingAgrees(t *testing.T) {
	for name, g := range goldens(t) {
		e, err := face.EmbedChip(read(t, "testdata", name+"-chip.png"))
		require.NoError(t, err)
		d := face.Distance(e, face.Embedding(g.Embedding))
		t.Logf("%s: distance %.5f, of which float16 %.5f; cosine %.1e", name, d, g.Loss, face.Cosine(e, face.Embedding(g.Embedding)))
		require.True(t, d <= 2*g.Loss, "%s: %g", name, d)
	}
	_, err := face.EmbedChip(image.NewNRGBA(image.Rect(0, 0, 149, 150)))
	require.ErrorContains(t, err, "150×150")
}

// TestOwnChips: our chips, by two pupils, are as good as dlib's, by five landmarks: one person on both, and not the other.
func TestOwnChips(t *testing.T) {
	long(t)
	all := map[string]face.Embedding{}
	for name, g := range goldens(t) {
		img := photograph(t, name)
		whole, err := face.Embed(img, face.Detect(img)[0])
		require.NoError(t, err)
		t.Logf("%s: distance %.3f between our chip and dlib's", name, face.Distance(whole, face.Embedding(g.Embedding)))
		require.Less(t, face.Distance(whole, face.Embedding(g.Embedding)), face.SamePerson/2)
		for change, other := range map[string]*image.NRGBA{"128 wide": wide(img, 128), "grey": grey(img), "mirrored": mirrored(img)} {
			e, err := face.Embed(other, face.Detect(other)[0])
			require.NoError(t, err)
			t.Logf("%s, %s: %.3f", name, change, face.Distance(whole, e))
			require.Less(t, face.Distance(whole, e), face.SamePerson)
		}
		all[name] = whole
	}
	require.Greater(t, face.Distance(all["astronaut"], all["grace_hopper"]), face.SamePerson)
}

// TestCut: the mask keeps what is between the eyes, discards the corners, and the box holds the ellipse.
func TestCut(t *testing.T) {
	for name := range goldens(t) {
		img := photograph(t, name)
		f := face.Detect(img)[0]
		crop, ellipse := f.Cut(img, face.Ellipse)
		_, box := f.Cut(img, face.Box)
		size := crop.Bounds().Size()
		require.Equal(t, size.X, size.Y)
		require.Equal(t, size, ellipse.Bounds().Size())
		kept := 0
		for i, v := range ellipse.Pix {
			require.Contains(t, []uint8{0, 255}, v)
			if v == 255 {
				kept++
				require.EqualValues(t, 255, box.Pix[i])
			}
		}
		require.Zero(t, ellipse.GrayAt(0, 0).Y)
		require.InDelta(t, math.Pi*0.48*0.60*f.Size*f.Size, kept, f.Size*4, "%s: the whole ellipse is in the cut", name)
		again := face.Detect(crop)
		require.Len(t, again, 1, name)
		for _, eye := range []face.Point{again[0].Left, again[0].Right} {
			require.EqualValues(t, 255, ellipse.GrayAt(int(eye.X), int(eye.Y)).Y)
		}
	}
	// A face that fills its picture is cut off where the picture ends.
	f := face.Face{Centre: face.Point{X: 20, Y: 20}, Size: 40, Left: face.Point{X: 13, Y: 17}, Right: face.Point{X: 27, Y: 17}}
	crop, mask := f.Cut(image.NewNRGBA(image.Rect(0, 0, 40, 60)), face.Ellipse)
	require.Equal(t, image.Rect(0, 0, 40, 40), crop.Rect)
	require.EqualValues(t, 255, mask.GrayAt(20, 20).Y)
}

// long skips a test that the race detector, which is given -short, would make take minutes.
func long(t *testing.T) {
	if testing.Short() {
		t.Skip("slow under the race detector")
	}
}

func wide(img *image.NRGBA, w int) *image.NRGBA {
	return picture.Resize(img, w, img.Bounds().Dy()*w/img.Bounds().Dx())
}

func grey(img *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(img.Rect)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			out.Set(x, y, color.GrayModel.Convert(img.At(x, y)))
		}
	}
	return out
}

func mirrored(img *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(img.Rect)
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			out.SetNRGBA(img.Rect.Dx()-1-x, y, img.NRGBAAt(x, y))
		}
	}
	return out
}

func paste(dst, src *image.NRGBA, at image.Point) {
	for y := range src.Rect.Dy() {
		for x := range src.Rect.Dx() {
			dst.SetNRGBA(at.X+x, at.Y+y, src.NRGBAAt(src.Rect.Min.X+x, src.Rect.Min.Y+y))
		}
	}
}

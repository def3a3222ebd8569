package main

import (
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/kernels"
	"github.com/sowgen/sowgen/sow/face"
	"github.com/sowgen/sowgen/sow/picture"
)

// photograph is the path of a portrait in examples/.
func photograph(t testing.TB, name string) string {
	return testdata(t, filepath.Join("..", "..", "examples", name))
}

func TestFace(t *testing.T) {
	astronaut, hopper, drawn := photograph(t, "astronaut.jpg"), photograph(t, "grace_hopper.jpg"), photograph(t, "face.png")
	workIn(t)
	var p pictureFaces
	require.NoError(t, json.Unmarshal([]byte(must(t, "face", astronaut, "-o", "found.png", "--cutout", "cut.png").stdout), &p))
	assert.Equal(t, "astronaut.jpg", p.File)
	assert.Equal(t, []int{320, 320}, []int{p.Width, p.Height})
	require.Len(t, p.Faces, 1)
	assert.InDelta(t, 139, p.Faces[0].Pupils[0][0], 5)
	cut, err := picture.Read("cut.png")
	require.NoError(t, err)
	assert.Zero(t, cut.NRGBAAt(0, 0).A)
	assert.EqualValues(t, 255, cut.NRGBAAt(cut.Rect.Dx()/2, cut.Rect.Dy()/2).A)
	img, err := picture.Read("found.png")
	require.NoError(t, err)
	assert.Equal(t, image.Pt(320, 320), img.Bounds().Size())

	var c comparison
	require.NoError(t, json.Unmarshal([]byte(must(t, "face", astronaut, hopper).stdout), &c))
	assert.Greater(t, c.Distance, face.SamePerson)
	assert.False(t, c.SamePerson)
	require.NoError(t, json.Unmarshal([]byte(must(t, "face", hopper, hopper, "--face-index", "1", "--face-index", "auto").stdout), &c))
	assert.Zero(t, c.Distance)
	assert.True(t, c.SamePerson)

	assert.Contains(t, must(t, "face", drawn).stdout, `"faces": []`)
	files := list(t, ".")
	for _, wrong := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "PICTURE"},
		{[]string{astronaut, hopper, drawn}, exitUsage, "PICTURE"},
		{[]string{"nowhere.png"}, exitFailed, "nowhere.png"},
		{[]string{drawn, astronaut}, exitFailed, "no face is found on face.png"},
		{[]string{drawn, "--cutout", "x.png"}, exitFailed, "no face is found on face.png"},
		{[]string{astronaut, "--cutout", "x.png", "--face-index", "2"}, exitUsage, "1 face is on astronaut.jpg"},
		{[]string{astronaut, hopper, "--face-index", "1"}, exitUsage, "once for each"},
		{[]string{astronaut, hopper, "-o", "x.png"}, exitUsage, "one picture"},
		{[]string{astronaut, "-o", "x.jpg"}, exitUsage, ".png"},
		{[]string{astronaut, "--cutout", "found.png"}, exitFailed, "found.png"},
		{[]string{astronaut, "--face-mask", "oval"}, exitUsage, "ellipse"},
		{[]string{astronaut, "--face-index", "0"}, exitUsage, "largest"},
	} {
		sowgen(t, append([]string{"face"}, wrong.args...)...).refuses(t, wrong.code, files, wrong.want)
	}
}

// TestGenerateKeepsTheFace: of a photograph without a mask the face is the condition; a mask, auto and a cut-out are what they were.
func TestGenerateKeepsTheFace(t *testing.T) {
	astronaut, hopper := photograph(t, "astronaut.jpg"), photograph(t, "grace_hopper.jpg")
	cutout, opaque := photograph(t, "face.png"), testdata(t, "condition.png")
	model := testdata(t, "models/sd21")
	workIn(t)
	generate := func(args ...string) (*keptFace, outcome) {
		t.Helper()
		o := must(t, append([]string{"generate", "--model", model, "--prompt", "x", "--seed", "7", "--cycles", "0", "--force", "-o", "out.png"}, args...)...)
		var r struct{ Conditions []inputCondition }
		require.NoError(t, json.Unmarshal([]byte(texts(t, "out.png")["sow"]), &r))
		return r.Conditions[0].Face, o
	}
	kept, o := generate("--face", hopper)
	assert.NotContains(t, o.stderr, "note")
	assert.Equal(t, 1, kept.Found)
	assert.Equal(t, 1, kept.Index)
	assert.Equal(t, face.Ellipse, kept.Mask)
	assert.Len(t, kept.Square, 4)
	assert.InDelta(t, 222, kept.At.Pupils[0][0], 8)
	box, _ := generate("--face", hopper, "--face-mask", "box", "--mask", "face")
	assert.Equal(t, face.Box, box.Mask)
	for _, args := range [][]string{{"--face", hopper, "--mask", "auto"}, {"--face", cutout}} {
		whole, o := generate(args...)
		assert.Nil(t, whole, args)
		assert.NotContains(t, o.stderr, "note")
	}
	none, o := generate("--face", opaque)
	assert.Equal(t, &keptFace{}, none)
	assert.Contains(t, o.stderr, "note: no face is found on "+opaque+": all of it is the condition")
	_, o = generate("--face", opaque, "--json")
	assert.Empty(t, o.stderr)
	assert.Contains(t, o.stdout, `"found": 0`)

	writeBoth(t, "both.png", astronaut, hopper)
	first, o := generate("--face", "both.png")
	assert.Contains(t, o.stderr, "2 faces are on both.png: the largest")
	assert.Equal(t, 2, first.Found)
	second, o := generate("--face", "both.png", "--face-index", "2")
	assert.NotContains(t, o.stderr, "note")
	assert.Less(t, second.At.Window[2], first.At.Window[2])
	planned := must(t, "plan", "--face", "both.png", "--face", "both.png", "--face-index", "1", "--face-index", "2", "--prompt", "x")
	assert.Contains(t, planned.stdout, `"others"`)

	files := list(t, ".")
	for _, wrong := range []struct{ args, want []string }{
		{[]string{"--face", "both.png", "--face-index", "3"}, []string{"--face-index 3", "2 faces are on both.png"}},
		{[]string{"--face", "both.png", "--face-index", "1", "--face-index", "2"}, []string{"once", "face-index"}},
		{[]string{"--face", "both.png", "--mask", "auto", "--face-index", "1"}, []string{"--face-index 1", "--mask auto"}},
		{[]string{"--face", "both.png", "--mask", "auto", "--face-mask", "box"}, []string{"--face-mask box"}},
		{[]string{"--method", "text", "--face-index", "1"}, []string{"--face-index", "--condition"}},
	} {
		sowgen(t, append([]string{"generate", "--model", model, "--prompt", "x", "-o", "new.png"}, wrong.args...)...).refuses(t, exitUsage, files, wrong.want[1:]...)
	}
}

// writeBoth puts two portraits side by side, the second one larger.
func writeBoth(t *testing.T, name string, files ...string) {
	t.Helper()
	both := image.NewNRGBA(image.Rect(0, 0, 800, 600))
	draw.Draw(both, both.Rect, image.NewUniform(color.Gray{128}), image.Point{}, draw.Src)
	x := 0
	for _, file := range files {
		img, err := picture.Read(file)
		require.NoError(t, err)
		draw.Draw(both, img.Bounds().Add(image.Pt(x, 0)), img, image.Point{}, draw.Src)
		x += img.Bounds().Dx()
	}
	writePNG(t, name, both)
	_, err := os.Stat(name)
	require.NoError(t, err)
}

// TestPhotographs: of a photograph the face is found, a picture grown around it, and the face in that is the same person's.
func TestPhotographs(t *testing.T) {
	if testing.Short() || kernels.Implementation() == "go" {
		t.Skip("runs the built-in model for seconds, for minutes on plain Go kernels")
	}
	for _, name := range []string{"astronaut.jpg", "grace_hopper.jpg"} {
		path := photograph(t, name)
		workIn(t)
		o := must(t, "generate", "--face", path, "--prompt", "a woman in a red shirt on a beach", "--size", "256x256", "--cycles", "2", "--seed", "1", "--blend", "feather", "--json", "-o", "out.png")
		var r struct{ Placed [][4]int }
		require.NoError(t, json.Unmarshal([]byte(o.stdout), &r))
		require.Len(t, r.Placed, 1)
		at := image.Rect(0, 0, r.Placed[0][2], r.Placed[0][3]).Add(image.Pt(r.Placed[0][0], r.Placed[0][1]))

		source, err := picture.Read(path)
		require.NoError(t, err)
		f := face.Detect(source)[0]
		crop, _ := f.Cut(source, face.Ellipse)
		resized := picture.Resize(crop, at.Dx(), at.Dy())
		drawn, err := picture.Read("out.png")
		require.NoError(t, err)
		// A drawn face may be found beside it: the one at the condition's place counts.
		kept := slices.DeleteFunc(face.Detect(drawn), func(f face.Face) bool { return !image.Pt(int(f.Centre.X), int(f.Centre.Y)).In(at) })
		require.Len(t, kept, 1, name)
		embed := func(img *image.NRGBA, f face.Face) face.Embedding {
			e, err := face.Embed(img, f)
			require.NoError(t, err)
			return e
		}
		is := embed(source, f)
		distance, plainly := face.Distance(is, embed(drawn, kept[0])), face.Distance(is, embed(resized, face.Detect(resized)[0]))
		t.Logf("%s: 1 of 1 found, %.0f pixels wide; ID-distance %.3f, of the photograph merely resized %.3f", name, kept[0].Size, distance, plainly)
		require.Less(t, distance, face.SamePerson)
	}
}

package picture_test

import (
	"bytes"
	"errors"
	"image"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/picture"
)

func TestTexts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.png")
	img := noise(1, 20, 10)
	texts := []picture.Text{
		{Key: "parameters", Text: "a girl in a red hat\nNegative prompt: ünïcode 雪\nSteps: 10, Seed: 1, Size: 512x512"},
		{Key: "sow", Text: `{"cycles": 10}`},
		{Key: "empty", Text: ""},
	}
	require.NoError(t, picture.WritePNG(path, img, texts, false))
	got, err := picture.ReadTexts(path)
	require.NoError(t, err)
	assert.Equal(t, texts, got)
	back, err := picture.Read(path)
	require.NoError(t, err)
	assert.Equal(t, img, back)
}

// TestReadTextsOfOthers: texts.png is Pillow's, with a tEXt, a zTXt and a compressed iTXt chunk.
func TestReadTextsOfOthers(t *testing.T) {
	got, err := picture.ReadTexts("testdata/texts.png")
	require.NoError(t, err)
	assert.Equal(t, []picture.Text{
		{Key: "parameters", Text: "plain \u00fc"},
		{Key: "long", Text: strings.Repeat("compressed ", 50)},
		{Key: "snow", Text: strings.Repeat("雪", 50)},
	}, got)
	_, err = picture.ReadTexts("testdata/rgb.jpg")
	require.ErrorContains(t, err, "is not a PNG file")
	got, err = picture.ReadTexts("testdata/rgb.png")
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestBadTexts(t *testing.T) {
	for _, text := range []picture.Text{
		{"", "x"}, {" a", "x"}, {"a  b", "x"}, {strings.Repeat("k", 80), "x"}, {"a\x00b", "x"}, {"雪", "x"}, {"key", "a\x00b"}, {"key", "\xff"},
	} {
		path := filepath.Join(t.TempDir(), "out.png")
		require.Error(t, picture.WritePNG(path, noise(1, 4, 4), []picture.Text{text}, false), "%q", text)
		assert.NoFileExists(t, path)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	say := func(s string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, s)
			return err
		}
	}
	path := filepath.Join(dir, "out")
	read := func() string {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(data)
	}
	alone := func(names ...string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		assert.Equal(t, names, got)
	}

	require.NoError(t, picture.CheckOutput(path, false))
	alone()
	require.NoError(t, picture.WriteFile(path, false, say("one")))
	assert.Equal(t, "one", read())

	err := picture.WriteFile(path, false, say("two"))
	require.ErrorIs(t, err, fs.ErrExist)
	require.ErrorContains(t, err, "--force")
	oneLine(t, err)
	require.ErrorIs(t, picture.CheckOutput(path, false), fs.ErrExist)
	assert.Equal(t, "one", read())

	require.NoError(t, picture.CheckOutput(path, true))
	require.NoError(t, picture.WriteFile(path, true, say("two")))
	assert.Equal(t, "two", read())

	// What fails half-way leaves what was there.
	boom := errors.New("boom")
	err = picture.WriteFile(path, true, func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("half", 10000))
		return boom
	})
	require.ErrorIs(t, err, boom)
	assert.Equal(t, "two", read())
	alone("out")

	// What comes to exist meanwhile is not overwritten.
	require.NoError(t, os.Remove(path))
	err = picture.WriteFile(path, false, func(w io.Writer) error {
		return os.WriteFile(path, []byte("three"), 0o600)
	})
	require.ErrorIs(t, err, fs.ErrExist)
	assert.Equal(t, "three", read())
	alone("out")

	// A link stays a link.
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("out", link))
	require.NoError(t, picture.WriteFile(link, true, say("four")))
	assert.Equal(t, "four", read())
	info, err := os.Lstat(link)
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&fs.ModeSymlink)
}

func TestWriteFileErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for path, want := range map[string]string{
		"":                              "is not a file name",
		dir:                             "is a folder",
		filepath.Join(dir, "no", "out"): "does not exist",
		filepath.Join(file, "out"):      "is not a folder",
		os.DevNull:                      "is a device",
	} {
		for _, err := range []error{
			picture.CheckOutput(path, true),
			picture.WriteFile(path, true, func(io.Writer) error { panic("not to be called") }),
		} {
			require.ErrorContains(t, err, want, path)
			oneLine(t, err)
		}
	}
}

func TestWriteFileUnwritable(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	err := picture.CheckOutput(filepath.Join(dir, "out.png"), false)
	require.ErrorIs(t, err, fs.ErrPermission)
	oneLine(t, err)
}

func FuzzReadTexts(f *testing.F) {
	f.Add(testdata(f, "texts.png"))
	f.Add(testdata(f, "exif.png"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if texts, err := picture.DecodeTexts(bytes.NewReader(data), "fuzz"); err != nil && texts != nil {
			t.Fatal("texts and an error")
		}
	})
}

func TestEncodePNGOpaque(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, picture.EncodePNG(&file, noise(1, 4, 4), nil))
	assert.Equal(t, byte(2), file.Bytes()[25], "an opaque picture is written as RGB")
	require.Error(t, picture.EncodePNG(io.Discard, image.NewNRGBA(image.Rect(0, 0, 0, 0)), nil))
}

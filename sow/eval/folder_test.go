package eval_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/sow/eval/benchmark"
	"github.com/sowgen/sowgen/sow/picture"
)

// TestFolder: what is written is read again, with the same pictures.
func TestFolder(t *testing.T) {
	cases, err := benchmark.Cases()
	require.NoError(t, err)
	cases = cases[:4]
	dir := filepath.Join(t.TempDir(), "cases")
	require.NoError(t, eval.WriteFolder(dir, cases))
	read, err := eval.ReadFolder(dir)
	require.NoError(t, err)
	require.Len(t, read, len(cases))
	for i, c := range read {
		require.Nil(t, c.Picture, "pictures are read when they are needed")
		require.NotEmpty(t, c.Content)
		loaded, err := c.Loaded()
		require.NoError(t, err)
		want := cases[i]
		require.Equal(t, want.Picture.Pix, loaded.Picture.Pix)
		require.Equal(t, want.Mask.Pix[want.Mask.PixOffset(0, 20):want.Mask.PixOffset(63, 20)], loaded.Mask.Pix[loaded.Mask.PixOffset(0, 20):loaded.Mask.PixOffset(63, 20)])
		require.Equal(t, []any{want.Name, want.Scenario, want.Prompt, want.Seed, want.Says, want.Shows, want.Skin},
			[]any{c.Name, c.Scenario, c.Prompt, c.Seed, c.Says, c.Shows, c.Skin})
	}
}

// TestFolderOfOnesOwn: two titles are enough.
func TestFolderOfOnesOwn(t *testing.T) {
	dir := t.TempDir()
	writeFace(t, dir)
	write(t, dir, "\ufeffprompt,picture\n\"a boat, far away\",face.png\na boat,face.png\n")
	cases, err := eval.ReadFolder(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"000-normal", "001-normal"}, []string{cases[0].Name, cases[1].Name})
	require.Equal(t, "a boat, far away", cases[0].Prompt)
	require.Equal(t, uint64(1), cases[1].Seed)
	require.Nil(t, cases[0].Skin)
}

// TestFolderRefuses: what is wrong is named with its line.
func TestFolderRefuses(t *testing.T) {
	const titles = "picture,mask,prompt,scenario,seed,name,skin\n"
	for content, want := range map[string]string{
		"":                          "line of titles",
		"picture\nface.png\n":       `prompts.csv:1: there is no title "prompt"`,
		"picture,prompt,promt\n":    `prompts.csv:1: title "promt": want some of picture, mask`,
		"picture,prompt,prompt\n":   `prompts.csv:1: title "prompt" is there twice`,
		titles:                      "no case under the titles",
		titles + "face.png,,a,,,\n": "prompts.csv:2: wrong number of fields",
		titles + "face.png,,\"a\n\nb\",,,,\nface.png,,,,,,\n": "prompts.csv:5: there is no prompt",
		titles + ",,a,,,,\n":                                          "prompts.csv:2: there is no picture",
		titles + "face.png,,a,,,,\nnone.png,,a,,,,\n":                 "none.png",
		titles + "../face.png,,a,,,,\n":                               `prompts.csv:2: picture "../face.png": want a path within the folder`,
		titles + "/etc/passwd,,a,,,,\n":                               "want a path within the folder",
		titles + "prompts.csv,,a,,,,\n":                               "prompts.csv:2: ",
		titles + "face.png,small.png,a,,,,\n":                         "small.png is 8x8, want 64x64",
		titles + "face.png,black.png,a,,,,\n":                         "nothing in it is white",
		titles + "face.png,,a,normale,,,\n":                           `prompts.csv:2: scenario "normale": want normal, attribute, style`,
		titles + "face.png,,a,,-1,,\n":                                `prompts.csv:2: seed "-1": want a whole number`,
		titles + "face.png,,a,,,,\"1,2\"\n":                           `skin "1,2": want red, green, blue`,
		titles + "face.png,,a,,,,\"1,2,256\"\n":                       "each 0 … 255",
		titles + "face.png,,a,,,x,\nface.png,,a,,,x,\n":               `prompts.csv:3: the name "x" is that of line 2 too`,
		titles + "face.png,,\"a,,,,\n":                                "prompts.csv:",
		titles + "face.png,,a" + strings.Repeat(",", 3) + "\"x\"y,\n": "prompts.csv:2: ",
	} {
		dir := t.TempDir()
		writeFace(t, dir)
		write(t, dir, content)
		_, err := eval.ReadFolder(dir)
		require.ErrorContains(t, err, want, "%q", content)
	}
	_, err := eval.ReadFolder(t.TempDir())
	require.ErrorContains(t, err, "prompts.csv: there is no such file; want one with the titles")
}

func write(t *testing.T, dir, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, eval.CasesFile), []byte(content), 0o600))
}

// writeFace writes face.png of 64×64, small.png of 8×8 and black.png.
func writeFace(t *testing.T, dir string) {
	t.Helper()
	cases, err := benchmark.Cases()
	require.NoError(t, err)
	require.NoError(t, picture.WritePNG(filepath.Join(dir, "face.png"), cases[0].Picture, nil, false))
	require.NoError(t, picture.WritePNG(filepath.Join(dir, "small.png"), picture.Resize(cases[0].Picture, 8, 8), nil, false))
	black := plain(64, 64, cases[0].Picture.At(0, 0))
	for i := range black.Pix {
		if i%4 < 3 {
			black.Pix[i] = 0
		}
	}
	require.NoError(t, picture.WritePNG(filepath.Join(dir, "black.png"), black, nil, false))
}

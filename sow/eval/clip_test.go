package eval

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"math"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// clips has the tiny CLIPs and what transformers makes of pictures with them, made by clip/testdata/gen_dual_golden.py.
const clips = "../../clip/testdata/"

func goldenOf(t *testing.T, kind string) *weights.File {
	t.Helper()
	f, err := weights.OpenFile(clips + "dual-" + kind + ".safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func floatsOf(t *testing.T, f *weights.File, name string) ([]float32, []int) {
	t.Helper()
	x, err := f.Tensor(name)
	require.NoError(t, err)
	return tensor.Floats(x), x.Shape()
}

// TestCLIPAgreesWithTransformers: the same pixels number for number, and from the picture and the text to the cosine no more than twice what
// PyTorch's own float32 loses against float64, or four roundings of the 1 that a cosine may be.
func TestCLIPAgreesWithTransformers(t *testing.T) {
	for _, kind := range []string{"quick", "gelu"} {
		c, err := OpenCLIP(os.DirFS(clips+"dual/"+kind), ".", kind)
		require.NoError(t, err)
		golden := goldenOf(t, kind)
		y, _ := floatsOf(t, golden, "cosine")
		truth, _ := floatsOf(t, golden, "cosine64")
		bound := 4.0 / (1 << 23)
		for i := range y {
			bound = max(bound, 2*math.Abs(float64(y[i])-float64(truth[i])))
		}
		positive := 0
		for n := range y {
			bytes, shape := floatsOf(t, golden, fmt.Sprintf("pictures/%d", n))
			img := image.NewNRGBA(image.Rect(-3, 5, shape[1]-3, shape[0]+5)) // a picture need not begin at 0, 0
			for i := range shape[0] * shape[1] {
				img.SetNRGBA(i%shape[1]-3, i/shape[1]+5, color.NRGBA{uint8(bytes[3*i]), uint8(bytes[3*i+1]), uint8(bytes[3*i+2]), 255})
			}
			want, _ := floatsOf(t, golden, fmt.Sprintf("pixel_values/%d", n))
			require.Equal(t, want, tensor.Floats(tensor.ToChannelsFirst(c.pixels.process(img))), "%s, picture %d", kind, n)

			points, err := c.Agreement(context.Background(), img, "a girl with a red hat in a snowy forest")
			require.NoError(t, err)
			if off := math.Abs(points - 100*max(float64(truth[n]), 0)); !(off <= 100*bound) {
				t.Errorf("%s, picture %d: %v points, want %v, off by %.2g > %.2g", kind, n, points, 100*max(truth[n], 0), off, 100*bound)
			}
			if points > 0 {
				positive++
			}
		}
		require.Equal(t, map[string]int{"quick": 0, "gelu": 2}[kind], positive)
	}
}

// TestCLIPMemory: as much as the weights in float32, which they are stored in, and some for the work.
func TestCLIPMemory(t *testing.T) {
	c, err := OpenCLIP(os.DirFS(clips+"dual/quick"), ".", "quick")
	require.NoError(t, err)
	info, err := fs.Stat(c.Files, "model.safetensors")
	require.NoError(t, err)
	require.InEpsilon(t, info.Size(), c.Memory, 0.5)
}

// folder returns the files of a tiny CLIP, with some changed or, where they are nil, left out.
func folder(t *testing.T, dir, kind string, changed map[string][]byte) fstest.MapFS {
	t.Helper()
	files, from := fstest.MapFS{}, os.DirFS(clips+"dual/"+kind)
	entries, err := fs.ReadDir(from, ".")
	require.NoError(t, err)
	for _, e := range entries {
		data, err := fs.ReadFile(from, e.Name())
		require.NoError(t, err)
		files[dir+e.Name()] = &fstest.MapFile{Data: data}
	}
	for name, data := range changed {
		if data == nil {
			delete(files, name)
		} else {
			files[name] = &fstest.MapFile{Data: data}
		}
	}
	return files
}

// TestCLIPInAModel: what is not there is the model's.
func TestCLIPInAModel(t *testing.T) {
	files := folder(t, "clip_model/", "gelu", nil)
	for from, to := range map[string]string{
		"clip_model/vocab.json": "tokenizer/vocab.json", "clip_model/merges.txt": "tokenizer/merges.txt",
		"clip_model/preprocessor_config.json": "feature_extractor/preprocessor_config.json",
	} {
		files[to] = files[from]
		delete(files, from)
	}
	c, err := OpenCLIP(files, CLIPFolder, "model")
	require.NoError(t, err)
	require.Equal(t, []float32{.5, .4, .3}, c.pixels.Mean)
	delete(files, "feature_extractor/preprocessor_config.json")
	c, err = OpenCLIP(files, CLIPFolder, "model")
	require.NoError(t, err)
	require.Equal(t, float32(0.48145466), c.pixels.Mean[0])
	require.Equal(t, shortestSide(30), c.pixels.Size)
	delete(files, "tokenizer/vocab.json")
	_, err = OpenCLIP(files, CLIPFolder, "model")
	require.ErrorContains(t, err, "tokenizer: want vocab.json and merges.txt")
}

// TestOpenCLIPRefuses: what is wrong is named with its file.
func TestOpenCLIPRefuses(t *testing.T) {
	for _, wrong := range []struct {
		file, content, want string
	}{
		{"config.json", "", "eval: CLIP tiny: clip: config.json: no such file"},
		{"config.json", `{"model_type": "clip_text_model"}`, `config.json: "model_type": "clip_text_model" is not supported, only "clip"`},
		{"model.safetensors", "", "model.safetensors: does not exist"},
		{"model.safetensors", "no tensors", "model.safetensors"},
		{"vocab.json", "", "vocab.json"},
		{"added_tokens.json", `{"<new>": 527}`, "the tokenizer in . has 528 tokens, config.json only 527"},
		{"preprocessor_config.json", `{"resample": 2}`, `preprocessor_config.json: "resample": 2 is not supported, only 3`},
		{"preprocessor_config.json", `{"do_center_crop": false}`, `"do_center_crop": false is not supported`},
		{"preprocessor_config.json", `{"crop_size": 28}`, `preprocessor_config.json: "crop_size": 28 is out of range, want 30 … 30`},
		{"preprocessor_config.json", `{"size": 28}`, `"size": 28 is out of range, want 30 …`},
		{"preprocessor_config.json", `{"size": {"height": 30, "width": 30}}`, "preprocessor_config.json: want a number of pixels, or an object of one under shortest_edge"},
		{"preprocessor_config.json", `{"crop_size": {"height": 30, "width": 31}}`, "under height and width"},
		{"preprocessor_config.json", `{"image_mean": [1]}`, `"image_mean": 1 is out of range, want 3 … 3`},
		{"preprocessor_config.json", `{"image_std": [1, 0, 1]}`, `"image_std": 0 is out of range`},
	} {
		var data []byte
		if wrong.content != "" {
			data = []byte(wrong.content)
		}
		_, err := OpenCLIP(folder(t, "", "gelu", map[string][]byte{wrong.file: data}), ".", "tiny")
		require.ErrorContains(t, err, wrong.want, "%s: %s", wrong.file, wrong.content)
	}
	_, err := OpenCLIP(folder(t, "", "quick", map[string][]byte{"processor_config.json": []byte(`{"image_processor": {"do_resize": false}}`)}), ".", "tiny")
	require.ErrorContains(t, err, `processor_config.json: "image_processor": "do_resize": false is not supported, only true`)
}

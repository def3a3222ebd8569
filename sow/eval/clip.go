package eval

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"math"
	"path"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/tensor"
)

// CLIPFolder is where a model folder may have a CLIP, under the name that diffusers' CLIP-guided pipeline saves it by.
const CLIPFolder = "clip_model"

// CLIP tells how well a picture agrees with a text, whatever both are about. It is safe for concurrent use.
type CLIP struct {
	Name   string // what reports call it
	Files  fs.FS  // its folder
	Memory int64  // bytes that it takes, with a picture and a text at work
	model  *clip.Dual
	words  *clip.Tokenizer
	pixels *imageProcessor
}

// OpenCLIP loads the CLIP in folder dir of fsys, a transformers CLIPModel: config.json, model.safetensors, the tokenizer's files and, if the image
// processor is not CLIP's own, preprocessor_config.json. The tokenizer and the processor that are not there may be a model folder's, in tokenizer
// and feature_extractor beside dir. name is what errors and reports call it; the error names the file and the value.
func OpenCLIP(fsys fs.FS, dir, name string) (*CLIP, error) {
	c := &CLIP{Name: name}
	if err := c.open(fsys, dir); err != nil {
		return nil, fmt.Errorf("eval: CLIP %s: %w", name, err)
	}
	return c, nil
}

func (c *CLIP) open(fsys fs.FS, dir string) (err error) {
	if c.Files, err = fs.Sub(fsys, dir); err != nil {
		return err
	}
	cfg, err := clip.ReadDualConfig(fsys, path.Join(dir, "config.json"))
	if err != nil {
		return err
	}
	if c.pixels, err = readImageProcessor(fsys, dir, cfg.Vision.ImageSize); err != nil {
		return err
	}
	words := dir
	if dir != "." && !exists(fsys, path.Join(dir, "vocab.json")) && !exists(fsys, path.Join(dir, "tokenizer.json")) {
		words = path.Join(dir, "../tokenizer")
	}
	if c.words, err = clip.LoadTokenizer(fsys, words); err != nil {
		return err
	}
	if c.words.Size() > cfg.Text.VocabSize {
		return fmt.Errorf("the tokenizer in %s has %d tokens, %s only %d", words, c.words.Size(), path.Join(dir, "config.json"), cfg.Text.VocabSize)
	}
	src, err := weights.OpenFolder(fsys, dir, "model")
	if err != nil {
		return err
	}
	defer src.Close()
	if c.Memory, err = measure(cfg, src); err != nil {
		return err
	}
	c.model, err = clip.LoadDual(cfg, src)
	return err
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// measure returns how many bytes the networks take at work, from the headers of the weights.
func measure(cfg clip.DualConfig, src weights.Source) (int64, error) {
	outline := weights.NewOutline(tensor.CPU{}, src)
	d, err := clip.LoadDual(cfg, outline)
	if err != nil {
		return 0, err
	}
	e, ctx := outline.Engine(), context.Background()
	defer tensor.ReleaseArenas(e)
	_, ofText := d.EmbedText(ctx, make([]int32, cfg.Text.MaxPositionEmbeddings))
	_, ofImage := d.EmbedImage(ctx, tensor.NewOn(e, 1, cfg.Vision.ImageSize, cfg.Vision.ImageSize, cfg.Vision.NumChannels))
	return outline.Bytes() + tensor.ArenaPeak(e), errors.Join(ofText, ofImage)
}

// Agreement returns how well img agrees with text: 100·max(cos, 0), cos being the cosine of their vectors. That is CLIPScore (Hessel et al. 2021)
// in the convention of torchmetrics: theirs has 2.5 for 100, and "A photo depicts" before the text. Of a text that is too long the end is cut off.
func (c *CLIP) Agreement(ctx context.Context, img *image.NRGBA, text string) (float64, error) {
	ids, _ := c.words.Encode(text, c.model.Config.Text.MaxPositionEmbeddings)
	read, err := c.model.EmbedText(ctx, c.words.Trim(ids))
	if err != nil {
		return 0, fmt.Errorf("eval: CLIP %s: %w", c.Name, err)
	}
	seen, err := c.model.EmbedImage(ctx, c.pixels.process(img))
	if err != nil {
		return 0, fmt.Errorf("eval: CLIP %s: %w", c.Name, err)
	}
	cos := clip.Cosine(seen, read)
	if math.IsNaN(cos) {
		return 0, fmt.Errorf("eval: CLIP %s: the vector of %q or of its picture is zero or not a number: the weights are broken", c.Name, text)
	}
	return 100 * max(cos, 0), nil
}

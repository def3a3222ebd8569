// Package random makes models of Stable Diffusion's full size with random weights, to measure speed and memory without a download: nothing
// of what they draw means anything. A model is a folder in the diffusers layout whose weights, 1.3 billion numbers in half precision, stand
// nowhere: they are worked out as they are read.
package random

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/unet"
	"github.com/sowgen/sowgen/vae"
)

// Names lists what [Model] makes: "sd15" is Stable Diffusion 1.5, "sd21" is 2.1-base.
func Names() []string { return []string{"sd15", "sd21"} }

// Model returns the folder of a model of that name. The same seed gives the same weights, to the bit, on every machine.
func Model(name string, seed uint64) (fs.FS, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("random: model %q: want %s", name, strings.Join(Names(), " or "))
	}
	texts := sd15
	if name == "sd21" {
		texts = sd21
	}
	f := folder{}
	for file, text := range texts {
		f.add(file, content{strings.NewReader(text), int64(len(text))})
	}
	vocabulary := vocabularyJSON()
	f.add("tokenizer/vocab.json", content{strings.NewReader(vocabulary), int64(len(vocabulary))})
	for file, load := range map[string]func() error{
		"text_encoder/model.safetensors":           func() error { return probe(f, "text_encoder/config.json", clip.ReadConfig, clip.Load) },
		"unet/diffusion_pytorch_model.safetensors": func() error { return probe(f, "unet/config.json", unet.ReadConfig, unet.Load) },
		"vae/diffusion_pytorch_model.safetensors":  func() error { return probe(f, "vae/config.json", vae.ReadConfig, vae.Load) },
	} {
		var fit *weights.FitError
		if err := load(); !errors.As(err, &fit) {
			return nil, fmt.Errorf("random: %s: %w", file, err)
		}
		c, err := newCheckpoint(fit.Missing, seed)
		if err != nil {
			return nil, fmt.Errorf("random: %s: %w", file, err)
		}
		f.add(file, content{c, c.size})
	}
	return f, nil
}

// probe loads a network from no weights at all: the error tells all the tensors it consists of.
func probe[C, M any](f folder, file string, read func(fs.FS, string) (C, error), load func(C, weights.Source) (M, error)) error {
	cfg, err := read(f, file)
	if err != nil {
		return err
	}
	_, err = load(cfg, nothing{})
	return err
}

// nothing is a checkpoint without tensors.
type nothing struct{ weights.Source }

func (nothing) Names() []string { return nil }

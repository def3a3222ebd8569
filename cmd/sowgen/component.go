package main

import (
	"errors"
	"io/fs"
	"path"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/eval"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
	"github.com/sowgen/sowgen/vae"
)

// component is a part of a model folder.
type component struct {
	name  string   // of its folder
	files []string // either of which a folder of this kind has and no other …
	class string   // … or what its config.json says it is
	base  string   // of the weights' file names; "" has none
	extra bool     // a model may be without it
	check func(fsys fs.FS, dir string) error
}

// components are what Stable Diffusion consists of, in the order in which a prompt meets them, and the CLIP that sowgen eval reads pictures with.
var components = []component{
	{name: "tokenizer", files: []string{"vocab.json", "tokenizer.json"}, check: func(fsys fs.FS, dir string) error {
		_, err := clip.LoadTokenizer(fsys, dir)
		return err
	}},
	{name: "text_encoder", class: "CLIPTextModel", base: "model", check: func(fsys fs.FS, dir string) error {
		_, err := loadTextEncoder(fsys, dir, tensor.CPU{})
		return err
	}},
	{name: "scheduler", files: []string{"scheduler_config.json"}, check: func(fsys fs.FS, dir string) error {
		_, err := sampler.ReadConfig(fsys, path.Join(dir, "scheduler_config.json"))
		return err
	}},
	{name: "unet", class: "UNet2DConditionModel", base: "diffusion_pytorch_model", check: func(fsys fs.FS, dir string) error {
		_, err := loadUNet(fsys, dir, tensor.CPU{})
		return err
	}},
	{name: "vae", class: "AutoencoderKL", base: "diffusion_pytorch_model", check: func(fsys fs.FS, dir string) error {
		_, err := loadVAE(fsys, dir, tensor.CPU{})
		return err
	}},
	{name: eval.CLIPFolder, class: "CLIPModel", base: "model", extra: true, check: func(fsys fs.FS, dir string) error {
		_, err := eval.OpenCLIP(fsys, dir, dir)
		return errors.Unwrap(err) // without its name, which the files have
	}},
}

func loadTextEncoder(fsys fs.FS, dir string, e tensor.Engine) (*clip.Model, error) {
	return loadComponent(fsys, dir, e, "model", clip.ReadConfig, clip.Load)
}

func loadUNet(fsys fs.FS, dir string, e tensor.Engine) (*unet.Model, error) {
	return loadComponent(fsys, dir, e, "diffusion_pytorch_model", unet.ReadConfig, unet.Load)
}

func loadVAE(fsys fs.FS, dir string, e tensor.Engine) (*vae.Model, error) {
	return loadComponent(fsys, dir, e, "diffusion_pytorch_model", vae.ReadConfig, vae.Load)
}

// loadComponent reads a component's config and weights, onto engine e.
func loadComponent[C, M any](fsys fs.FS, dir string, e tensor.Engine, base string, read func(fs.FS, string) (C, error), build func(C, weights.Source) (M, error)) (m M, err error) {
	cfg, err := read(fsys, path.Join(dir, "config.json"))
	if err != nil {
		return m, err
	}
	src, err := weights.OpenFolder(fsys, dir, base)
	if err != nil {
		return m, err
	}
	defer src.Close()
	return build(cfg, weights.On(e, src))
}

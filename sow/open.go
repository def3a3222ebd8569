package sow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sowgen/sowgen/clip"
	"github.com/sowgen/sowgen/internal/bounded"
	"github.com/sowgen/sowgen/sampler"
	"github.com/sowgen/sowgen/sow/builtin"
	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
	"github.com/sowgen/sowgen/vae"
)

// Builtin is the name of the model inside the binary.
const Builtin = "builtin"

// Open loads a model: "builtin", or a folder in the diffusers layout of Stable Diffusion 1.x or 2.x (model_index.json, scheduler,
// text_encoder, tokenizer, unet, vae).
func Open(model string, options ...Option) (*Pipeline, error) {
	fsys, err := Folder(model)
	if err != nil {
		return nil, err
	}
	return OpenFS(fsys, model, options...)
}

// Folder returns the files of a model that [Open] would load.
func Folder(model string) (fs.FS, error) {
	if model == Builtin {
		return builtin.Model, nil
	}
	info, err := os.Stat(model)
	if err != nil {
		return nil, fmt.Errorf("sow: model %s: %w; want a folder in the diffusers layout, or %q", model, errors.Unwrap(err), Builtin)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("sow: model %s: want a folder in the diffusers layout, not a file", model)
	}
	return os.DirFS(model), nil
}

// OpenFS loads a model from a file system that holds its folder; name is what errors and reports call it.
func OpenFS(fsys fs.FS, name string, options ...Option) (*Pipeline, error) {
	p := &Pipeline{Model: name, engine: tensor.CPU{}}
	for _, option := range options {
		option(p)
	}
	if err := p.open(fsys); err != nil {
		return nil, fmt.Errorf("sow: model %s: %w", name, err)
	}
	return p, nil
}

func (p *Pipeline) open(fsys fs.FS) (err error) {
	if p.scheduler, err = sampler.ReadConfig(fsys, "scheduler/scheduler_config.json"); err != nil {
		return err
	}
	if p.tokenizer, err = clip.LoadTokenizer(fsys, "tokenizer"); err != nil {
		return err
	}
	text, err := clip.ReadConfig(fsys, "text_encoder/config.json")
	if err != nil {
		return err
	}
	network, err := unet.ReadConfig(fsys, "unet/config.json")
	if err != nil {
		return err
	}
	autoencoder, err := vae.ReadConfig(fsys, "vae/config.json")
	if err != nil {
		return err
	}
	// What must fit together is checked before gigabytes are read.
	switch {
	case p.tokenizer.Size() > text.VocabSize:
		return fmt.Errorf("tokenizer/vocab.json has %d tokens, text_encoder/config.json only %d", p.tokenizer.Size(), text.VocabSize)
	case text.HiddenSize != network.CrossAttentionDim:
		return fmt.Errorf("text_encoder/config.json puts out %d channels, unet/config.json reads %d", text.HiddenSize, network.CrossAttentionDim)
	case network.InChannels != network.OutChannels || network.InChannels != autoencoder.LatentChannels:
		return fmt.Errorf("unet/config.json has %d channels in and %d out, the vae %d: only text-to-image networks are supported",
			network.InChannels, network.OutChannels, autoencoder.LatentChannels)
	case autoencoder.InChannels != 3 || autoencoder.OutChannels != 3:
		return fmt.Errorf("vae/config.json has %d channels in and %d out, want pictures of 3", autoencoder.InChannels, autoencoder.OutChannels)
	}
	if p.Defaults, p.tasks, err = readDefaults(fsys, &network, &autoencoder); err != nil {
		return err
	}
	p.text = newNetwork(p, fsys, "text_encoder", "model", text, clip.Load)
	p.unet = newNetwork(p, fsys, "unet", "diffusion_pytorch_model", network, unet.Load)
	p.vae = newNetwork(p, fsys, "vae", "diffusion_pytorch_model", autoencoder, vae.Load)
	if p.lowMemory {
		_, err := p.outline(p.engine) // nobody else knows p yet
		return err
	}
	return p.load()
}

// load reads all networks.
func (p *Pipeline) load() error {
	if err := p.text.load(); err != nil {
		return err
	}
	if err := p.unet.load(); err != nil {
		return err
	}
	return p.vae.load()
}

// Defaults returns the parameters that a model folder asks for, from its configs alone.
func Defaults(fsys fs.FS) (Params, error) {
	network, err := unet.ReadConfig(fsys, "unet/config.json")
	if err != nil {
		return Params{}, fmt.Errorf("sow: %w", err)
	}
	autoencoder, err := vae.ReadConfig(fsys, "vae/config.json")
	if err != nil {
		return Params{}, fmt.Errorf("sow: %w", err)
	}
	p, _, err := readDefaults(fsys, &network, &autoencoder)
	if err != nil {
		return p, fmt.Errorf("sow: %w", err)
	}
	return p, nil
}

// maxDefaults bounds sow.json.
const maxDefaults = 1 << 20

// readDefaults returns DefaultParams at the model's size, changed by its sow.json if it has one, and those of the tasks.
func readDefaults(fsys fs.FS, network *unet.Config, autoencoder *vae.Config) (p Params, tasks map[plan.Task]Params, err error) {
	p = DefaultParams()
	factor := autoencoder.Factor()
	if side := network.SampleSize; len(side) > 0 { // [height, width] or one number, in latent cells
		p.Height, p.Width = side[0]*factor, side[len(side)-1]*factor
	}
	file := struct {
		Size  [2]int                        `json:"size"` // width, height
		Tasks map[plan.Task]json.RawMessage `json:"tasks"`
		*Params
	}{Size: [2]int{p.Width, p.Height}, Params: &p}
	data, err := bounded.ReadFS(fsys, "sow.json", maxDefaults, "a model's defaults")
	switch {
	case err == nil:
		err = decodeStrictly(data, &file)
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	default:
		return p, nil, err
	}
	if err == nil {
		p.Width, p.Height = file.Size[0], file.Size[1]
		err = p.Validate(factor)
	}
	if err == nil {
		tasks, err = tasksOf(p, file.Tasks, factor)
	}
	if err != nil {
		err = fmt.Errorf("sow.json: %w", err)
	}
	return p, tasks, err
}

// decodeStrictly reads JSON in which every key must be known: a misspelt one would be silently ignored otherwise.
func decodeStrictly(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

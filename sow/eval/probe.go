package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io/fs"

	"github.com/sowgen/sowgen/nn"
	"github.com/sowgen/sowgen/nn/weights"
	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/tensor"
)

// Probe is a small convolutional classifier that was trained on the same drawn pictures as the built-in model (sow/builtin/train/probe.py):
// a measure of text agreement in that world, and in no other.
type Probe struct {
	size   int // of the pictures it reads
	convs  []*nn.Conv2D
	linear *nn.Linear
	heads  []head
}

// head is one question and its possible answers.
type head struct {
	name   string
	labels []string
}

// LoadProbe reads a probe's folder: config.json and model.safetensors.
func LoadProbe(fsys fs.FS) (*Probe, error) {
	data, err := fs.ReadFile(fsys, "config.json")
	if err != nil {
		return nil, fmt.Errorf("eval: probe: %w", err)
	}
	var cfg struct {
		Size     int   `json:"size"`
		Channels []int `json:"channels"`
		Grid     int   `json:"grid"` // what is left of the size after the convolutions
		Heads    heads `json:"heads"`
	}
	if err := json.Unmarshal(data, &cfg); err != nil {
		return nil, fmt.Errorf("eval: probe: config.json: %w", err)
	}
	if len(cfg.Channels) == 0 || cfg.Size != cfg.Grid<<len(cfg.Channels) {
		return nil, fmt.Errorf("eval: probe: config.json: %d halvings of %d do not leave %d", len(cfg.Channels), cfg.Size, cfg.Grid)
	}
	src, err := weights.OpenFolder(fsys, ".", "model")
	if err != nil {
		return nil, fmt.Errorf("eval: probe: %w", err)
	}
	defer src.Close()

	s := weights.NewScope(src)
	p := &Probe{size: cfg.Size, heads: cfg.Heads}
	in := 3
	for i, out := range cfg.Channels {
		p.convs = append(p.convs, nn.LoadConv2D(s.Sub("convs").Index(i), in, out, 3, 2, tensor.Pad(1)))
		in = out
	}
	p.linear = nn.LoadLinear(s.Sub("linear"), cfg.Grid*cfg.Grid*in, cfg.Heads.outputs(), true)
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("eval: probe: %w", err)
	}
	return p, nil
}

// Read returns the answer to each question, as {"scene": "beach", "hair": "red", …}. A picture of another size is resized first.
func (p *Probe) Read(img *image.NRGBA) (_ map[string]string, err error) {
	defer tensor.Catch(&err)
	x := picture.ToTensor(picture.Resize(img, p.size, p.size))
	for _, c := range p.convs {
		x = tensor.SiLU(c.Forward(x))
	}
	logits := tensor.Floats(p.linear.Forward(tensor.Flatten(x)))
	answers := map[string]string{}
	for _, h := range p.heads {
		best := 0
		for i := range h.labels {
			if logits[i] > logits[best] {
				best = i
			}
		}
		answers[h.name], logits = h.labels[best], logits[len(h.labels):]
	}
	return answers, nil
}

// heads is a JSON object of lists whose order counts: it is that of the network's outputs.
type heads []head

func (h heads) outputs() (n int) {
	for _, head := range h {
		n += len(head.labels)
	}
	return n
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *heads) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("heads: want an object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var labels []string
		if err := d.Decode(&labels); err != nil {
			return fmt.Errorf("heads: %v: %w", name, err)
		}
		if len(labels) == 0 {
			return fmt.Errorf("heads: %v: no labels", name)
		}
		*h = append(*h, head{fmt.Sprint(name), labels})
	}
	return nil
}

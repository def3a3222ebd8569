package clip

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/sowgen/sowgen/nn/config"
)

// VisionConfig mirrors the keys of vision_config in a CLIP's config.json.
type VisionConfig struct {
	HiddenSize        int     `json:"hidden_size"`
	IntermediateSize  int     `json:"intermediate_size"`
	NumHiddenLayers   int     `json:"num_hidden_layers"`
	NumAttentionHeads int     `json:"num_attention_heads"`
	NumChannels       int     `json:"num_channels"`
	ImageSize         int     `json:"image_size"` // pixels of a side
	PatchSize         int     `json:"patch_size"`
	HiddenAct         string  `json:"hidden_act"` // "gelu" or "quick_gelu"
	LayerNormEps      float64 `json:"layer_norm_eps"`
}

// DefaultVisionConfig is what transformers takes for keys that are missing.
func DefaultVisionConfig() VisionConfig {
	return VisionConfig{
		HiddenSize: 768, IntermediateSize: 3072, NumHiddenLayers: 12, NumAttentionHeads: 12,
		NumChannels: 3, ImageSize: 224, PatchSize: 32, HiddenAct: "quick_gelu", LayerNormEps: 1e-5,
	}
}

// patches is how many a picture is cut into; what is left over at its right and bottom is not looked at.
func (c *VisionConfig) patches() int {
	across := c.ImageSize / c.PatchSize
	return across * across
}

func (c *VisionConfig) shape() shape {
	return shape{c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.HiddenAct, c.LayerNormEps}
}

// Validate reports the first value that cannot be built.
func (c *VisionConfig) Validate() error {
	var check config.Check
	check.Add(c.shape().validate())
	check.Int("num_channels", c.NumChannels, 3, 3)
	check.Int("image_size", c.ImageSize, 1, 1<<12)
	check.Int("patch_size", c.PatchSize, 1, c.ImageSize)
	return check.Err()
}

// DualConfig mirrors the config.json of a CLIPModel.
type DualConfig struct {
	Text          Config
	Vision        VisionConfig
	ProjectionDim int // of the space that both encoders are projected into
}

// ReadDualConfig reads and validates a CLIPModel's config.json.
func ReadDualConfig(fsys fs.FS, name string) (DualConfig, error) {
	cfg := DualConfig{Text: DefaultConfig(), Vision: DefaultVisionConfig()}
	// As early versions wrote it, the part under _dict is all that counts.
	file := struct {
		Text          json.RawMessage `json:"text_config"`
		TextDict      json.RawMessage `json:"text_config_dict"`
		Vision        json.RawMessage `json:"vision_config"`
		VisionDict    json.RawMessage `json:"vision_config_dict"`
		ProjectionDim int             `json:"projection_dim"`
	}{ProjectionDim: 512}
	if err := config.Read(fsys, name, &file, map[string]any{"model_type": "clip"}); err != nil {
		return cfg, fmt.Errorf("clip: %w", err)
	}
	cfg.ProjectionDim = file.ProjectionDim
	for _, part := range []struct {
		key           string
		plain, asDict json.RawMessage
		to            any
	}{{"text_config", file.Text, file.TextDict, &cfg.Text}, {"vision_config", file.Vision, file.VisionDict, &cfg.Vision}} {
		key, data := part.key, part.plain
		if part.asDict != nil {
			key, data = part.key+"_dict", part.asDict
		}
		if data == nil {
			return cfg, fmt.Errorf("clip: %s: there is no %q: want the config of a CLIPModel, an encoder of texts and one of pictures", name, part.key)
		}
		if err := config.Decode(data, part.to, nil); err != nil {
			return cfg, fmt.Errorf("clip: %s: %q: %w", name, key, err)
		}
	}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("clip: %s: %w", name, err)
	}
	return cfg, nil
}

// Validate reports the first value that cannot be built.
func (c *DualConfig) Validate() error {
	if err := c.Text.Validate(); err != nil {
		return fmt.Errorf("\"text_config\": %w", err)
	}
	if err := c.Vision.Validate(); err != nil {
		return fmt.Errorf("\"vision_config\": %w", err)
	}
	var check config.Check
	check.Int("projection_dim", c.ProjectionDim, 1, config.MaxChannels)
	return check.Err()
}

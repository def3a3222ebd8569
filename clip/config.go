package clip

import (
	"fmt"
	"io/fs"

	"github.com/sowgen/sowgen/nn/config"
)

// Config mirrors the keys of a CLIP text model's config.json.
type Config struct {
	VocabSize             int     `json:"vocab_size"`
	HiddenSize            int     `json:"hidden_size"`
	IntermediateSize      int     `json:"intermediate_size"`
	NumHiddenLayers       int     `json:"num_hidden_layers"`
	NumAttentionHeads     int     `json:"num_attention_heads"`
	MaxPositionEmbeddings int     `json:"max_position_embeddings"` // the longest prompt, in tokens
	HiddenAct             string  `json:"hidden_act"`              // "gelu" or "quick_gelu"
	LayerNormEps          float64 `json:"layer_norm_eps"`
}

// DefaultConfig is what transformers takes for keys that are missing.
func DefaultConfig() Config {
	return Config{
		VocabSize: 49408, HiddenSize: 512, IntermediateSize: 2048, NumHiddenLayers: 12, NumAttentionHeads: 8,
		MaxPositionEmbeddings: 77, HiddenAct: "quick_gelu", LayerNormEps: 1e-5,
	}
}

// ReadConfig reads and validates a config.json.
func ReadConfig(fsys fs.FS, name string) (Config, error) {
	cfg := DefaultConfig()
	if err := config.Read(fsys, name, &cfg, nil); err != nil {
		return cfg, fmt.Errorf("clip: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("clip: %s: %w", name, err)
	}
	return cfg, nil
}

func (c *Config) shape() shape {
	return shape{c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.HiddenAct, c.LayerNormEps}
}

// Validate reports the first value that cannot be built.
func (c *Config) Validate() error {
	var check config.Check
	check.Int("vocab_size", c.VocabSize, 1, 1<<20)
	check.Add(c.shape().validate())
	check.Int("max_position_embeddings", c.MaxPositionEmbeddings, 3, 1<<16)
	return check.Err()
}

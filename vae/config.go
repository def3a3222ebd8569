package vae

import (
	"fmt"
	"io/fs"

	"github.com/sowgen/sowgen/nn/config"
)

// Config mirrors the keys of a VAE's config.json that Stable Diffusion 1.x and 2.x set.
type Config struct {
	InChannels           int      `json:"in_channels"`
	OutChannels          int      `json:"out_channels"`
	LatentChannels       int      `json:"latent_channels"`
	BlockOutChannels     []int    `json:"block_out_channels"`
	LayersPerBlock       int      `json:"layers_per_block"`
	DownBlockTypes       []string `json:"down_block_types"`
	UpBlockTypes         []string `json:"up_block_types"`
	NormNumGroups        int      `json:"norm_num_groups"`
	ScalingFactor        float64  `json:"scaling_factor"` // latents are multiplied by it before the UNet sees them
	MidBlockAddAttention bool     `json:"mid_block_add_attention"`
	UseQuantConv         bool     `json:"use_quant_conv"`
	UsePostQuantConv     bool     `json:"use_post_quant_conv"`
}

// DefaultConfig is what diffusers takes for keys that are missing.
func DefaultConfig() Config {
	return Config{
		InChannels: 3, OutChannels: 3, LatentChannels: 4,
		BlockOutChannels: []int{64}, LayersPerBlock: 1,
		DownBlockTypes: []string{downBlock}, UpBlockTypes: []string{upBlock},
		NormNumGroups: 32, ScalingFactor: 0.18215,
		MidBlockAddAttention: true, UseQuantConv: true, UsePostQuantConv: true,
	}
}

const (
	downBlock = "DownEncoderBlock2D"
	upBlock   = "UpDecoderBlock2D"
)

// eps of every norm in the autoencoder.
const eps = 1e-6

// fixed are the keys that would make another network.
var fixed = map[string]any{"act_fn": "silu", "latents_mean": nil, "latents_std": nil, "shift_factor": nil}

// ReadConfig reads and validates a config.json.
func ReadConfig(fsys fs.FS, name string) (Config, error) {
	cfg := DefaultConfig()
	if err := config.Read(fsys, name, &cfg, fixed); err != nil {
		return cfg, fmt.Errorf("vae: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("vae: %s: %w", name, err)
	}
	return cfg, nil
}

// Validate reports the first value that cannot be built.
func (c *Config) Validate() error {
	var check config.Check
	check.Int("in_channels", c.InChannels, 1, config.MaxChannels)
	check.Int("out_channels", c.OutChannels, 1, config.MaxChannels)
	check.Int("latent_channels", c.LatentChannels, 1, config.MaxChannels)
	check.Int("layers_per_block", c.LayersPerBlock, 1, config.MaxLayers)
	check.Int("norm_num_groups", c.NormNumGroups, 1, config.MaxChannels)
	check.Float("scaling_factor", c.ScalingFactor, 1e-6, 1e6)
	blocks := len(c.BlockOutChannels)
	check.Int("length of block_out_channels", blocks, 1, 8)
	check.Int("length of down_block_types", len(c.DownBlockTypes), blocks, blocks)
	check.Int("length of up_block_types", len(c.UpBlockTypes), blocks, blocks)
	if check.Err() != nil {
		return check.Err()
	}
	for i, channels := range c.BlockOutChannels {
		check.OneOf("down_block_types", c.DownBlockTypes[i], downBlock)
		check.OneOf("up_block_types", c.UpBlockTypes[i], upBlock)
		check.Int("block_out_channels", channels, 1, config.MaxChannels)
		check.Divides("norm_num_groups", c.NormNumGroups, channels)
	}
	return check.Err()
}

// Factor is how many pixels wide and high a latent cell is: 8 in Stable Diffusion.
func (c *Config) Factor() int { return 1 << (len(c.BlockOutChannels) - 1) }

package unet

import (
	"fmt"
	"io/fs"

	"github.com/sowgen/sowgen/nn/config"
)

// Config mirrors the keys of a UNet's config.json that Stable Diffusion 1.x and 2.x set.
type Config struct {
	InChannels          int         `json:"in_channels"`
	OutChannels         int         `json:"out_channels"`
	SampleSize          config.Ints `json:"sample_size"` // latents are this many cells wide and high unless the user says otherwise
	BlockOutChannels    []int       `json:"block_out_channels"`
	LayersPerBlock      config.Ints `json:"layers_per_block"`
	DownBlockTypes      []string    `json:"down_block_types"`
	MidBlockType        string      `json:"mid_block_type"`
	UpBlockTypes        []string    `json:"up_block_types"`
	CrossAttentionDim   int         `json:"cross_attention_dim"`
	AttentionHeadDim    config.Ints `json:"attention_head_dim"` // the number of heads, whatever its name says: diffusers' old mistake, kept by every checkpoint
	NumAttentionHeads   config.Ints `json:"num_attention_heads"`
	UseLinearProjection bool        `json:"use_linear_projection"`
	UpcastAttention     bool        `json:"upcast_attention"` // float32 logits; ours always are
	NormNumGroups       int         `json:"norm_num_groups"`
	NormEps             float64     `json:"norm_eps"`
	FlipSinToCos        bool        `json:"flip_sin_to_cos"`
	FreqShift           float64     `json:"freq_shift"`
}

// DefaultConfig is what diffusers takes for keys that are missing.
func DefaultConfig() Config {
	return Config{
		InChannels: 4, OutChannels: 4,
		BlockOutChannels:  []int{320, 640, 1280, 1280},
		LayersPerBlock:    config.Ints{2},
		DownBlockTypes:    []string{crossAttnDown, crossAttnDown, crossAttnDown, plainDown},
		MidBlockType:      crossAttnMid,
		UpBlockTypes:      []string{plainUp, crossAttnUp, crossAttnUp, crossAttnUp},
		CrossAttentionDim: 1280, AttentionHeadDim: config.Ints{8},
		NormNumGroups: 32, NormEps: 1e-5, FlipSinToCos: true,
	}
}

const (
	plainDown     = "DownBlock2D"
	crossAttnDown = "CrossAttnDownBlock2D"
	plainUp       = "UpBlock2D"
	crossAttnUp   = "CrossAttnUpBlock2D"
	crossAttnMid  = "UNetMidBlock2DCrossAttn"
)

// fixed are the keys that would make another network: Stable Diffusion 1.x and 2.x leave them at these values.
var fixed = map[string]any{
	"act_fn": "silu", "addition_embed_type": nil, "attention_type": "default", "center_input_sample": false, "class_embed_type": nil,
	"conv_in_kernel": 3, "conv_out_kernel": 3, "cross_attention_norm": nil, "downsample_padding": 1, "dual_cross_attention": false,
	"encoder_hid_dim": nil, "encoder_hid_dim_type": nil, "mid_block_only_cross_attention": nil, "mid_block_scale_factor": 1,
	"num_class_embeds": nil, "only_cross_attention": false, "resnet_out_scale_factor": 1.0, "resnet_skip_time_act": false,
	"resnet_time_scale_shift": "default", "reverse_transformer_layers_per_block": nil, "time_cond_proj_dim": nil,
	"time_embedding_act_fn": nil, "time_embedding_dim": nil, "time_embedding_type": "positional", "timestep_post_act": nil,
	"transformer_layers_per_block": 1,
}

// ReadConfig reads and validates a config.json.
func ReadConfig(fsys fs.FS, name string) (Config, error) {
	cfg := DefaultConfig()
	if err := config.Read(fsys, name, &cfg, fixed); err != nil {
		return cfg, fmt.Errorf("unet: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("unet: %s: %w", name, err)
	}
	return cfg, nil
}

// Validate reports the first value that cannot be built.
func (c *Config) Validate() error {
	var check config.Check
	check.Int("in_channels", c.InChannels, 1, config.MaxChannels)
	check.Int("out_channels", c.OutChannels, 1, config.MaxChannels)
	check.Int("cross_attention_dim", c.CrossAttentionDim, 1, config.MaxChannels)
	check.Int("norm_num_groups", c.NormNumGroups, 1, config.MaxChannels)
	check.Float("norm_eps", c.NormEps, 0, 1)
	check.Float("freq_shift", c.FreqShift, -1, 1)
	check.OneOf("mid_block_type", c.MidBlockType, crossAttnMid)
	blocks := len(c.BlockOutChannels)
	check.Int("length of block_out_channels", blocks, 1, 8)
	check.Int("length of down_block_types", len(c.DownBlockTypes), blocks, blocks)
	check.Int("length of up_block_types", len(c.UpBlockTypes), blocks, blocks)
	layers, err := c.LayersPerBlock.Each("layers_per_block", blocks)
	check.Add(err)
	heads, err := c.heads()
	check.Add(err)
	if check.Err() != nil {
		return check.Err()
	}
	for i, channels := range c.BlockOutChannels {
		check.OneOf("down_block_types", c.DownBlockTypes[i], plainDown, crossAttnDown)
		check.OneOf("up_block_types", c.UpBlockTypes[i], plainUp, crossAttnUp)
		check.Int("block_out_channels", channels, 2, config.MaxChannels)
		check.Divides("norm_num_groups", c.NormNumGroups, channels)
		check.Int("layers_per_block", layers[i], 1, config.MaxLayers)
		check.Divides("attention_head_dim", heads[i], channels)
	}
	for _, side := range c.SampleSize {
		check.Int("sample_size", side, 1, 4096)
	}
	return check.Err()
}

// heads returns the number of attention heads of each block.
func (c *Config) heads() ([]int, error) {
	if len(c.NumAttentionHeads) > 0 {
		return c.NumAttentionHeads.Each("num_attention_heads", len(c.BlockOutChannels))
	}
	return c.AttentionHeadDim.Each("attention_head_dim", len(c.BlockOutChannels))
}

package random

// The files of the two models besides their weights and vocabularies, as far as they differ from diffusers' defaults.

var sd21 = map[string]string{
	"scheduler/scheduler_config.json": schedule,
	"vae/config.json":                 autoencoder,
	"tokenizer/merges.txt":            "#version: 0.2\n",
	"tokenizer/tokenizer_config.json": `{"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "!"}`,
	"text_encoder/config.json": `{"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16,
		"hidden_act": "gelu"}`,
	"unet/config.json": `{"sample_size": 64, "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": true}`,
}

var sd15 = map[string]string{
	"scheduler/scheduler_config.json": schedule,
	"vae/config.json":                 autoencoder,
	"tokenizer/merges.txt":            "#version: 0.2\n",
	"tokenizer/tokenizer_config.json": `{"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}`,
	"text_encoder/config.json": `{"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
		"hidden_act": "quick_gelu"}`,
	"unet/config.json": `{"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}`,
}

const (
	schedule = `{"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": false,
		"set_alpha_to_one": false, "steps_offset": 1, "prediction_type": "epsilon"}`
	autoencoder = `{"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "scaling_factor": 0.18215,
		"down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
		"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}`
)

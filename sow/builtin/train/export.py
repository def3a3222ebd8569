"""Writes the trained parts as a diffusers folder in float16, the probe beside it.

    python export.py model VAE.pt UNET.pt TOKENIZER sow.json ../model
    python export.py probe probe.pt ../probe

The folder is written elsewhere and moved into place: a reader sees the old one or the new one.
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import CLIPTokenizer

import probe
import text
from train_unet import denoiser
from train_vae import F8, build


def put(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def half(weights):
    return {k: v.half().contiguous() for k, v in weights.items() if v.is_floating_point()}


def model(vae_path, unet_path, tokenizer, defaults, out):
    vae, unet = build(*F8), denoiser()
    vae.load_state_dict(torch.load(vae_path))
    vae.register_to_config(scaling_factor=1.0)
    encoder = text.encoder(len(CLIPTokenizer.from_pretrained(tokenizer)))
    if unet_path != "none":
        weights = torch.load(unet_path)["weights"]
        unet.load_state_dict({k[5:]: v for k, v in weights.items() if k.startswith("unet.")})
        encoder.load_state_dict({k[5:]: v for k, v in weights.items() if k.startswith("text.")})
    vae.half().save_pretrained(f"{out}/vae")
    unet.half().save_pretrained(f"{out}/unet")
    c = encoder.config
    put(f"{out}/text_encoder/config.json", {
        "architectures": ["CLIPTextModel"], "model_type": "clip_text_model", "vocab_size": c.vocab_size, "hidden_size": c.hidden_size,
        "intermediate_size": c.intermediate_size, "num_hidden_layers": c.num_hidden_layers, "num_attention_heads": c.num_attention_heads,
        "max_position_embeddings": c.max_position_embeddings, "hidden_act": c.hidden_act, "layer_norm_eps": c.layer_norm_eps,
        "projection_dim": c.projection_dim, "attention_dropout": 0.0, "dropout": 0.0, "initializer_factor": 1.0, "initializer_range": 0.02,
        "bos_token_id": c.bos_token_id, "eos_token_id": c.eos_token_id, "pad_token_id": 0, "torch_dtype": "float16"})
    # Checkpoints in the wild carry the prefix; newer transformers drop it in memory.
    save_file({k if k.startswith("text_model.") else "text_model." + k: v for k, v in half(encoder.state_dict()).items()},
              f"{out}/text_encoder/model.safetensors", metadata={"format": "pt"})
    shutil.copytree(tokenizer, f"{out}/tokenizer")
    put(f"{out}/scheduler/scheduler_config.json", {
        "_class_name": "DDIMScheduler", "_diffusers_version": "0.42.1", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000, "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1, "prediction_type": "epsilon",
        "timestep_spacing": "leading", "trained_betas": None})
    put(f"{out}/model_index.json", {
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1", "feature_extractor": [None, None], "image_encoder": [None, None],
        "requires_safety_checker": False, "safety_checker": [None, None], "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})
    shutil.copy(defaults, f"{out}/sow.json")


def probe_files(path, out):
    net = probe.Probe()
    if path != "none":
        net = probe.load(path)
    os.makedirs(out)
    save_file(half(net.state_dict()), f"{out}/model.safetensors", metadata={"format": "pt"})
    put(f"{out}/config.json", {"size": 128, "channels": probe.CHANNELS, "kernel": 3, "stride": 2, "padding": 1, "activation": "silu",
                               "grid": 4, "flatten": "row, column, channel", "heads": probe.HEADS})


if __name__ == "__main__":
    *args, out = sys.argv[2:]
    fresh = out.rstrip("/") + ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    model(*args, fresh) if sys.argv[1] == "model" else probe_files(*args, fresh)
    shutil.rmtree(out, ignore_errors=True)
    os.replace(fresh, out)
    for folder, _, files in sorted(os.walk(out)):
        for name in files:
            print(f"{os.path.getsize(f'{folder}/{name}'):10d}  {folder}/{name}")

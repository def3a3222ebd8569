#!/usr/bin/env python3
"""A full-size Stable Diffusion 2.1-base with random weights, and whether sowgen's UNet agrees with diffusers' on it.

    python full_size.py make DIR           # diffusers layout, fp16, 2.6 GB, seed 0
    python full_size.py reference DIR      # DIR/unet-in.safetensors and what diffusers makes of it, DIR/unet-out.safetensors (float32)
    sowgen forward --model DIR --component unet --input DIR/unet-in.safetensors --output DIR/unet-go.safetensors
    python full_size.py compare DIR        # the difference, in standard deviations of the output
    python full_size.py bfloat16 DIR       # the same for diffusers' UNet in bfloat16

The initialisation is diffusers' and transformers' own, so that activations stay finite and of order 1. The tokenizer is a stand-in in CLIP's
format (the byte alphabet, no merges).
"""
import json
import pathlib
import sys

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

UNET = dict(sample_size=64, in_channels=4, out_channels=4, center_input_sample=False, flip_sin_to_cos=True, freq_shift=0,
  down_block_types=["CrossAttnDownBlock2D"]*3+["DownBlock2D"], mid_block_type="UNetMidBlock2DCrossAttn",
  up_block_types=["UpBlock2D"]+["CrossAttnUpBlock2D"]*3, only_cross_attention=False,
  block_out_channels=[320,640,1280,1280], layers_per_block=2, downsample_padding=1, mid_block_scale_factor=1,
  act_fn="silu", norm_num_groups=32, norm_eps=1e-5, cross_attention_dim=1024, attention_head_dim=[5,10,20,20],
  dual_cross_attention=False, use_linear_projection=True)
VAE = dict(in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"]*4, up_block_types=["UpDecoderBlock2D"]*4,
  block_out_channels=[128,256,512,512], layers_per_block=2, act_fn="silu", latent_channels=4, norm_num_groups=32,
  sample_size=512, scaling_factor=0.18215)
CLIP = dict(vocab_size=49408, hidden_size=1024, intermediate_size=4096, projection_dim=512, num_hidden_layers=23,
  num_attention_heads=16, max_position_embeddings=77, hidden_act="gelu", layer_norm_eps=1e-5, bos_token_id=0,
  eos_token_id=2, pad_token_id=1)
SCHED = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
  clip_sample=False, set_alpha_to_one=False, steps_offset=1, prediction_type="epsilon")


def make(out):
    dt = torch.float16
    torch.manual_seed(0)
    n = {}
    u = UNet2DConditionModel(**UNET); n['unet'] = sum(p.numel() for p in u.parameters())
    u.to(dt).save_pretrained(out/'unet', max_shard_size='20GB'); del u
    v = AutoencoderKL(**VAE); n['vae'] = sum(p.numel() for p in v.parameters())
    v.to(dt).save_pretrained(out/'vae'); del v
    t = CLIPTextModel(CLIPTextConfig(**CLIP)); n['text_encoder'] = sum(p.numel() for p in t.parameters())
    t.to(dt).save_pretrained(out/'text_encoder')
    # transformers 5 writes keys without the published `text_model.` prefix; put it back as in the published checkpoints
    sd = {('' if k.startswith('text_model.') else 'text_model.')+k: w.contiguous() for k, w in t.state_dict().items() if not k.endswith('position_ids')}
    save_file(sd, out/'text_encoder'/'model.safetensors', metadata={'format':'pt'}); del t, sd
    DDIMScheduler(**SCHED).save_pretrained(out/'scheduler')
    # CLIP byte-level alphabet, enough for any tokenizer reader; ids padded to 49408
    bs = list(range(33,127))+list(range(161,173))+list(range(174,256)); cs = bs[:]; k = 0
    for b in range(256):
        if b not in bs: bs.append(b); cs.append(256+k); k += 1
    ch = [chr(c) for c in cs]; vocab = ch+[c+'</w>' for c in ch]
    vocab += [f'<unused{i}>' for i in range(49406-len(vocab))]+['<|startoftext|>','<|endoftext|>']
    tk = out/'tokenizer'; tk.mkdir(parents=True, exist_ok=True)
    (tk/'vocab.json').write_text(json.dumps({w:i for i,w in enumerate(vocab)}, ensure_ascii=False))
    (tk/'merges.txt').write_text('#version: 0.2\n')
    (tk/'tokenizer_config.json').write_text(json.dumps(dict(add_prefix_space=False, bos_token='<|startoftext|>', eos_token='<|endoftext|>',
        unk_token='<|endoftext|>', pad_token='!', model_max_length=77, do_lower_case=True, tokenizer_class='CLIPTokenizer')))
    (tk/'special_tokens_map.json').write_text(json.dumps(dict(bos_token='<|startoftext|>', eos_token='<|endoftext|>', unk_token='<|endoftext|>', pad_token='!')))
    (out/'model_index.json').write_text(json.dumps({'_class_name':'StableDiffusionPipeline','_diffusers_version':'0.8.0',
        'scheduler':['diffusers','DDIMScheduler'],'text_encoder':['transformers','CLIPTextModel'],'tokenizer':['transformers','CLIPTokenizer'],
        'unet':['diffusers','UNet2DConditionModel'],'vae':['diffusers','AutoencoderKL'],
        'feature_extractor':[None,None],'safety_checker':[None,None],'requires_safety_checker':False}, indent=1))
    print('parameters:', n, 'sum', sum(n.values()))


@torch.no_grad()
def reference(out):
    unet = UNet2DConditionModel.from_pretrained(out / 'unet', torch_dtype=torch.float32)
    g = torch.Generator().manual_seed(1)
    sample, context = torch.randn(1, 4, 64, 64, generator=g), torch.randn(1, 77, 1024, generator=g)
    save_file({'sample': sample, 'timestep': torch.tensor([501.]), 'encoder_hidden_states': context}, out / 'unet-in.safetensors')
    save_file({'sample': unet(sample, 501, encoder_hidden_states=context).sample.contiguous()}, out / 'unet-out.safetensors')


def difference(got, out):
    want = load_file(out / 'unet-out.safetensors')['sample']
    d, scale = got - want, want.std()
    print(f'difference: largest {d.abs().max() / scale:.2g}, root mean square {(d ** 2).mean().sqrt() / scale:.2g} standard deviations')


def compare(out):
    difference(load_file(out / 'unet-go.safetensors')['sample'], out)


@torch.no_grad()
def bfloat16(out):
    unet = UNet2DConditionModel.from_pretrained(out / 'unet', torch_dtype=torch.bfloat16)
    x = load_file(out / 'unet-in.safetensors')
    difference(unet(x['sample'].bfloat16(), 501, encoder_hidden_states=x['encoder_hidden_states'].bfloat16()).sample.float(), out)


if __name__ == '__main__':
    {'make': make, 'reference': reference, 'compare': compare, 'bfloat16': bfloat16}[sys.argv[1]](pathlib.Path(sys.argv[2]))

#!/usr/bin/env python3
"""Measures what PyTorch loses in bfloat16 and in float16 against its own float32: the bounds of the tests of --precision, which are twice as much.

Writes precision.json here, {dtype: {model: {component: loss}}} for each tiny model with the inputs of golden-KIND.safetensors and, under "builtin", the latents
and the picture of ten steps from a text with the built-in model (guidance 5, eta 0, seed 3); and ../../nn/testdata/precision.json,
{layer: loss} in bfloat16 with the layers of nn/testdata/layers.safetensors. A loss is the root of the mean square of the difference over the standard
deviation of the float32 answer. The whole module, its parameters and its inputs are of the dtype, as with torch_dtype=torch.bfloat16; the
denoising steps of "builtin" stay float32 between evaluations, as ours do.

Run: python gen_precision_golden.py        (torch, diffusers, transformers, safetensors as pinned in docs/python-requirements.txt)
"""
import copy
import json
import pathlib

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import TimestepEmbedding
from diffusers.models.resnet import ResnetBlock2D
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

here = pathlib.Path(__file__).parent
torch.set_num_threads(1)
PROMPT = 'a girl with a red hat in a snowy forest'


def loss(got, want):
    return float(f'{((got.double() - want.double()).pow(2).mean().sqrt() / want.double().std()).item():.3g}')


def both(dtype, module, call, *inputs):
    """The loss of a copy of module in dtype; call(module, inputs...) gives a tensor."""
    want = call(module.float(), *[x.float() for x in inputs])
    return loss(call(copy.deepcopy(module).to(dtype), *[x.to(dtype) for x in inputs]).float(), want)


def layers():
    data = load_file(here / '../../nn/testdata/layers.safetensors')
    plain = lambda m, x: m(x)
    made = {
        'linear': (nn.Linear(24, 40), plain), 'conv3x3': (nn.Conv2d(12, 20, 3, padding=1), plain), 'conv1x1': (nn.Conv2d(12, 20, 1), plain),
        'timestep_embedding': (TimestepEmbedding(16, 64), plain), 'feed_forward': (FeedForward(24, activation_fn='geglu'), plain),
        'attention': (Attention(32, heads=4, dim_head=8), plain), 'attention_bias': (Attention(32, heads=1, dim_head=32, bias=True), plain),
        'cross_attention': (Attention(32, cross_attention_dim=24, heads=4, dim_head=8), lambda m, x, c: m(x, encoder_hidden_states=c)),
        'resnet': (ResnetBlock2D(in_channels=16, out_channels=32, temb_channels=64, groups=8, eps=1e-5), lambda m, x, temb: m(x, temb)),
    }
    out = {}
    for name, (module, call) in made.items():
        module.load_state_dict({k.removeprefix(f'{name}/w/'): v for k, v in data.items() if k.startswith(f'{name}/w/')})
        extra = {'cross_attention': ['context'], 'resnet': ['temb']}.get(name, [])
        out[name] = both(torch.bfloat16, module, call, *[data[f'{name}/{k}'] for k in ['x'] + extra])
    return out


def load(folder, kind=None):
    unet = UNet2DConditionModel.from_pretrained(folder / 'unet', variant=kind, torch_dtype=torch.float32)
    vae = AutoencoderKL.from_pretrained(folder / 'vae', variant=kind, torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(folder / 'text_encoder', variant=kind, torch_dtype=torch.float32)
    return unet, vae, text


def components(kind, dtype):
    unet, vae, text = load(here / 'models' / kind, 'fp16' if kind == 'vpred' else None)
    data, out = load_file(here / f'golden-{kind}.safetensors'), {}
    for name in ('unet', 'unet_odd'):
        out[name] = both(dtype, unet, lambda m, x, c: m(x, 501, encoder_hidden_states=c).sample, data[f'{name}/sample'], data[f'{name}/encoder_hidden_states'])
    out['vae_encoder'] = both(dtype, vae, lambda m, x: m.encode(x).latent_dist.mean, data['vae_encoder/image'])
    out['vae_decoder'] = both(dtype, vae, lambda m, z: m.decode(z).sample, data['vae_decoder/latents'])
    ids = data['text_encoder/input_ids'].long()
    out['text_encoder'] = loss(copy.deepcopy(text).to(dtype)(ids)[0].float(), text(ids)[0])
    return out


def picture(low):
    folder = here / '../builtin/model'
    models = load(folder)
    tokenizer = CLIPTokenizer.from_pretrained(folder / 'tokenizer')
    answers = []
    for dtype in (torch.float32, low):
        unet, vae, text = (m.to(dtype) for m in models)
        scheduler = DDIMScheduler.from_pretrained(folder / 'scheduler')
        scheduler.set_timesteps(10)
        context = torch.cat([text(tokenizer(p, padding='max_length', max_length=text.config.max_position_embeddings, truncation=True, return_tensors='pt').input_ids)[0] for p in ('', PROMPT)])
        side = unet.config.sample_size
        x = torch.randn(1, unet.config.in_channels, side, side, generator=torch.Generator().manual_seed(3))
        for t in scheduler.timesteps:
            n, c = unet(torch.cat([x, x]).to(dtype), t, encoder_hidden_states=context).sample.float().chunk(2)
            x = scheduler.step(n + 5 * (c - n), t, x, eta=0).prev_sample
        image = vae.decode((x / vae.config.scaling_factor).to(dtype)).sample.float()
        answers.append((x, (image / 2 + 0.5).clamp(0, 1)))
    (x, image), (x16, image16) = answers
    return {'latents': loss(x16, x), 'image': loss(image16, image)}


@torch.no_grad()
def main():
    models = {str(dtype).removeprefix('torch.'): {**{kind: components(kind, dtype) for kind in ('sd15', 'sd21', 'vpred')}, 'builtin': picture(dtype)}
              for dtype in (torch.bfloat16, torch.float16)}
    for path, losses in ((here / '../../nn/testdata/precision.json', layers()), (here / 'precision.json', models)):
        path.write_text(json.dumps(losses, indent=1) + '\n')
        print(json.dumps(losses))


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Writes golden-inpaint.safetensors: what diffusers' StableDiffusionInpaintPipeline makes, with the tiny models of gen_golden.py, of condition.png on
grey, of which only that picture is kept.

  KIND/latents   after 10 steps, KIND sd15 | sd21 | vpred

Run: python gen_inpaint_golden.py        (torch, diffusers, transformers, safetensors, pillow as pinned in docs/python-requirements.txt)
"""
import pathlib

import numpy as np
import torch
from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline
from PIL import Image
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent
torch.set_num_threads(1)

SIDE = 128
KEPT = (32, 0, 96, 64)  # pixels: left, top, right, bottom
PROMPT = 'a girl with a red hat in a snowy forest'


def main():
    whole = Image.new('RGB', (SIDE, SIDE), (128, 128, 128))
    whole.paste(Image.open(here / 'condition.png'), KEPT[:2])
    repaint = np.full((SIDE, SIDE), 255, np.uint8)
    repaint[KEPT[1]:KEPT[3], KEPT[0]:KEPT[2]] = 0
    out = {}
    for kind in ('sd15', 'sd21', 'vpred'):
        loaded = StableDiffusionPipeline.from_pretrained(here / 'models' / kind, torch_dtype=torch.float32, variant='fp16' if kind == 'vpred' else None)
        p = StableDiffusionInpaintPipeline(**loaded.components, requires_safety_checker=False)
        p.set_progress_bar_config(disable=True)
        out[f'{kind}/latents'] = p(PROMPT, negative_prompt='blurry', image=whole, mask_image=Image.fromarray(repaint), strength=1.0, num_inference_steps=10,
                                   guidance_scale=7.5, height=SIDE, width=SIDE, output_type='latent', generator=torch.Generator().manual_seed(6)).images
    for k, v in out.items():
        assert torch.isfinite(v).all(), k
        print(k, tuple(v.shape), f'std {v.std():.4f}')
    save_file({k: v.contiguous() for k, v in out.items()}, here / 'golden-inpaint.safetensors')


if __name__ == '__main__':
    main()

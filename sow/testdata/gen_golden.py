#!/usr/bin/env python3
"""Writes three tiny seeded Stable Diffusions in the diffusers layout and what diffusers makes of them.

  models/sd15   as SD 1.5: convolutions as attention projections, quick_gelu, one number of heads for all blocks, pad = end of text;
                stored in bfloat16, with the attention names of old VAEs
  models/sd21   as SD 2.1-base: linear projections, gelu, a number of heads per block, pad "!"; stored in float32, the UNet in shards,
                text encoder names without their prefix
  models/vpred  as SD 2.1: v-prediction, upcast attention, three levels; stored in float16 as the .fp16. variant
  golden-KIND.safetensors
    text_encoder/ unet/ unet_odd/ vae_encoder/ vae_decoder/   inputs and outputs of each component, laid out as in diffusers
    text2img/SEED/ETA            latents after 10 steps of StableDiffusionPipeline
    cow/LEVELS/latents, image    COW (spec in docs/method.md) with S = 10 and 3 cycles, LEVELS aligned | ref017
  condition.png                  the condition of the COW runs, exactly the box's size

Run: python gen_golden.py        (torch, diffusers, transformers, safetensors, pillow as pinned in docs/python-requirements.txt)
"""
import json
import pathlib

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

here = pathlib.Path(__file__).parent
torch.set_num_threads(1)

CANVAS, BOX, AT = 128, 64, (32, 0)  # pixels: the canvas's side, the box's side, the box's x and y
PROMPT = 'a girl with a red hat in a snowy forest'
NEGATIVE = 'a bad quality and low resolution image,extra fingers,deformed hands'
SUPPRESS = 'human face'
DIVERSE = 'a high quality and colorful image'


def write_tokenizer(folder, pad):
    """A CLIP tokenizer of the byte alphabet and a few merges: enough to be a tokenizer."""
    bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    cs, k = bs[:], 0
    for b in range(256):
        if b not in bs:
            bs.append(b)
            cs.append(256 + k)
            k += 1
    alphabet = [chr(c) for c in cs]
    merges = ['i n', 'h a', 'r e', 'e d</w>', 'a t</w>', 'g i', 'gi r', 'o r', 'f or', 're s', 'i t', 'w it', 'wit h</w>', 'in </w>']
    merges = [m for m in merges if not m.endswith(' </w>')]
    vocab = alphabet + [c + '</w>' for c in alphabet] + [m.replace(' ', '') for m in merges] + ['<|startoftext|>', '<|endoftext|>']
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'vocab.json').write_text(json.dumps({w: i for i, w in enumerate(vocab)}, ensure_ascii=False))
    (folder / 'merges.txt').write_text('#version: 0.2\n' + '\n'.join(merges) + '\n')
    special = dict(bos_token='<|startoftext|>', eos_token='<|endoftext|>', unk_token='<|endoftext|>', pad_token=pad)
    (folder / 'tokenizer_config.json').write_text(json.dumps(dict(add_prefix_space=False, do_lower_case=True, model_max_length=77,
                                                                  tokenizer_class='CLIPTokenizer', **special)))
    (folder / 'special_tokens_map.json').write_text(json.dumps(special))
    return len(vocab)


def make(kind):
    folder = here / 'models' / kind
    torch.manual_seed({'sd15': 1, 'sd21': 2, 'vpred': 3}[kind])
    vocab = write_tokenizer(folder / 'tokenizer', '<|endoftext|>' if kind == 'sd15' else '!')
    text = CLIPTextModel(CLIPTextConfig(
        vocab_size=vocab, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=77,
        hidden_act='quick_gelu' if kind == 'sd15' else 'gelu', bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=1))
    levels = 3 if kind == 'vpred' else 2
    dtype, variant = {'sd15': (torch.bfloat16, None), 'sd21': (torch.float32, None), 'vpred': (torch.float16, 'fp16')}[kind]
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels={'sd15': (32, 64), 'sd21': (16, 32), 'vpred': (16, 32, 32)}[kind], layers_per_block=2 if kind == 'vpred' else 1,
        down_block_types=('CrossAttnDownBlock2D',) * (levels - 1) + ('DownBlock2D',),
        up_block_types=('UpBlock2D',) + ('CrossAttnUpBlock2D',) * (levels - 1), cross_attention_dim=32, norm_num_groups=8,
        attention_head_dim=8 if kind == 'sd15' else [2, 4, 4][:levels], use_linear_projection=kind != 'sd15', upcast_attention=kind == 'vpred')
    vae = AutoencoderKL(
        down_block_types=('DownEncoderBlock2D',) * 4, up_block_types=('UpDecoderBlock2D',) * 4, block_out_channels=(8, 8, 16, 16),
        layers_per_block=1, norm_num_groups=4, latent_channels=4, sample_size=CANVAS)
    for model in (text, unet, vae):  # norms and biases start trivial: shake everything so that no parameter can be forgotten
        for p in model.parameters():
            p.data = (p.data + 0.02 * torch.randn_like(p)).to(dtype).float()  # the numbers that the file will hold
        model.eval()
    scheduler = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule='scaled_linear', clip_sample=False, set_alpha_to_one=False,
                              steps_offset=1, prediction_type='v_prediction' if kind == 'vpred' else 'epsilon')
    unet.to(dtype).save_pretrained(folder / 'unet', variant=variant, max_shard_size='200KB' if kind == 'sd21' else '1GB')
    vae.to(dtype).save_pretrained(folder / 'vae', variant=variant)
    text.to(dtype).save_pretrained(folder / 'text_encoder', variant=variant)
    # transformers 5 writes names without the prefix that every published checkpoint has; one kind keeps each form.
    file = next((folder / 'text_encoder').glob('*.safetensors'))
    state = {k.removeprefix('text_model.'): v for k, v in load_file(file).items() if not k.endswith('position_ids')}
    save_file({('' if kind == 'sd21' else 'text_model.') + k: v for k, v in state.items()}, file, metadata={'format': 'pt'})
    if kind == 'sd15':  # the attention names of diffusers before 0.15
        file = folder / 'vae' / 'diffusion_pytorch_model.safetensors'
        old = {'to_q': 'query', 'to_k': 'key', 'to_v': 'value', 'to_out.0': 'proj_attn'}
        state = load_file(file)
        for new, name in old.items():
            state = {k.replace(f'.{new}.', f'.{name}.') if '.attentions.' in k else k: v for k, v in state.items()}
        save_file(state, file, metadata={'format': 'pt'})
    for model in (text, unet, vae):
        model.float()
    scheduler.save_pretrained(folder / 'scheduler')
    (folder / 'model_index.json').write_text(json.dumps({
        '_class_name': 'StableDiffusionPipeline', 'scheduler': ['diffusers', 'DDIMScheduler'], 'text_encoder': ['transformers', 'CLIPTextModel'],
        'tokenizer': ['transformers', 'CLIPTokenizer'], 'unet': ['diffusers', 'UNet2DConditionModel'], 'vae': ['diffusers', 'AutoencoderKL'],
        'feature_extractor': [None, None], 'safety_checker': [None, None], 'requires_safety_checker': False}, indent=1) + '\n')
    tokenizer = CLIPTokenizer.from_pretrained(folder / 'tokenizer')
    return StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler, safety_checker=None,
                                   feature_extractor=None, requires_safety_checker=False)


@torch.no_grad()
def components(p, out):
    g = torch.Generator().manual_seed(7)
    ids = p.tokenizer(PROMPT, padding='max_length', max_length=77, truncation=True, return_tensors='pt').input_ids
    hidden = p.text_encoder(ids)[0]
    out['text_encoder/input_ids'], out['text_encoder/last_hidden_state'] = ids.int(), hidden
    for name, (h, w) in {'unet': (16, 16), 'unet_odd': (13, 10)}.items():
        sample = torch.randn(2, 4, h, w, generator=g)
        context = torch.cat([hidden, torch.randn(hidden.shape, generator=g)])
        out[f'{name}/sample'], out[f'{name}/encoder_hidden_states'] = sample, context
        out[f'{name}/timestep'] = torch.tensor([501.0])
        out[f'{name}/out'] = p.unet(sample, 501, encoder_hidden_states=context).sample
    image = torch.rand(1, 3, 64, 96, generator=g) * 2 - 1
    dist = p.vae.encode(image).latent_dist
    out['vae_encoder/image'], out['vae_encoder/mean'], out['vae_encoder/logvar'] = image, dist.mean, dist.logvar
    latents = torch.randn(1, 4, 8, 12, generator=g)
    out['vae_decoder/latents'], out['vae_decoder/image'] = latents, p.vae.decode(latents).sample


class COW:
    """The algorithm of 2306.08247 as docs/method.md states it, S = 10, written from the equations."""

    def __init__(self, p, levels, cycles, seed):
        self.p, self.S, self.r, self.b, self.l, self.cycles = p, 10, 5, 7, 4, cycles
        self.g = torch.Generator().manual_seed(seed)
        p.scheduler.set_timesteps(self.S)
        t = [i * (1000 // self.S) + 1 for i in range(self.S + 1)]
        a = p.scheduler.alphas_cumprod
        self.t = t
        self.level = [a[min(t[k], 999)] if levels == 'ref017' else a[0] if k == 0 else a[t[k - 1]] for k in range(self.S + 1)]

    def encode(self, prompt):
        ids = self.p.tokenizer(prompt, padding='max_length', max_length=77, truncation=True, return_tensors='pt').input_ids
        return self.p.text_encoder(ids)[0]

    def latents(self, pixels):
        x = torch.tensor(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        return self.p.vae.encode(x).latent_dist.sample(self.g) * self.p.vae.config.scaling_factor

    def predict(self, x, t, *prompts):
        y = self.p.unet(torch.cat([x] * len(prompts)), t, encoder_hidden_states=torch.cat(prompts)).sample
        return y.chunk(len(prompts))

    def eps(self, out, x, t):
        if self.p.scheduler.config.prediction_type == 'epsilon':
            return out
        a = self.p.scheduler.alphas_cumprod[t]
        return a.sqrt() * out + (1 - a).sqrt() * x

    def invert(self, x, upto, text, empty, guidance=7.5):
        nodes = [x]
        for k in range(upto):
            n, c = self.predict(x, self.t[k], empty, text)
            e = self.eps(n + guidance * (c - n), x, self.t[k])
            x0 = (x - (1 - self.level[k]).sqrt() * e) / self.level[k].sqrt()
            x = self.level[k + 1].sqrt() * x0 + (1 - self.level[k + 1]).sqrt() * e
            nodes.append(x)
        return nodes

    @torch.no_grad()
    def run(self, condition):
        text, empty = self.encode(PROMPT), self.encode('')
        negative, suppress, diverse = self.encode(NEGATIVE), self.encode(SUPPRESS), self.encode(DIVERSE)
        canvas = np.full((CANVAS, CANVAS, 3), 128, np.uint8)
        canvas[AT[1]:AT[1] + BOX, AT[0]:AT[0] + BOX] = condition
        small, big = self.latents(condition), self.latents(canvas)
        ys, xs = slice(AT[1] // 8, (AT[1] + BOX) // 8), slice(AT[0] // 8, (AT[0] + BOX) // 8)
        M = torch.zeros(1, 1, CANVAS // 8, CANVAS // 8)
        M[:, :, ys, xs] = 1
        seeds = self.invert(small, self.b, text, empty)
        x = self.invert(big, self.r, text, empty)[-1]

        def lay(x, k):
            x = x.clone()
            x[:, :, ys, xs] = seeds[k]
            return x

        for _ in range(self.cycles):
            ratio = self.level[self.b] / self.level[self.r]
            x = ratio.sqrt() * x + (1 - ratio).sqrt() * torch.randn(x.shape, generator=self.g)
            x = lay(x, self.b)
            for k in range(self.b, self.r, -1):
                n, c, s, d = self.predict(x, self.t[k - 1], negative, text, suppress, diverse)
                n = n + (1 - M) * (s - d)
                x = self.p.scheduler.step(n + 7.5 * (c - n), self.t[k - 1], x, eta=1.0, generator=self.g).prev_sample
                x = lay(x, k - 1)
        for k in range(self.r, 0, -1):
            n, c = self.predict(x, self.t[k - 1], empty, text)
            x = self.p.scheduler.step(n + 7.5 * (c - n), self.t[k - 1], x, eta=0.1, generator=self.g).prev_sample
            if k - 1 == self.l:
                x = lay(x, k - 1)
        image = self.p.vae.decode(x / self.p.vae.config.scaling_factor).sample
        return x, (image / 2 + 0.5).clamp(0, 1)


def main():
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:BOX, :BOX] / BOX
    condition = np.stack([255 * xx, 255 * yy, 255 * (0.5 + 0.5 * np.sin(9 * xx * yy))], -1) + rng.normal(0, 8, (BOX, BOX, 3))
    condition = condition.clip(0, 255).astype(np.uint8)
    Image.fromarray(condition).save(here / 'condition.png')
    for kind in ('sd15', 'sd21', 'vpred'):
        p = make(kind)
        p.set_progress_bar_config(disable=True)
        out = {}
        components(p, out)
        for seed, eta in ((3, 0.0), (4, 1.0)):
            out[f'text2img/{seed}/{eta:g}'] = p(PROMPT, negative_prompt='blurry', num_inference_steps=10, guidance_scale=7.5, eta=eta, height=CANVAS,
                                                width=CANVAS, output_type='latent', generator=torch.Generator().manual_seed(seed)).images
        for levels in ('aligned', 'ref017'):
            out[f'cow/{levels}/latents'], out[f'cow/{levels}/image'] = COW(p, levels, cycles=3, seed=5).run(condition)
        for k, v in out.items():
            assert torch.isfinite(v).all(), k
            print(kind, k, tuple(v.shape), f'std {v.float().std():.4f}')
        save_file({k: v.contiguous().clone() for k, v in out.items()}, here / f'golden-{kind}.safetensors')


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Writes two tiny seeded CLIPs and what transformers makes of them, in float32 and (suffix 64) in float64. The float64 answer is the truth; how
far PyTorch's own float32 lies from it is the loss that the tests' tolerance is twice of.

  dual/quick   quick_gelu, stored in float32 as transformers 5 saves a CLIPModel: tokenizer.json, processor_config.json
  dual/gelu    gelu, patches that do not fill the picture, odd sizes, stored in float16 as published folders are: vocab.json and merges.txt,
               preprocessor_config.json with plain numbers for sizes, text_config_dict and vision_config_dict, position_ids
  dual-KIND.safetensors
    pictures/N, pixel_values/N     [h, w, 3] of 0 … 255, and what CLIPImageProcessorPil makes of them [1, 3, size, size]
    image/STAGE, image/STAGE64     of pixel_values/0: embeddings, pre (after the first norm), layers.0 …, pooled (after the last), embeds
    text/input_ids, text/STAGE     of PROMPT: embeddings, layers.0 …, last_hidden_state, pooled, embeds
    cosine, cosine64               of the embeds of each picture and the text

Run: python gen_dual_golden.py        (torch, transformers, safetensors, pillow as pinned in docs/python-requirements.txt)
"""
import json
import pathlib
import shutil

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer

here = pathlib.Path(__file__).parent
torch.set_num_threads(1)
PROMPT = 'a girl with a red hat in a snowy forest'
SIZES = [(40, 52), (61, 33), (29, 29), (17, 90), (128, 128)]  # of the pictures: height, width

KINDS = {
    'quick': dict(seed=1, dtype=torch.float32, projection=24, act='quick_gelu', text=(32, 64, 2, 4), vision=(48, 96, 3, 4), size=32, patch=8),
    'gelu': dict(seed=2, dtype=torch.float16, projection=13, act='gelu', text=(20, 33, 1, 5), vision=(33, 51, 2, 3), size=30, patch=7),
}


def make(kind, seed, dtype, projection, act, text, vision, size, patch):
    folder = here / 'dual' / kind
    shutil.rmtree(folder, ignore_errors=True)
    source = here / '../../sow/testdata/models/sd15/tokenizer'
    tokenizer = CLIPTokenizer.from_pretrained(source)
    names = ('hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads')
    torch.manual_seed(seed)
    model = CLIPModel(CLIPConfig(
        text_config=dict(zip(names, text), vocab_size=len(tokenizer), hidden_act=act, bos_token_id=len(tokenizer) - 2, eos_token_id=len(tokenizer) - 1, projection_dim=projection),
        vision_config=dict(zip(names, vision), image_size=size, patch_size=patch, hidden_act=act, projection_dim=projection),
        projection_dim=projection))
    for p in model.parameters():  # norms and biases start trivial: shake everything so that no parameter can be forgotten
        p.data = (p.data + 0.05 * torch.randn_like(p)).to(dtype).float()
    model.eval()
    processor = CLIPImageProcessorPil(size={'shortest_edge': size}, crop_size={'height': size, 'width': size})
    model.to(dtype).save_pretrained(folder)
    model.float()
    if kind == 'quick':
        CLIPProcessor(image_processor=processor, tokenizer=tokenizer).save_pretrained(folder)
        return model, processor, tokenizer
    processor = CLIPImageProcessorPil(size={'shortest_edge': size}, crop_size={'height': size, 'width': size}, image_mean=[.5, .4, .3], image_std=[.2, .3, .25])
    for name in ('vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'):
        shutil.copy(source / name, folder / name)
    old = {**processor.to_dict(), 'size': size, 'crop_size': size, 'feature_extractor_type': 'CLIPFeatureExtractor'}
    (folder / 'preprocessor_config.json').write_text(json.dumps(old, indent=2) + '\n')
    config = json.loads((folder / 'config.json').read_text())
    for part in ('text_config', 'vision_config'):
        config[part + '_dict'] = {k: v for k, v in config[part].items() if k in names or k in ('vocab_size', 'hidden_act', 'image_size', 'patch_size', 'eos_token_id')}
        config[part]['hidden_size'] = 512  # which the other outvotes
    (folder / 'config.json').write_text(json.dumps(config, indent=2) + '\n')
    file = folder / 'model.safetensors'
    state = load_file(file)
    for part, positions in (('text_model', 77), ('vision_model', (size // patch) ** 2 + 1)):
        state[part + '.embeddings.position_ids'] = torch.arange(positions)[None]
    save_file(state, file, metadata={'format': 'pt'})
    again = CLIPModel.from_pretrained(folder, torch_dtype=torch.float32).eval()
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values()))
    return again, processor, tokenizer


def stages(model, pixels, ids):
    """Every stage of both encoders, by name."""
    out = {}
    image, text = model.vision_model, model.text_model
    got = model(input_ids=ids, pixel_values=pixels, output_hidden_states=True)
    seen, read = got.vision_model_output, got.text_model_output
    out['image/embeddings'] = image.embeddings(pixels)
    out['image/pre'] = image.pre_layrnorm(out['image/embeddings'])
    for i, h in enumerate(seen.hidden_states[1:]):
        out[f'image/layers.{i}'] = h
    out['image/pooled'] = image(pixels).pooler_output
    out['image/embeds'] = model.visual_projection(out['image/pooled'])
    out['text/embeddings'] = text.embeddings(ids)
    for i, h in enumerate(read.hidden_states[1:]):
        out[f'text/layers.{i}'] = h
    last = text(ids)
    out['text/last_hidden_state'], out['text/pooled'] = last.last_hidden_state, last.pooler_output
    out['text/embeds'] = model.text_projection(out['text/pooled'])
    return out


@torch.no_grad()
def main():
    for kind, how in KINDS.items():
        model, processor, tokenizer = make(kind, **how)
        rng, out = np.random.default_rng(how['seed']), {}
        for n, (h, w) in enumerate(SIZES):
            yy, xx = np.mgrid[:h, :w]
            waves = np.stack([np.sin(xx / 5), np.cos(yy / 7), np.sin((xx + yy) / 3)], -1) * 100 + 128
            picture = (waves + rng.normal(0, 30, (h, w, 3))).clip(0, 255).astype(np.uint8)
            out[f'pictures/{n}'] = torch.tensor(picture).half()  # exact
            out[f'pixel_values/{n}'] = torch.tensor(np.array(processor(picture)['pixel_values']))
        # Filled up to 77 as Stable Diffusion does: what stands behind the end of the text is not read.
        ids = tokenizer(PROMPT, padding='max_length', max_length=77, truncation=True, return_tensors='pt').input_ids
        out['text/input_ids'] = ids.int()
        out |= stages(model, out['pixel_values/0'], ids)
        pixels = torch.cat([out[f'pixel_values/{n}'] for n in range(len(SIZES))])
        cosine = lambda m, x: (m(input_ids=ids, pixel_values=x).logits_per_text / m.logit_scale.exp())[0]
        out['cosine'] = cosine(model, pixels)
        double = model.double()
        out |= {k + '64': v for k, v in stages(double, out['pixel_values/0'].double(), ids).items()}
        out['cosine64'] = cosine(double, pixels.double())
        for k, v in out.items():
            assert torch.isfinite(v.float()).all(), k
        print(kind, 'cosines', out['cosine'].tolist(), 'lost', (out['cosine'] - out['cosine64']).abs().max().item())
        save_file({k: v.contiguous().clone() for k, v in out.items()}, here / f'dual-{kind}.safetensors')


if __name__ == '__main__':
    main()

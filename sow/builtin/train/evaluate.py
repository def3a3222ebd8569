"""Measures the exported model: text to picture, and cyclic one-way diffusion around held-out heads.

    python evaluate.py ../model probe.pt text --guidance 2 3 4          # agreement with held-out captions
    python evaluate.py ../model probe.pt cow --cycles 0 1 10 --guidance 3.5
    python evaluate.py ../model probe.pt grids ../../../docs/model      # pictures to look at

The method here is written from its description in a few lines of PyTorch, so it also checks the Go code's numbers.
"""
import argparse
import json
import os

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image, ImageDraw
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

import cases
import dataset
import probe
import scenes
from latents import pictures

GREY = 128 / 127.5 - 1


class Model:
    """The exported folder, run in float32."""

    def __init__(self, folder):
        self.vae = AutoencoderKL.from_pretrained(f"{folder}/vae", torch_dtype=torch.float32).eval()
        self.unet = UNet2DConditionModel.from_pretrained(f"{folder}/unet", torch_dtype=torch.float32).eval()
        self.text = CLIPTextModel.from_pretrained(f"{folder}/text_encoder", dtype=torch.float32).eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(f"{folder}/tokenizer")
        with open(f"{folder}/sow.json") as f:
            self.defaults = json.load(f)
        self.scale = self.vae.config.scaling_factor
        self.abar = torch.cumprod(1 - torch.linspace(.00085 ** .5, .012 ** .5, 1000, dtype=torch.float64) ** 2, 0).float()

    def prompts(self, texts):
        ids = self.tokenizer(texts, padding="max_length", truncation=True, max_length=self.tokenizer.model_max_length, return_tensors="pt").input_ids
        return self.text(ids).last_hidden_state

    def eps(self, x, t, *contexts):
        """The predictions for several prompts on the same latents."""
        n = len(contexts)
        out = self.unet(x.repeat(n, 1, 1, 1), t, torch.cat([c.expand(len(x), -1, -1) for c in contexts])).sample
        return out.chunk(n)

    def encode(self, x):
        return self.vae.encode(x).latent_dist.mean * self.scale

    def decode(self, z):
        return self.vae.decode(z / self.scale).sample.clamp(-1, 1)


class Nodes:
    """DDIM between nodes 0 (clean) ... S (noise)."""

    def __init__(self, model, steps):
        self.t = [k * (1000 // steps) + 1 for k in range(steps)]
        self.level = [model.abar[0], *(model.abar[t] for t in self.t)]
        self.steps = steps

    def down(self, x, eps, k, eta=0., noise=None):
        a, b = self.level[k], self.level[k - 1]
        sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()
        x0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
        x = b.sqrt() * x0 + (1 - b - sigma ** 2).clamp(min=0).sqrt() * eps
        return x + sigma * noise if eta else x

    def up(self, x, eps, k):
        a, b = self.level[k], self.level[k + 1]
        return b.sqrt() * (x - (1 - a).sqrt() * eps) / a.sqrt() + (1 - b).sqrt() * eps

    def diffuse(self, x, k, l, noise):
        r = self.level[l] / self.level[k]
        return r.sqrt() * x + (1 - r).sqrt() * noise


def randn(rng, like):
    return torch.randn(like.shape, generator=rng)


@torch.no_grad()
def text_to_picture(m, texts, guidance, steps=10, seed=0, batch=32):
    out, rng, node = [], torch.Generator().manual_seed(seed), Nodes(m, steps)
    nothing = m.prompts([""])
    for k in range(0, len(texts), batch):
        c = m.prompts(texts[k:k + batch])
        x = torch.randn(len(c), 8, 16, 16, generator=rng)
        for s in range(steps, 0, -1):
            e, n = m.eps(x, node.t[s - 1], c, nothing)
            x = node.down(x, n + guidance * (e - n), s)
        out.append(m.decode(x))
    return torch.cat(out)


@torch.no_grad()
def cow(m, faces, masks, texts, cycles=10, guidance=3.5, invert_guidance=1., masked=False, steps=10, seed=0, late="once", words=None):
    """faces [n,3,64,64] on grey, masks [n,1,64,64] of 0 and 1; the box is the top centre of the canvas."""
    rng, node, d = torch.Generator().manual_seed(seed), Nodes(m, steps), m.defaults | (words or {})
    back, replace, keep_at = int(.7 * steps), int(.5 * steps), int(.4 * steps)
    n = len(faces)
    c, nothing = m.prompts(texts), m.prompts([""])
    negative, suppress, diverse = m.prompts([d["negative"]]), m.prompts([d["suppress"]]), m.prompts([d["diverse"]])
    canvas = torch.full((n, 3, 128, 128), GREY)
    canvas[:, :, :64, 32:96] = faces
    keep = torch.zeros(n, 1, 16, 16)
    keep[:, :, :8, 4:12] = F.interpolate(masks, size=(8, 8), mode="nearest")

    def guided(x, t, g):
        if g == 1:
            return m.eps(x, t, c)[0]
        e, o = m.eps(x, t, c, nothing)
        return o + g * (e - o)

    z, x = m.encode(faces), m.encode(canvas)
    seeds = [z]
    for k in range(back):
        seeds.append(node.up(seeds[-1], guided(seeds[-1], node.t[k], invert_guidance), k))
    for k in range(replace):
        x = node.up(x, guided(x, node.t[k], invert_guidance), k)

    def lay(x, k):
        kept = torch.zeros_like(x)
        kept[:, :, :8, 4:12] = seeds[k]
        return keep * kept + (1 - keep) * x

    for _ in range(cycles):
        x = lay(node.diffuse(x, replace, back, randn(rng, x)), back)
        for k in range(back, replace, -1):
            t = node.t[k - 1]
            if masked:
                o, e, s, v = m.eps(x, t, negative, c, suppress, diverse)
                o = o + (1 - keep) * (s - v)
                e = o + guidance * (e - o)
            else:
                e = guided(x, t, guidance)
            x = lay(node.down(x, e, k, 1., randn(rng, x)), k - 1)
    for k in range(replace, 0, -1):
        x = node.down(x, guided(x, node.t[k - 1], guidance), k, .1, randn(rng, x))
        if k - 1 == keep_at or late == "every":
            x = lay(x, k - 1)
    return m.decode(x), canvas


def psnr(a, b, where):
    e = ((a - b).square() / 4 * where).sum((1, 2, 3)) / where.sum((1, 2, 3)) / 3
    return -10 * e.mean().log10().item()


def on_canvas(masks):
    full = torch.zeros(len(masks), 1, 128, 128)
    full[:, :, :64, 32:96] = masks
    return full


def grey_ring(y, masks, width=12, near=16 / 127.5):
    """The share of the pixels within `width` of the head that are still grey."""
    full = on_canvas(masks)
    ring = F.max_pool2d(full, 2 * width + 1, 1, width) - full
    grey = ((y - GREY).abs().amax(1, keepdim=True) < near).float()
    return (grey * ring).sum().item() / ring.sum().item()


def load_cases(folder):
    with open(f"{folder}/cases.json") as f:
        listed = json.load(f)
    read = lambda name, mode: np.asarray(Image.open(f"{folder}/{name}").convert(mode))
    faces = pictures(np.stack([read(c["face"], "RGB") for c in listed]))
    masks = torch.from_numpy(np.stack([read(c["mask"], "L") for c in listed])[:, None] > 127).float()
    return listed, torch.where(masks > 0, faces, torch.tensor(GREY)), masks


def agreement(net, y, wanted):
    got = net.read(y)
    right = {h: [g[h] == w[h] for g, w in zip(got, wanted) if w.get(h) is not None] for h in probe.HEADS}
    return " ".join(f"{h} {np.mean(v):.2f}" for h, v in right.items() if v)


def held_out(count, first=2_000_000):
    """Captions of people in scenes, with what they say."""
    out, k = [], dataset.HELD_OUT + first
    while len(out) < count:
        s = scenes.sample(k, kind="scene", style="normal")
        text = scenes.caption(s, np.random.default_rng(k))
        k += 1
        if s.quality != "bad" and scenes.said(text)["scene"]:
            out.append((text, {h: v for h, v in scenes.said(text).items() if h in probe.HEADS}))
    return zip(*out)


def grid(rows, path, labels=(), colours=None):
    """Pictures [-1,1] in rows, a label over each row."""
    bar = 13 if labels else 0
    sheet = Image.new("RGB", (max(map(len, rows)) * 128, len(rows) * (128 + bar)), "white")
    pen = ImageDraw.Draw(sheet)
    for r, row in enumerate(rows):
        for k, x in enumerate(row):
            a = ((x + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
            sheet.paste(Image.fromarray(a), (k * 128, r * (128 + bar) + bar))
        if labels:
            pen.text((3, r * (128 + bar)), labels[r], fill="black")
    if colours:
        sheet = sheet.quantize(colours)
    sheet.save(path, optimize=True)


PROMPTS = ["a girl with a red hat in a snowy forest", "a man with a beard wearing a blue shirt in the mountains at sunset",
           "a woman with pink hair wearing a yellow shirt in a city at night", "a boy with blond hair and glasses wearing a green shirt on a beach",
           "a woman with red hair in a purple shirt, surprised, in a meadow", "a girl with black hair wearing a white shirt in a room at night",
           "a man wearing a red shirt in a desert at sunset", "a watercolour painting of a girl in a meadow"]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("model")
    ap.add_argument("probe")
    ap.add_argument("what", choices=["text", "cow", "grids"])
    ap.add_argument("out", nargs="?")
    ap.add_argument("--cases", default=os.path.join(os.path.dirname(__file__), "../testdata/cases"))
    ap.add_argument("--guidance", type=float, nargs="+", default=[3.5])
    ap.add_argument("--invert-guidance", type=float, nargs="+", default=[1.])
    ap.add_argument("--cycles", type=int, nargs="+", default=[10])
    ap.add_argument("--masked", type=int, nargs="+", default=[0])
    ap.add_argument("--steps", type=int, default=10)
    ap.add_argument("--count", type=int, default=96)
    ap.add_argument("--late", default="once")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--save")
    args = ap.parse_args()
    m, net = Model(args.model), probe.load(args.probe)
    if args.what == "text":
        texts, wanted = held_out(args.count)
        for g in args.guidance:
            y = text_to_picture(m, list(texts), g, args.steps, args.seed)
            print(f"text only, {args.count} captions, {args.steps} steps, guidance {g}: {agreement(net, y, wanted)}", flush=True)
    listed, faces, masks = load_cases(args.cases)
    texts = [c["prompt"] for c in listed]
    wanted = [c["attributes"] for c in listed]
    if args.what == "cow":
        for cycles in args.cycles:
            for g in args.guidance:
                for ig in args.invert_guidance:
                    for masked in args.masked:
                        y, canvas = cow(m, faces, masks, texts, cycles, g, ig, masked, args.steps, args.seed, args.late)
                        with torch.no_grad():
                            ceiling = m.decode(m.encode(canvas))
                        full = on_canvas(masks)
                        print(f"cow, {cycles} cycles, guidance {g}, inversion {ig}, masked {masked}, late {args.late}: kept {psnr(y, canvas, full):.2f} dB"
                              f" (ceiling {psnr(ceiling, canvas, full):.2f}) grey ring {grey_ring(y, masks):.3f} {agreement(net, y, wanted)}", flush=True)
                        if args.save:
                            grid([list(canvas[:8]), list(y[:8]), list(canvas[8:]), list(y[8:])], args.save)
    if args.what == "grids":
        os.makedirs(args.out, exist_ok=True)
        g = m.defaults["guidance"]
        y = text_to_picture(m, [p for p in PROMPTS for _ in range(6)], g, 20)
        grid([list(y[6 * k:6 * k + 6]) for k in range(8)], f"{args.out}/text-to-image.png", PROMPTS, 255)
        drawn = [scenes.sample(dataset.HELD_OUT + 3_000_000 + k, kind="scene") for k in range(12)]
        x = pictures(np.stack([np.asarray(s.image) for s in drawn]))
        with torch.no_grad():
            z = m.decode(m.encode(x))
        grid([list(x[:6]), list(z[:6]), list(x[6:]), list(z[6:])], f"{args.out}/autoencoder.png", ["drawn", "after the autoencoder"] * 2, 255)
        some = slice(0, 8)
        few = dict(guidance=g, invert_guidance=m.defaults["inversion_guidance"], masked=m.defaults["masked_guidance"])
        rows, canvas = [], None
        for cycles in (0, 1, 10):
            y, canvas = cow(m, faces[some], masks[some], texts[some], cycles, **few)
            rows.append(list(y))
        only = text_to_picture(m, texts[some], g)
        full = on_canvas(masks[some])
        rows = [list(canvas), list(only), list(canvas * full + only * (1 - full)), *rows]
        grid(rows, f"{args.out}/cow.png", ["condition", "text only", "text only, head pasted", "0 cycles", "1 cycle", "10 cycles"], 255)


if __name__ == "__main__":
    main()

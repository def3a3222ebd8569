"""Trains the picture's autoencoder: 128x128 pixels to 16x16 latents of 8 channels and back.

    python train_vae.py f4 DATA f4.pt --minutes 6              # on pictures of half the size: learns four times faster
    python train_vae.py f8 DATA f8.pt --minutes 35 --init f4.pt  # one more level around it, on whole pictures
    python train_vae.py decoder DATA dec.pt --minutes 10 --init f8.pt  # the decoder alone: latents stay as they are

The latents get noise of a tenth of their size while training, so that the decoder forgives a denoiser's small errors; a
weak pull to zero keeps the encoder from shouting it down. (The usual learnt variance adds nothing here.)
"""
import argparse
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import dataset
from optim import Average, Both, Clock

NOISE = .1


def build(widths, size):
    n = len(widths)
    return AutoencoderKL(in_channels=3, out_channels=3, down_block_types=("DownEncoderBlock2D",) * n, up_block_types=("UpDecoderBlock2D",) * n,
                         block_out_channels=widths, layers_per_block=1, latent_channels=8, norm_num_groups=4, sample_size=size)


F4, F8 = ((32, 64, 64), 64), ((16, 32, 64, 64), 128)


def grow(inner, outer):
    """Copies the f=4 weights into the f=8 model: its encoder blocks sit one place later, its decoder blocks where they were."""
    target, copied = outer.state_dict(), 0
    for name, w in inner.items():
        if name.startswith("encoder.down_blocks."):
            head, index, rest = name.split(".", 3)[0:2], int(name.split(".")[2]), name.split(".", 3)[3]
            name = ".".join(head + [str(index + 1), rest])
        if name.startswith(("encoder.conv_in", "decoder.conv_norm_out", "decoder.conv_out")):
            continue
        if name in target and target[name].shape == w.shape:
            target[name], copied = w, copied + 1
    outer.load_state_dict(target)
    print(f"copied {copied} of {len(target)} tensors", flush=True)


def opponent(x):
    """The two colour differences of a picture, without its lightness."""
    return torch.stack([x[:, 0] - x[:, 1], x[:, 2] - (x[:, 0] + x[:, 1]) / 2], 1)


def loss_of(y, x, weight):
    d = y - x
    dx, dy = d[..., 1:] - d[..., :-1], d[..., 1:, :] - d[..., :-1, :]
    return ((d.abs() * weight).mean() + .5 * ((dx.abs() * weight[..., 1:]).mean() + (dy.abs() * weight[..., 1:, :]).mean())
            + (d.square() * weight).mean() + 4 * (opponent(d).square() * weight).mean() / 2 + .5 * F.avg_pool2d(d, 4).abs().mean())


class Pictures:
    """Random batches from the shards that are there so far; faces that are hard to keep (pink hair, glasses) come more often."""

    def __init__(self, folder, small=False):
        self.folder, self.small, self.have = folder, small, {}
        self.refresh()

    def refresh(self):
        for n in dataset.ready(self.folder, self.small):
            if n not in self.have:
                images, boxes, notes = dataset.load(self.folder, n)
                hard = [k for k, a in enumerate(notes) if a["style"] == "normal" and a["quality"] == "plain" and (a["hair"] == "pink" or a["glasses"] == "yes")]
                self.have[n] = images, boxes, hard

    def batch(self, rng, count):
        xs, ws = [], []
        for _ in range(count):
            images, boxes, hard = self.have[list(self.have)[rng.integers(len(self.have))]]
            k = hard[rng.integers(len(hard))] if rng.random() < .3 else rng.integers(len(images))
            x = torch.from_numpy(images[k]).permute(2, 0, 1).float() / 127.5 - 1
            w = torch.ones(1, *x.shape[1:])
            if not self.small:
                l, t, r, b = boxes[k].clip(0, x.shape[-1]).astype(int)
                w[:, t:b, l:r] = 2.5
            xs.append(x)
            ws.append(w)
        return torch.stack(xs), torch.stack(ws)


@torch.no_grad()
def measure(vae, size, count=32):
    """PSNR in dB of whole pictures and inside head boxes, on held-out seeds (people in scenes, normal style)."""
    import scenes
    whole, head = [], []
    for seed in range(dataset.HELD_OUT, dataset.HELD_OUT + count):
        s = scenes.sample(seed, kind="scene", style="normal")
        x = torch.from_numpy(np.asarray(s.image)).permute(2, 0, 1)[None].float() / 127.5 - 1
        x = F.avg_pool2d(x, 128 // size)
        y = vae.decode(vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        e = (y - x).square()[0] / 4
        l, t, r, b = (np.clip(s.box, 0, 128) * size / 128).astype(int)
        whole.append(e.mean().item())
        head.append(e[:, t:b, l:r].mean().item())
    return -10 * np.log10(np.mean(whole)), -10 * np.log10(np.mean(head))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("stage", choices=["f4", "f8", "decoder"])
    ap.add_argument("data")
    ap.add_argument("out")
    ap.add_argument("--minutes", type=float, required=True)
    ap.add_argument("--init")
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--batch", type=int, default=8)
    ap.add_argument("--adam", action="store_true", help="AdamW for everything")
    ap.add_argument("--fall", type=float, default=.5)
    args = ap.parse_args()
    torch.manual_seed(0)
    rng = np.random.default_rng(0 if args.stage == "f4" else 1)
    widths, size = F4 if args.stage == "f4" else F8
    vae = build(widths, size)
    if args.init:
        weights = torch.load(args.init)
        if len(weights["encoder.conv_in.weight"]) != len(vae.encoder.conv_in.weight):
            grow(weights, vae)
        else:
            vae.load_state_dict(weights)
    if args.stage == "decoder":
        for p in [*vae.encoder.parameters(), *vae.quant_conv.parameters()]:
            p.requires_grad_(False)
    named = [(n, p) for n, p in vae.named_parameters() if p.requires_grad]
    edges = ("",) if args.adam else ("encoder.conv_in", "decoder.conv_out", "quant_conv")
    optimizer, clock, average = Both(named, args.lr, edges), Clock(args.minutes, fall=args.fall), Average(vae, .998)
    pictures = Pictures(args.data)
    small = Pictures(args.data, small=True) if args.stage != "f4" else None
    step, seen, since, total = 0, 0, time.time(), 0.
    saved = shown = time.time()
    while clock.done() < 1:
        if small and small.have and step % 8 == 7:  # conditions are encoded at their own size
            x, w = small.batch(rng, args.batch * 2)
        else:
            x, w = pictures.batch(rng, args.batch)
            x, w = F.avg_pool2d(x, x.shape[-1] // size), F.avg_pool2d(w, x.shape[-1] // size)
        z = vae.encode(x).latent_dist.mean
        pull = 1e-3 * z.square().mean()
        spread = z.detach().std((0, 2, 3), keepdim=True)
        y = vae.decode(z + NOISE * spread.clamp(min=.5) * torch.randn_like(z)).sample
        loss = loss_of(y, x, w) + pull
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.)
        optimizer.step(clock.rate())
        average.update(vae)
        step, seen, total = step + 1, seen + len(x), total + loss.item()
        if time.time() - shown > 30:
            live = {k: v.clone() for k, v in vae.state_dict().items()}
            vae.load_state_dict(average.weights)
            whole, head = measure(vae, size, 16)
            vae.load_state_dict(live)
            print(f"{time.time() - since:5.0f} s  {seen:6d} pictures  loss {total / step:.4f}  whole {whole:.2f} dB  head {head:.2f} dB", flush=True)
            step = total = 0
            shown = time.time()
            pictures.refresh()
            if small:
                small.refresh()
        if time.time() - saved > 120 or clock.done() >= 1:
            torch.save(average.weights, args.out)
            saved = time.time()


if __name__ == "__main__":
    main()

"""The attribute probe: a small network that reads scene, time, shirt, hair ... off a picture, to measure text agreement.

    python probe.py train DATA VAE.pt probe.pt --minutes 4     # half of its pictures have been through the autoencoder
    python probe.py test probe.pt VAE.pt                       # held-out accuracy, drawn and after the autoencoder

[128,128,3] in -1..1, five times (3x3 convolution, stride 2, padding 1, bias, SiLU), the 4x4xC grid flattened
as [row, column, channel], one linear layer; its outputs are the heads' logits one after the other.
"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F

import dataset
import scenes
from latents import encode, pictures
from optim import Both, Clock
from train_vae import F8, build

CHANNELS = [16, 32, 48, 64, 64]
HEADS = {"scene": scenes.SCENES, "time": scenes.TIMES, "style": scenes.STYLES, "person": ["no", "yes"], "kind": scenes.PERSONS,
         "shirt": list(scenes.SHIRTS), "hair": list(scenes.HAIRS), "hat": ["none", *scenes.HATS], "glasses": ["no", "yes"]}


class Probe(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = torch.nn.ModuleList(torch.nn.Conv2d(i, o, 3, 2, 1) for i, o in zip([3, *CHANNELS], CHANNELS))
        self.linear = torch.nn.Linear(16 * CHANNELS[-1], sum(map(len, HEADS.values())))

    def forward(self, x):
        for conv in self.convs:
            x = F.silu(conv(x))
        logits = self.linear(x.permute(0, 2, 3, 1).flatten(1))
        return dict(zip(HEADS, logits.split([len(v) for v in HEADS.values()], 1)))

    @torch.no_grad()
    def read(self, x):
        """[n,3,128,128] -> a list of {head: label}."""
        best = {h: v.argmax(1) for h, v in self(x).items()}
        return [{h: HEADS[h][best[h][k]] for h in HEADS} for k in range(len(x))]


def label(note):
    return [HEADS[h].index(note[h]) if note[h] is not None else -1 for h in HEADS]


@torch.no_grad()
def round_trip(vae, images):
    """What the autoencoder makes of them, with some noise in the latents, as a sampler leaves it."""
    out = []
    for k in range(0, len(images), 20):
        z = encode(vae, images[k:k + 20])
        y = vae.decode(z + torch.randn_like(z) * torch.rand(len(z), 1, 1, 1) * .25).sample
        out.append(((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    return np.concatenate(out)


def train(args):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    drawn, notes = [], []
    for n in dataset.ready(args.data)[:16]:
        images, _, note = dataset.load(args.data, n)
        drawn.append(images)
        notes += note
    drawn = np.concatenate(drawn)
    labels = torch.tensor([label(n) for n in notes])
    tripped = drawn[:0]
    if args.vae != "none":
        vae = build(*F8)
        vae.load_state_dict(torch.load(args.vae))
        tripped = round_trip(vae, drawn[:2000])
    net, clock, step = Probe(), Clock(args.minutes), 0
    optimizer = Both(list(net.named_parameters()), 3e-3, edges=("convs.0", "linear"))
    while clock.done() < 1:
        k = rng.integers(len(drawn), size=64)
        x = drawn[k]
        if len(tripped):
            k[:32] %= len(tripped)
            x[:32] = tripped[k[:32]]
        x = pictures(np.roll(x, tuple(rng.integers(-4, 5, 2)), (1, 2)))
        x = x * (1 + .1 * torch.randn(64, 1, 1, 1)) + .06 * torch.randn(64, 3, 1, 1) + .1 * torch.rand(64, 1, 1, 1) * torch.randn_like(x)
        loss = sum(F.cross_entropy(v, labels[k, i], ignore_index=-1) for i, v in enumerate(net(x).values()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(clock.rate())
        if step % 200 == 0:
            print(f"step {step}: {loss.item():.3f}", flush=True)
        step += 1
    torch.save(net.state_dict(), args.out)


def test(net, vae, count=300):
    samples = [scenes.sample(dataset.HELD_OUT + 5_000_000 + k) for k in range(count)]
    samples = [s for s in samples if s.quality != "bad"]
    labels = torch.tensor([label(scenes.attributes(s)) for s in samples])
    images = np.stack([np.asarray(s.image) for s in samples])
    for name, x in (("drawn", images), ("after the autoencoder", round_trip(vae, images))):
        out = {h: v.argmax(1) for h, v in net(pictures(x)).items()}
        print(name, " ".join(f"{h} {(out[h] == labels[:, i])[labels[:, i] >= 0].float().mean():.3f}" for i, h in enumerate(HEADS)))


def load(path):
    net = Probe()
    net.load_state_dict(torch.load(path))
    return net.eval()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    sub = ap.add_subparsers(dest="command", required=True)
    a = sub.add_parser("train")
    a.add_argument("data")
    a.add_argument("vae", help="a .pt file, or none")
    a.add_argument("out")
    a.add_argument("--minutes", type=float, default=4)
    b = sub.add_parser("test")
    b.add_argument("probe")
    b.add_argument("vae")
    args = ap.parse_args()
    if args.command == "train":
        train(args)
    else:
        vae = build(*F8)
        vae.load_state_dict(torch.load(args.vae))
        test(load(args.probe), vae)

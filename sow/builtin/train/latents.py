"""Between the two trainings: fixes the latent space, then stores every picture's latents.

    python latents.py freeze f8.pt vae.pt DATA    # turns the latents to their principal axes; prints the spectrum
    python latents.py encode vae.pt DATA OUT [FIRST COUNT]

The axes are folded into the two 1x1 convolutions around the latents, so the result is an ordinary AutoencoderKL. Each axis
is also scaled by std^-EVEN: between the raw spread (0) and all axes alike (1). What a raw space hides in a weak axis a denoiser
never learns; all alike, it spends itself on noise.
"""
import os
import sys

import numpy as np
import torch

import dataset
from train_vae import F8, build

EVEN = .5
SIGMA = -9.  # log variance of the encoder's noise: next to nothing


def pictures(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def encode(vae, images, batch=20):
    return torch.cat([vae.encode(pictures(images[k:k + batch])).latent_dist.mean for k in range(0, len(images), batch)])


@torch.no_grad()
def freeze(vae, images):
    z = encode(vae, images).permute(1, 0, 2, 3).flatten(1).double()
    mean = z.mean(1)
    values, axes = torch.linalg.eigh(torch.cov(z))
    values, axes = values.flip(0), axes.flip(1)
    print("std along the principal axes:", " ".join(f"{v:.3f}" for v in values.sqrt()))
    into = torch.diag(values ** (-EVEN / 2)) @ axes.T
    total = (into @ torch.cov(z) @ into.T).diagonal().mean().sqrt()
    into /= total  # unit variance over all channels: scaling_factor is 1
    print("std of the new channels:", " ".join(f"{v:.3f}" for v in (into @ torch.cov(z) @ into.T).diagonal().sqrt()))
    back = torch.linalg.inv(into)
    q, p, n = vae.quant_conv, vae.post_quant_conv, len(mean)
    w, b = q.weight[:n, :, 0, 0].double(), q.bias[:n].double()
    q.weight[:n] = (into @ w)[..., None, None].float()
    q.bias[:n] = (into @ (b - mean)).float()
    q.weight[n:], q.bias[n:] = 0, SIGMA
    w = p.weight[:, :, 0, 0].double()
    p.bias += (w @ mean).float()
    p.weight.copy_((w @ back)[..., None, None])
    vae.register_to_config(scaling_factor=1.0)


if __name__ == "__main__":
    vae = build(*F8)
    if sys.argv[1] == "freeze":
        source, out, data = sys.argv[2:5]
        vae.load_state_dict(torch.load(source))
        images = dataset.load(data, dataset.ready(data)[0])[0][:600]
        before = vae.decode(encode(vae, images[:4])).sample
        freeze(vae, images)
        after = vae.decode(encode(vae, images[:4])).sample
        print("change of the round trip:", (after - before).abs().max().item())
        torch.save(vae.state_dict(), out)
    else:
        source, data, out = sys.argv[2:5]
        vae.load_state_dict(torch.load(source))
        os.makedirs(out, exist_ok=True)
        numbers = dataset.ready(data) + dataset.ready(data, small=True)
        if len(sys.argv) > 5:
            numbers = range(int(sys.argv[5]), int(sys.argv[5]) + int(sys.argv[6]))
        for n in numbers:
            path = f"{out}/latents-{n:04d}.npy"
            if not os.path.exists(path):
                z = encode(vae, dataset.load(data, n)[0])
                np.save(path + ".part.npy", z.half().numpy())
                os.replace(path + ".part.npy", path)

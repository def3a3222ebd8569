"""Trains the denoiser and the text encoder together on stored latents.

    python train_unet.py DATA LATENTS TOKENIZER OUT.pt --minutes 70

The text encoder first learns, for a minute, to tell from its own tokens what a caption says (colours, places); then both
learn to predict the noise (min-SNR-5 weights, 10 % of the captions dropped). OUT.pt holds the averaged weights, OUT.pt.state all
that a restart needs.
"""
import argparse
import glob
import json
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from transformers import CLIPTokenizer

import dataset
import scenes
import text
from optim import Average, Both, Clock


def denoiser():
    return UNet2DConditionModel(
        sample_size=16, in_channels=8, out_channels=8, block_out_channels=(64, 96, 128), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), attention_head_dim=[2, 3, 4],
        cross_attention_dim=96, norm_num_groups=8, use_linear_projection=True)


def alphas():
    """Stable Diffusion's noise levels."""
    return torch.cumprod(1 - torch.linspace(.00085 ** .5, .012 ** .5, 1000) ** 2, 0)


class Cache:
    """Latents and tokenized captions of the shards encoded so far."""

    def __init__(self, data, latents, tokenizer, small=False):
        self.data, self.latents, self.tokenizer, self.small = data, latents, tokenizer, small
        self.z, self.ids, self.have = [], [], set()
        self.refresh()

    def refresh(self):
        for path in sorted(glob.glob(f"{self.latents}/latents-????.npy")):
            n = int(path[-8:-4])
            if n in self.have or (n >= dataset.SMALL) != self.small:
                continue
            self.have.add(n)
            with open(f"{self.data}/shard-{n:04d}.json") as f:
                captions = [c for note in json.load(f) for c in note["captions"]]
            self.z.append(torch.from_numpy(np.load(path)))
            self.ids.append(tokenize(self.tokenizer, captions).view(-1, 4, text.LENGTH).to(torch.int16))

    def batch(self, rng, count):
        zs, ids = [], []
        for _ in range(count):
            shard = rng.integers(len(self.z))
            k = rng.integers(len(self.z[shard]))
            zs.append(self.z[shard][k])
            ids.append(self.ids[shard][k, rng.integers(4)])
        return torch.stack(zs).float(), torch.stack(ids).long()


def tokenize(tokenizer, captions):
    return torch.tensor(tokenizer(captions, padding="max_length", truncation=True, max_length=text.LENGTH).input_ids)


def warm_text(encoder, tokenizer, data, seconds):
    """One query per attribute reads the encoded tokens and must tell what the caption said of it, or that it did not."""
    captions = [c for _, c in zip(range(60000), text.all_captions(data))]
    told = [scenes.said(c) for c in captions]
    names = list(told[0])
    values = {n: [None, *sorted({t[n] for t in told} - {None})] for n in names}
    labels = torch.tensor([[values[n].index(t[n]) for n in names] for t in told])
    ids = tokenize(tokenizer, captions)
    query = torch.nn.Parameter(torch.randn(len(names), 96) * .1)
    heads = torch.nn.ModuleList(torch.nn.Linear(96, len(values[n])) for n in names)
    named = [*encoder.named_parameters(), ("query", query), *heads.named_parameters(prefix="embedding_heads")]
    optimizer, clock = Both(named, 2e-3, edges=("embedding", "query")), Clock(seconds / 60)
    step = 0
    while clock.done() < 1:
        k = torch.randint(0, len(ids), (96,))
        h = encoder(ids[k]).last_hidden_state
        read = torch.einsum("bnt,btd->bnd", torch.softmax(torch.einsum("nd,btd->bnt", query, h), -1), h)
        loss = sum(F.cross_entropy(head(read[:, i]), labels[k, i]) for i, head in enumerate(heads)) / len(names)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(clock.rate())
        if step % 100 == 0:
            print(f"text, step {step}: {loss.item():.4f}", flush=True)
        step += 1


def shares(named, workers):
    """Whose weight is whose: matrices, which cost, and vectors are both dealt out in turn."""
    dealt, owner = {True: 0, False: 0}, []
    for _, p in named:
        owner.append(dealt[p.ndim > 1] % workers)
        dealt[p.ndim > 1] += 1
    return [[k for k, o in enumerate(owner) if o == rank] for rank in range(workers)]


def work(rank, args, model, grads, barrier, stop):
    """One of several processes on the same weights: each computes gradients on its own pictures and moves its own share of the
    weights. (Two processes of one thread make half as many steps again as one process of two.)"""
    torch.set_num_threads(1)
    seed = int(time.time()) if args.resume else 1
    torch.manual_seed(seed * 100 + rank)
    rng = np.random.default_rng((seed, rank))
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    big, small = (Cache(args.data, args.latents, tokenizer, small=s) for s in (False, True))
    named = list(model.named_parameters())
    mine = shares(named, args.workers)[rank]
    optimizer = Both([named[k] for k in mine], args.lr, edges=("unet.conv_in", "unet.conv_out", "embedding"))
    average, seen = Average(model, args.keep), 0
    if args.resume:
        state = torch.load(args.resume)
        average.weights, average.age, seen = state["average"], state["age"], state["seen"]
        if os.path.exists(f"{args.resume}.{rank}"):
            optimizer.load_state_dict(torch.load(f"{args.resume}.{rank}"))
    abar = alphas()
    weight = torch.clamp((1 - abar) / abar * 5, max=1)  # min(snr, 5) / snr
    nothing = tokenize(tokenizer, [""])[0]
    clock = Clock(args.minutes, args.rise, args.fall)
    start = shown = saved = time.time()
    step = count = 0
    total, hits = torch.zeros(5), torch.zeros(5)
    while not stop.value:
        z, ids = (small if small.z and step % 12 == 11 else big).batch(rng, args.batch)
        ids[torch.rand(len(ids)) < .1] = nothing
        t = ((torch.arange(len(z)) + torch.rand(len(z))) * (1000 / len(z))).long()
        noise = torch.randn_like(z)
        a = abar[t].view(-1, 1, 1, 1)
        noisy = (a.sqrt() * z + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        guess = model["unet"](noisy, t, model["text"](ids).last_hidden_state).sample
        each = (guess - noise).square().mean((1, 2, 3))
        model.zero_grad()
        (each * weight[t]).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.)
        for (_, p), g in zip(named, grads[rank]):
            if p.grad is not None:
                g.copy_(p.grad)
        barrier.wait()
        for k in mine:
            if named[k][1].grad is not None:
                named[k][1].grad = torch.stack([g[k] for g in grads]).mean(0)
        optimizer.step(clock.rate())
        if rank == 0:
            stop.value = clock.done() >= 1
        barrier.wait()
        step, count = step + 1, count + len(z) * args.workers
        now = time.time()
        if rank == 0:
            average.update(model)
            total.index_add_(0, t // 200, each.detach())
            hits.index_add_(0, t // 200, torch.ones(len(z)))
            if now - shown > 30:
                parts = " ".join(f"{v:.4f}" for v in total / hits)
                print(f"{now - start:5.0f} s  {seen + count:7d} samples  {count / (now - start):.1f}/s  noise error by fifth of t: {parts}", flush=True)
                total.zero_(), hits.zero_()
                shown = now
        if now - saved > 240 or stop.value:
            if rank == 0:
                put({"weights": average.weights, "seen": seen + count}, args.out)
                put({"model": model.state_dict(), "average": average.weights, "age": average.age, "seen": seen + count}, args.out + ".state")
            put(optimizer.state_dict(), f"{args.out}.state.{rank}")
            saved = now
            big.refresh(), small.refresh()


def put(value, path):
    torch.save(value, path + ".part")
    os.replace(path + ".part", path)


def main():
    ap = argparse.ArgumentParser()
    for name in ("data", "latents", "tokenizer", "out"):
        ap.add_argument(name)
    ap.add_argument("--minutes", type=float, required=True)
    ap.add_argument("--warm", type=float, default=60, help="seconds for the text encoder alone")
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--batch", type=int, default=12, help="of one process")
    ap.add_argument("--workers", type=int, default=2)
    ap.add_argument("--keep", type=float, default=.997)
    ap.add_argument("--fall", type=float, default=.5)
    ap.add_argument("--rise", type=float, default=.01)
    ap.add_argument("--resume", help="an OUT.pt.state")
    args = ap.parse_args()
    torch.set_num_threads(1)  # or the processes below could not be forked
    torch.manual_seed(1)
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    model = torch.nn.ModuleDict({"text": text.encoder(len(tokenizer)), "unet": denoiser().to(memory_format=torch.channels_last)})
    if args.resume:
        model.load_state_dict(torch.load(args.resume)["model"])
    else:
        warm_text(model["text"], tokenizer, args.data, args.warm)
    model.zero_grad()
    model.share_memory()
    grads = [[torch.zeros_like(p).share_memory_() for p in model.parameters()] for _ in range(args.workers)]
    fork = torch.multiprocessing.get_context("fork")
    barrier, stop = fork.Barrier(args.workers), fork.Value("b", 0)
    several = [fork.Process(target=work, args=(rank, args, model, grads, barrier, stop)) for rank in range(args.workers)]
    for p in several:
        p.start()
    for p in several:
        p.join()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the goldens of package sampler. Usage: python gen_golden.py diffusers-0.17.1-py3-none-any.whl (torch 2.15.0, diffusers 0.42.1; on x86-64 with AVX2)

noise.json      sequences of torch.randn on one generator, then some of its next random bits: the stream must stand where torch's does
schedule.json   alphas_cumprod of some configs
loops.json      whole walks from noise to picture (DDIMScheduler) and back (DDIMInverseScheduler, and that of diffusers 0.17.1), each
                also in float64: "loss" is how far PyTorch's own float32 is from that, the worst of four starts
ddim-golden.json is not made here: it is the specification's.
"""
import base64
import hashlib
import itertools
import json
import pathlib
import sys
import types
import zipfile

import numpy as np
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler

HERE = pathlib.Path(__file__).parent
torch.set_num_threads(1)


def f32(x):
    """float32 values as base64 of little-endian bytes: exact and small."""
    return base64.b64encode(np.ascontiguousarray(x, dtype="<f4").tobytes()).decode()


def write(name, obj):
    (HERE / name).write_text("[\n" + ",\n".join(map(json.dumps, obj)) + "\n]\n")


def noise():
    sequences = [
        (0, [1, 5, 15, 16, 17, 31, 256, 1000, 4 * 64 * 64]),
        (42, [31, 3, 1, 16, 1, 15, 17, 2, 4 * 64 * 64, 5, 1000]),  # an odd count leaves half a pair across larger draws
        (2**32 + 42, [20, 7]),  # the high 32 bits are dropped
        (2**64 - 1, [7, 33]),
        (123456789, [3, 0, 3, 640]),
    ]
    out = []
    for seed, sizes in sequences:
        g = torch.Generator().manual_seed(seed)
        calls = []
        for n in sizes:
            x = torch.randn(n, generator=g).numpy()
            if n <= 1000:
                calls.append({"n": n, "values": f32(x)})
            else:  # the whole by its hash, and the ends to see what differs
                calls.append({"n": n, "sha256": hashlib.sha256(x.astype("<f4").tobytes()).hexdigest(), "head": f32(x[:64]), "tail": f32(x[-64:])})
        bits = torch.randint(0, 1 << 20, (4,), generator=g)  # the low 20 bits of four words
        out.append({"seed": str(seed), "calls": calls, "next": bits.tolist()})
    write("noise.json", out)


BETAS = {"scaled_linear": (0.00085, 0.012), "linear": (0.0001, 0.02)}


def schedule():
    out = []
    for name, T in itertools.product(BETAS, (1000, 37, 1)):
        start, end = BETAS[name]
        s = DDIMScheduler(num_train_timesteps=T, beta_start=start, beta_end=end, beta_schedule=name)
        out.append({"schedule": name, "beta_start": start, "beta_end": end, "timesteps": T, "alphas_cumprod": f32(s.alphas_cumprod)})
    write("schedule.json", out)


def inverse_017():
    """DDIMInverseScheduler of diffusers 0.17.1, from its wheel: that one module still runs on today's diffusers."""
    source = zipfile.ZipFile(sys.argv[1]).read("diffusers/schedulers/scheduling_ddim_inverse.py").decode()
    module = types.ModuleType("scheduling_ddim_inverse_017")
    sys.modules[module.__name__] = module
    exec(source, module.__dict__)
    return module.DDIMInverseScheduler


SHAPE = (2, 3, 2, 4)


def model(x, t):
    """A stand-in for the network that both languages compute alike."""
    return x * float(np.float32(0.25 + t / 1600)) + 0.0625


def in_float64(s):
    """Lets the scheduler compute in float64, from the same levels."""
    for name in ("alphas_cumprod", "final_alpha_cumprod", "initial_alpha_cumprod"):
        if hasattr(s, name):
            setattr(s, name, getattr(s, name).double())
    return s


def level(s, t):
    """The level at which the scheduler s reads the output of a model asked at t: that of the node it is about to leave."""
    if type(s) is DDIMInverseScheduler:
        t -= s.config.num_train_timesteps // s.num_inference_steps
        return s.alphas_cumprod[t] if t >= 0 else s.initial_alpha_cumprod
    return s.alphas_cumprod[t]


def walk(s, x, noises, eta, eps_first=False):
    left = iter(noises)
    for t in s.timesteps.tolist():
        out = model(x, t)
        if eps_first:
            out = level(s, t) ** 0.5 * out + (1 - level(s, t)) ** 0.5 * x
        kw = {"eta": eta, "variance_noise": next(left).to(x.dtype)} if eta > 0 else {}
        x = s.step(out, t, x, **kw).prev_sample
    return x


def loops():
    Inverse017 = inverse_017()
    starts = [torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2, 3, 4)]
    out = []

    def add(cls, config, kind, steps, eta=0):
        g = torch.Generator().manual_seed(7)
        noises = [torch.randn(SHAPE, generator=g) for _ in range(steps)] if eta > 0 else []

        def run(start, dtype, **changed):
            s = cls(**(config | changed))
            s.set_timesteps(steps)
            return walk(s if dtype == torch.float32 else in_float64(s), start.to(dtype), noises, eta, eps_first="prediction_type" in changed)

        loss = 0
        for start in starts:
            single, double = run(start, torch.float32), run(start, torch.float64)
            loss = max(loss, (single - double).abs().max().item())
            if config["prediction_type"] == "v_prediction":  # turned into eps at the model's door, as this package has it: what that costs in PyTorch
                loss = max(loss, (run(start, torch.float32, prediction_type="epsilon") - double).abs().max().item())
        latents = run(starts[0], torch.float32)
        about = dict(schedule=config["beta_schedule"], prediction=config["prediction_type"], alpha_to_one=one, offset=offset)
        out.append({"kind": kind, **about, "steps": steps, "eta": eta, "latents": f32(latents), "loss": loss})

    for name, prediction, one, offset in itertools.product(BETAS, ("epsilon", "v_prediction"), (False, True), (0, 1)):
        config = dict(beta_start=BETAS[name][0], beta_end=BETAS[name][1], beta_schedule=name, prediction_type=prediction, clip_sample=False,
                      set_alpha_to_one=one, steps_offset=offset)
        for steps in (10, 20, 50, 30, 999):  # 30 does not divide 1000; with 999 the last node is not "before" the first timestep
            for eta in (0, 0.1, 1):
                if steps in (10, 20, 50) or (eta == 0.1 and name == "scaled_linear"):
                    add(DDIMScheduler, config, "sample", steps, eta)
            if steps < 100:
                add(DDIMInverseScheduler, config, "aligned", steps)
                add(Inverse017, {k: v for k, v in config.items() if k != "set_alpha_to_one"} | {"set_alpha_to_zero": one}, "ref017", steps)
    write("loops.json", out)


if __name__ == "__main__":
    noise()
    schedule()
    loops()

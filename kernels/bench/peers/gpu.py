"""PyTorch on a GPU on the same networks as `sowgen bench --device cuda --precision f16`: float16, channels last, random weights of Stable Diffusion 2.1's size,
results on the host; wall milliseconds, the median of seven runs (of two pictures).

    python gpu.py

An evaluation of the UNet is timed as Python asks for it, and as a CUDA graph, which asks for all of its kernels at once. The picture is COW's published schedule
(cow.py).
"""
import pathlib
import statistics
import sys
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

here = pathlib.Path(__file__).resolve()
sys.path.append(str(here.parents[3] / 'sow/testdata'))
from cow import COW
from full_size import CLIP, UNET, VAE

torch.set_grad_enabled(False)
torch.set_default_device('cuda')
half = torch.float16
unet = UNet2DConditionModel(**UNET).to(half).eval().to(memory_format=torch.channels_last)
vae = AutoencoderKL(**VAE).to(half).to(memory_format=torch.channels_last).eval()
clip = CLIPTextModel(CLIPTextConfig(**CLIP)).to(half).eval()
tokens, timestep = torch.arange(77)[None], torch.tensor(501)


def timed(name, run, times=7):
    for _ in range(2):
        run()
    torch.cuda.synchronize()
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        torch.cuda.synchronize()
        took.append(time.perf_counter() - begin)
    print(f'{name}: {1e3 * statistics.median(took):.2f} ms', flush=True)


def graph(run):
    """Captures what run asks for; returns how to ask for it again, and its result."""
    other = torch.cuda.Stream()
    other.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(other):
        for _ in range(2):
            run()
    torch.cuda.current_stream().wait_stream(other)
    g = torch.cuda.CUDAGraph()
    with torch.cuda.graph(g):
        result = run()
    return g.replay, result


class Networks:
    """With numpy at the doors, as cow.COW wants them."""

    def text(self):
        return clip(tokens).last_hidden_state.float().cpu().numpy()

    def unet(self, x, t, context):
        return unet(torch.tensor(x, dtype=half), torch.tensor(t), torch.tensor(context, dtype=half)).sample.float().cpu().numpy()

    def encode(self, image):
        d = vae.encode(torch.tensor(image, dtype=half)).latent_dist
        return d.mean.float().cpu().numpy(), d.logvar.float().cpu().numpy()

    def decode(self, latents):
        return vae.decode(torch.tensor(latents, dtype=half)).sample.float().cpu().numpy()


print(f'PyTorch {torch.__version__}, {torch.cuda.get_device_name()}')
for side, prompts in ((64, 4), (64, 2), (64, 1), (32, 2)):
    x = torch.randn(prompts, 4, side, side, dtype=half).to(memory_format=torch.channels_last)
    context = torch.randn(prompts, 77, 1024, dtype=half)
    run = lambda: unet(x, timestep, context).sample
    timed(f'unet-{side}-b{prompts}', lambda: run().float().cpu())
    replay, y = graph(run)
    timed(f'unet-{side}-b{prompts}, as a CUDA graph', lambda: (replay(), y.float().cpu()))
latents, image = torch.randn(1, 4, 64, 64, dtype=half), torch.randn(1, 3, 512, 512, dtype=half)
timed('vae-decode-512', lambda: vae.decode(latents).sample.float().cpu())
timed('vae-encode-512', lambda: vae.encode(image).latent_dist.mean.float().cpu())
timed('clip', lambda: clip(tokens).last_hidden_state.float().cpu())
timed('cow-512', lambda: COW(Networks(), 512, 10).run(), 2)

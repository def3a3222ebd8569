#!/usr/bin/env python3
"""Writes nn/testdata/layers.safetensors: for each layer of package nn its parameters, an input and what diffusers 0.3x / PyTorch make of
it, in float32 and (suffix .y64) in float64. The float64 answer is the truth; how far PyTorch's own float32 lies from it is the loss that
the tests' tolerance is twice of.

Run: python gen_golden.py        (torch, diffusers, safetensors as pinned in docs/python-requirements.txt)
Keys: LAYER/x, LAYER/context, LAYER/temb, LAYER/y, LAYER/y64, LAYER/w/PARAMETER. Pictures are in PyTorch's layout [n, c, h, w].
"""
import pathlib
import torch
from torch import nn
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from safetensors.torch import save_file

torch.set_num_threads(1)
torch.manual_seed(0)
out = {}


def record(name, module, x, call=None, **extra):
    """Runs module on x in float32 and float64 and keeps parameters, inputs and both answers."""
    call = call or (lambda m, x, **kw: m(x, **kw))
    for p in module.parameters():  # norms start as the identity; shake everything so that no parameter can be forgotten
        p.data += 0.2 * torch.randn_like(p)
    with torch.no_grad():
        y = call(module, x, **extra)
        y64 = call(module.double(), x.double(), **{k: v.double() if torch.is_tensor(v) else v for k, v in extra.items()})
    module.float()
    out[f'{name}/x'], out[f'{name}/y'], out[f'{name}/y64'] = x, y, y64
    for k, v in extra.items():
        if torch.is_tensor(v):
            out[f'{name}/{k}'] = v
    for k, v in module.state_dict().items():
        out[f'{name}/w/{k}'] = v


record('linear', nn.Linear(24, 40), torch.randn(2, 5, 24))
record('conv3x3', nn.Conv2d(12, 20, 3, padding=1), torch.randn(2, 12, 7, 9))
record('conv1x1', nn.Conv2d(12, 20, 1), torch.randn(2, 12, 7, 9))
record('group_norm', nn.GroupNorm(4, 16, eps=1e-5), 3 + 2 * torch.randn(2, 16, 5, 6))
record('layer_norm', nn.LayerNorm(24), 3 + 2 * torch.randn(2, 5, 24))
record('embedding', nn.Embedding(11, 6), torch.tensor([0, 10, 3, 3]),
       call=lambda m, x: m(x.long()))
record('timestep_embedding', TimestepEmbedding(16, 64), torch.randn(1, 16))
record('attention', Attention(32, heads=4, dim_head=8), torch.randn(2, 15, 32))
record('cross_attention', Attention(32, cross_attention_dim=24, heads=4, dim_head=8), torch.randn(2, 15, 32),
       call=lambda m, x, context: m(x, encoder_hidden_states=context), context=torch.randn(2, 7, 24))
record('attention_bias', Attention(32, heads=1, dim_head=32, bias=True), torch.randn(1, 15, 32))
record('feed_forward', FeedForward(24, activation_fn='geglu'), torch.randn(2, 5, 24))
record('resnet', ResnetBlock2D(in_channels=16, out_channels=32, temb_channels=64, groups=8, eps=1e-5), torch.randn(2, 16, 6, 5),
       call=lambda m, x, temb: m(x, temb), temb=torch.randn(1, 64))
record('resnet_no_time', ResnetBlock2D(in_channels=16, out_channels=16, temb_channels=None, groups=8, eps=1e-6), torch.randn(2, 16, 6, 5),
       call=lambda m, x: m(x, None))
record('downsample', Downsample2D(8, use_conv=True, out_channels=8, padding=1, name='op'), torch.randn(2, 8, 7, 6))
record('downsample_vae', Downsample2D(8, use_conv=True, out_channels=8, padding=0, name='op'), torch.randn(2, 8, 7, 6))
record('upsample', Upsample2D(8, use_conv=True, out_channels=8), torch.randn(2, 8, 4, 3))
record('upsample_odd', Upsample2D(8, use_conv=True, out_channels=8), torch.randn(2, 8, 4, 3),
       call=lambda m, x, size: m(x, output_size=size), size=(7, 5))
for t in (1, 501, 981):
    for flip, shift in ((True, 0), (False, 1)):
        out[f'timesteps/{t}/{int(flip)}/{shift}'] = Timesteps(32, flip, shift)(torch.tensor([t]))

out = {k: v.contiguous().clone() for k, v in out.items()}
save_file(out, pathlib.Path(__file__).with_name('layers.safetensors'))
print(len(out), 'tensors')

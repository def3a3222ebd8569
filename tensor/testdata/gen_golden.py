#!/usr/bin/env python3
"""Writes tensor/testdata/torch-golden.json: what PyTorch makes of small inputs wherever PyTorch is the definition of an operator.

Each case has its inputs (float32), its parameters, the answer y computed in float64, and loss: how far PyTorch's own float32 answer lies
from that at most, for these inputs and 15 slightly larger ones (one draw may be lucky). The tests' tolerance is twice the loss. Pictures
are in PyTorch's layout [n, c, h, w].

Run: python gen_golden.py        (torch as pinned in docs/python-requirements.txt)
"""
import json
import pathlib
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.manual_seed(0)
cases = []


def plain(t):
    return {'shape': list(t.shape), 'data': [float(f'{v:.9g}') for v in t.double().flatten().tolist()]}


def record(op, f, *inputs, **params):
    """Runs f on the inputs in float32 and in float64."""
    def both(factor):
        x = [t * factor if t.is_floating_point() else t for t in inputs]
        truth = f(*[t.double() if t.is_floating_point() else t for t in x])
        assert truth.isfinite().all()
        return truth, (f(*x).double() - truth).abs().max().item()

    cases.append({
        'op': op, 'params': params, 'inputs': [plain(t) for t in inputs], 'y': plain(both(1)[0]),
        'loss': max(both(1 + k / 128)[1] for k in range(16)),
    })


def randn(*shape, mean=0.0, std=1.0):
    return mean + std * torch.randn(*shape)


def conv2d(x, weight, bias, stride, top, left, bottom, right):
    x, w, b = randn(*x), randn(*weight), randn(weight[0]) if bias else None
    f = lambda x, w, *b: F.conv2d(F.pad(x, (left, right, top, bottom)), w, *b, stride=stride)
    record('conv2d', f, x, w, *([b] if bias else []), stride=stride, top=top, left=left, bottom=bottom, right=right)


conv2d([2, 3, 7, 9], [5, 3, 3, 3], True, 1, 1, 1, 1, 1)
conv2d([1, 4, 8, 7], [6, 4, 3, 3], True, 2, 1, 1, 1, 1)
conv2d([1, 4, 8, 7], [6, 4, 3, 3], True, 2, 0, 0, 1, 1)  # the VAE's way down
conv2d([1, 3, 9, 11], [4, 3, 5, 3], False, 3, 2, 0, 1, 3)
conv2d([2, 5, 4, 3], [7, 5, 1, 1], True, 1, 0, 0, 0, 0)
conv2d([1, 2, 3, 3], [3, 2, 3, 3], False, 1, 0, 0, 0, 0)

for size in [(14, 10), (13, 11), (7, 5), (4, 3), (33, 6)]:
    record('upsample_nearest', lambda x: F.interpolate(x, size=size, mode='nearest'), randn(1, 2, 7, 5), height=size[0], width=size[1])

record('linear', F.linear, randn(2, 5, 13), randn(7, 13), randn(7))
record('matmul', torch.matmul, randn(3, 5, 7), randn(3, 7, 11))
record('matmul', torch.matmul, randn(2, 3, 5, 7), randn(7, 4))

for groups, eps in [(4, 1e-5), (1, 1e-6), (8, 1e-6)]:
    record('group_norm', lambda x, g, b: F.group_norm(x, groups, g, b, eps), randn(2, 8, 5, 7, mean=3, std=2), randn(8), randn(8),
           groups=groups, eps=eps)
    record('group_norm_silu', lambda x, g, b: F.silu(F.group_norm(x, groups, g, b, eps)), randn(1, 8, 3, 3), randn(8), randn(8),
           groups=groups, eps=eps)
record('group_norm', lambda x: F.group_norm(x, 2, None, None, 1e-5), randn(2, 8, 5, 7), groups=2, eps=1e-5)
record('layer_norm', lambda x, g, b: F.layer_norm(x, [13], g, b, 1e-5), randn(2, 3, 13, mean=-5), randn(13), randn(13), eps=1e-5)
record('layer_norm', lambda x: F.layer_norm(x, [13], None, None, 1e-5), randn(4, 13), eps=1e-5)

wide = torch.linspace(-12, 12, 97)
record('gelu', F.gelu, wide)
record('silu', F.silu, wide)
record('quick_gelu', lambda x: x * torch.sigmoid(1.702 * x), wide)  # transformers.activations.QuickGELUActivation
record('exp', torch.exp, wide)
record('softmax', lambda x: F.softmax(x, -1), randn(3, 4, 17, std=6))
record('softmax', lambda x: F.softmax(x, -1), randn(2, 5, mean=1000, std=30))
record('geglu', lambda x: (lambda a, b: a * F.gelu(b))(*x.chunk(2, -1)), randn(3, 5, 14, std=2))  # diffusers.models.activations.GEGLU
record('gather', lambda table, ids: F.embedding(ids, table), randn(11, 6), torch.tensor([0, 10, 3, 3, 7]))


def attention(n, queries, keys, heads, d, causal=False, scale=None):
    split = lambda t: t.unflatten(-1, (heads, d)).transpose(1, 2)
    f = lambda q, k, v: F.scaled_dot_product_attention(split(q), split(k), split(v), is_causal=causal, scale=scale).transpose(1, 2).flatten(2)
    c = heads * d
    record('attention', f, randn(n, queries, c, std=2), randn(n, keys, c), randn(n, keys, c), heads=heads, causal=causal, scale=scale or 0)


attention(2, 9, 9, 2, 8)
attention(1, 17, 5, 4, 5)
attention(1, 5, 33, 1, 16)
attention(2, 13, 13, 3, 8, causal=True)
attention(1, 7, 11, 2, 8, causal=True)  # token i reads tokens 0 … i, wherever the keys end
attention(1, 9, 9, 2, 8, scale=1.0)
attention(1, 1, 1, 1, 3)

path = pathlib.Path(__file__).parent / 'torch-golden.json'
lines = ',\n'.join(json.dumps(c, separators=(',', ':')) for c in cases)
path.write_text(f'{{"torch":"{torch.__version__}","cases":[\n{lines}\n]}}\n')

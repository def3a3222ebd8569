"""PyTorch with diffusers' and transformers' networks. Usage: peer_torch.py PART MODEL f32|bf16 THREADS"""
import sys

import numpy as np
import torch
import worker
from cow import COW

part, model, precision, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
torch.set_num_threads(threads)
torch.set_num_interop_threads(1)
torch.manual_seed(0)
dtype = {'f32': torch.float32, 'bf16': torch.bfloat16}[precision]
flags = open('/proc/cpuinfo').read()
ran_in = precision if precision == 'f32' or 'avx512_bf16' in flags or 'amx_bf16' in flags else 'bf16, emulated: no such instructions here'


class Networks:
    """The networks, each loaded when it is first asked for, with numpy at the doors, as cow.COW wants them."""

    def __getattr__(self, name):
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel
        kind, folder = {'text_model': (CLIPTextModel, 'text_encoder'), 'unet_model': (UNet2DConditionModel, 'unet'),
                        'vae_model': (AutoencoderKL, 'vae')}[name]
        network = kind.from_pretrained(f'{model}/{folder}', dtype=dtype) if kind is CLIPTextModel else kind.from_pretrained(
            f'{model}/{folder}', torch_dtype=dtype)
        setattr(self, name, network.eval())
        return network

    def text(self):
        return self.text_model(torch.arange(self.text_model.config.max_position_embeddings)[None]).last_hidden_state.float().numpy()

    def unet(self, x, t, context):
        return self.unet_model(torch.tensor(x, dtype=dtype), torch.tensor(t), torch.tensor(context, dtype=dtype)).sample.float().numpy()

    def encode(self, image):
        d = self.vae_model.encode(torch.tensor(image, dtype=dtype)).latent_dist
        return d.mean.float().numpy(), d.logvar.float().numpy()

    def decode(self, latents):
        return self.vae_model.decode(torch.tensor(latents, dtype=dtype)).sample.float().numpy()


def prepare():
    """Returns what a run of the part does."""
    n = Networks()
    random = np.random.default_rng(0)
    normal = lambda *shape: random.standard_normal(shape).astype(np.float32)
    name, *rest = part.split('-')
    if name == 'attention':
        q, k, v = (torch.randn(1, 5, 4096, 64, dtype=dtype) for _ in range(3))
        mask = torch.zeros(4096, 4096, dtype=dtype) if 'regions' in rest else None
        if mask is not None:
            mask[:2048, 2048:] = -1
        return lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    if name == 'clip':
        n.text_model
        return n.text
    if name == 'unet':
        side, batch = int(rest[0]), int(rest[1][1:])
        x, context = normal(batch, 4, side, side), normal(batch, 77, n.unet_model.config.cross_attention_dim)
        return lambda: n.unet(x, 501, context)
    if name == 'vae':
        x = normal(1, 3, 512, 512) if rest[0] == 'encode' else normal(1, 4, 64, 64)
        n.vae_model
        return lambda: (n.encode if rest[0] == 'encode' else n.decode)(x)
    n.text_model, n.unet_model, n.vae_model
    if name == 'first':
        n.unet(normal(1, 4, 64, 64), 501, n.text())
        worker.stepped()
        sys.exit()
    side, cycles = int(rest[0]), 1 if 'c1' in rest else 10
    return lambda: COW(n, side, cycles).run()


with torch.inference_mode():
    worker.serve(prepare(), ran_in)

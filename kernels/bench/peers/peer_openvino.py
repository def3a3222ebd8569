"""OpenVINO's CPU plugin on the same networks. Usage: peer_openvino.py PART MODEL f32|bf16 THREADS, or peer_openvino.py convert MODEL

convert writes MODEL-openvino: the networks as OpenVINO has them, weights stored in f16. It needs 8 GB of memory.
"""
import pathlib
import sys

import numpy as np
import openvino as ov
import worker
from cow import COW

part, model = sys.argv[1], sys.argv[2].rstrip('/')
converted = pathlib.Path(model + '-openvino')


def convert():
    """Writes every network that is not there yet."""
    import gc

    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel
    converted.mkdir(exist_ok=True)

    class Call(torch.nn.Module):
        def __init__(self, network, f):
            super().__init__()
            self.network, self.f = network, f

        def forward(self, *args):
            return self.f(self.network, *args)

    def write(name, load, f, example, shapes):
        file = converted / f'{name}.xml'
        if not file.exists():
            print('converting', name, flush=True)
            with torch.no_grad():
                ov.save_model(ov.convert_model(Call(load().eval(), f), example_input=example, input=[ov.PartialShape(s) for s in shapes]), file,
                              compress_to_fp16=True)
            gc.collect()

    text = lambda: CLIPTextModel.from_pretrained(f'{model}/text_encoder', dtype=torch.float32)
    vae = lambda: AutoencoderKL.from_pretrained(f'{model}/vae', torch_dtype=torch.float32)
    unet = lambda: UNet2DConditionModel.from_pretrained(f'{model}/unet', torch_dtype=torch.float32)
    width = text().config.hidden_size
    write('text', text, lambda m, ids: m(ids).last_hidden_state, torch.zeros(1, 77, dtype=torch.long), [[1, 77]])
    write('encoder', vae, lambda m, x: m.encode(x, return_dict=False)[0].parameters, torch.zeros(1, 3, 64, 64), [[1, 3, -1, -1]])
    write('decoder', vae, lambda m, z: m.decode(z, return_dict=False)[0], torch.zeros(1, 4, 16, 16), [[1, 4, -1, -1]])
    write('unet', unet, lambda m, x, t, c: m(x, t, c, return_dict=False)[0],
          (torch.zeros(2, 4, 32, 32), torch.tensor(500.), torch.zeros(2, 77, width)), [[-1, 4, -1, -1], [], [-1, 77, width]])


if part == 'convert':
    convert()
    sys.exit()

precision, threads = sys.argv[3], int(sys.argv[4])
core = ov.Core()
settings = {'INFERENCE_PRECISION_HINT': precision, 'INFERENCE_NUM_THREADS': threads, 'NUM_STREAMS': 1, 'PERFORMANCE_HINT': 'LATENCY',
            'ENABLE_CPU_PINNING': False}
ran_in = precision  # until a compiled model says otherwise


def request(m):
    global ran_in
    compiled = core.compile_model(m, 'CPU', settings)
    ran_in = compiled.get_property('INFERENCE_PRECISION_HINT').get_type_name()
    return compiled.create_infer_request()


class Network:
    """A compiled network; shapes, if given, fix those of its inputs, which OpenVINO can then plan for."""

    def __init__(self, name, *shapes):
        m = core.read_model(converted / f'{name}.xml')
        if shapes:
            m.reshape(dict(zip(m.inputs, map(ov.PartialShape, shapes))))
        self.request = request(m)

    def __call__(self, *inputs):
        self.request.infer(list(inputs))
        return self.request.get_output_tensor(0).data.copy()


class Networks:
    """As cow.COW wants them; the UNet is compiled for any size, since a second copy for another would double the memory."""

    def __init__(self, side):
        self.text_network, self.unet_network, self.decoder = Network('text'), Network('unet'), Network('decoder', [1, 4, side // 8, side // 8])
        self.encoder = Network('encoder')

    def text(self):
        return self.text_network(np.arange(77)[None])

    def unet(self, x, t, context):
        return self.unet_network(x, np.float32(t), context)

    def encode(self, image):
        return np.split(self.encoder(image), 2, 1)

    def decode(self, latents):
        return self.decoder(latents.astype(np.float32))


def attention(masked):
    from openvino import opset13 as op
    shape = [1, 5, 4096, 64]
    inputs = [op.parameter(shape, np.float32) for _ in range(3)]
    node = op.scaled_dot_product_attention(*inputs, *([op.parameter([4096, 4096], np.float32)] if masked else []))
    if masked:
        inputs.append(node.input_value(3).get_node())
    compiled = request(ov.Model([node], inputs))
    values = [np.random.default_rng(0).standard_normal(shape).astype(np.float32)] * 3
    if masked:
        mask = np.zeros((4096, 4096), np.float32)
        mask[:2048, 2048:] = -1
        values.append(mask)
    return lambda: compiled.infer(values)


def prepare():
    """Returns what a run of the part does."""
    random = np.random.default_rng(0)
    normal = lambda *shape: random.standard_normal(shape).astype(np.float32)
    name, *rest = part.split('-')
    if name == 'attention':
        return attention('regions' in rest)
    if name == 'clip':
        n = Network('text')
        return lambda: n(np.arange(77)[None])
    if name == 'unet':
        side, batch = int(rest[0]), int(rest[1][1:])
        shapes = [[batch, 4, side, side], [], [batch, 77, core.read_model(converted / 'unet.xml').inputs[2].get_partial_shape()[2].get_length()]]
        n, x, context = Network('unet', *shapes), normal(*shapes[0]), normal(*shapes[2])
        return lambda: n(x, np.float32(501), context)
    if name == 'vae':
        shape, network = ([1, 3, 512, 512], 'encoder') if rest[0] == 'encode' else ([1, 4, 64, 64], 'decoder')
        n, x = Network(network, shape), normal(*shape)
        return lambda: n(x)
    if name == 'first':
        n = Networks(512)
        n.unet(normal(1, 4, 64, 64), 501, n.text())
        worker.stepped()
        sys.exit()
    side, cycles = int(rest[0]), 1 if 'c1' in rest else 10
    n = Networks(side)
    return lambda: COW(n, side, cycles).run()


run = prepare()
worker.serve(run, ran_in)

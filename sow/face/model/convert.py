"""Makes embedding.safetensors of dlib_face_recognition_resnet_model_v1.dat, the original in dlib's own format.

    pip install face_recognition_models==0.3.0 numpy safetensors
    python convert.py

The file has its layers from the input to the output: 29 times con_4 and affine_, then fc_2, each name followed by its tensor of parameters. An
affine layer does what its convolution could: y = g (w x + b) + a = (g w) x + (g b + a). So it is folded in. What is stored is float16.
"""

import importlib.util
import re
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
WIDTHS = [32] * 3 + [64] * 4 + [128] * 3 + [256] * 4  # of the residual blocks


def original():
    package = importlib.util.find_spec("face_recognition_models").submodule_search_locations[0]
    return (Path(package) / "models" / "dlib_face_recognition_resnet_model_v1.dat").read_bytes()


def integer(data, at):
    """dlib's serialized integer: a byte with the sign and the number of bytes that follow."""
    size = data[at] & 15
    value = int.from_bytes(data[at + 1 : at + 1 + size], "little")
    return (-value if data[at] & 128 else value), at + 1 + size


def tensor(data, at):
    version, at = integer(data, at)
    assert version == 2
    shape = []
    for _ in range(4):
        n, at = integer(data, at)
        shape.append(n)
    return np.frombuffer(data, "<f4", int(np.prod(shape)), at).astype(np.float64)


def layers(data):
    """The folded convolutions, (weight [out, in, k, k], bias [out]) in order, and the last layer's weight [128, 256], in float64."""
    convolutions, affines = [], []
    for m in re.finditer(rb"\x01.(con_4|affine_|fc_2)", data, re.S):
        at = m.end()
        if m[1] == b"fc_2":
            _, at = integer(data, at)
            _, at = integer(data, at)
            last = tensor(data, at).reshape(256, 128).T
        else:
            (convolutions if m[1] == b"con_4" else affines).append(tensor(data, at))
    folded, channels = [], 3
    for i, (c, affine) in enumerate(zip(convolutions, affines, strict=True)):
        gain, add = np.split(affine, 2)
        out, kernel = len(gain), 3 if i else 7
        weight, bias = c[:-out].reshape(out, channels, kernel, kernel), c[-out:]
        folded.append((weight * gain[:, None, None, None], bias * gain + add))
        channels = out
    return folded, last


def named(folded, last):
    names = ["stem"] + [f"blocks.{b}.conv{i}" for b in range(len(WIDTHS)) for i in (1, 2)]
    tensors = {"fc.weight": last}
    for name, (weight, bias) in zip(names, folded, strict=True):
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, bias
    return {name: np.ascontiguousarray(t, np.float16) for name, t in tensors.items()}


if __name__ == "__main__":
    save_file(named(*layers(original())), HERE / "embedding.safetensors", {"licence": "CC0-1.0", "origin": "dlib_face_recognition_resnet_model_v1.dat"})

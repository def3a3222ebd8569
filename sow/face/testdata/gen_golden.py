"""Makes golden.json and the chips beside it: what dlib sees in the photographs of examples/.

    pip install dlib-bin==20.0.1 face_recognition_models==0.3.0 numpy pillow torch
    python gen_golden.py

"loss" is what the weights in float16 alone lose against dlib: the distance of a chip's embedding by float64 arithmetic with those weights.
"""

import importlib.util
import json
import sys
from pathlib import Path

import dlib
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "model"))
import convert  # noqa: E402

models = Path(importlib.util.find_spec("face_recognition_models").submodule_search_locations[0]) / "models"
detector = dlib.get_frontal_face_detector()
landmarks = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
network = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))


def forward(chip, tensors):
    """dlib's network in float64."""
    t = {name: torch.tensor(v.astype(np.float64)) for name, v in tensors.items()}

    def conv(x, name, stride, padding):
        return F.conv2d(x, t[f"{name}.weight"], t[f"{name}.bias"], stride=stride, padding=padding)

    x = (torch.tensor(chip).double() - torch.tensor([122.782, 117.001, 104.298]).double()) / 256
    x = F.max_pool2d(F.relu(conv(x.permute(2, 0, 1)[None], "stem", 2, 0)), 3, 2)
    for b, width in enumerate(convert.WIDTHS):
        halves = b == 13 or b > 0 and width != convert.WIDTHS[b - 1]
        y = conv(F.relu(conv(x, f"blocks.{b}.conv1", 2 if halves else 1, 0 if halves else 1)), f"blocks.{b}.conv2", 1, 1)
        if halves:  # what lacks rows, columns or channels counts as 0 there
            x = F.avg_pool2d(x, 2, 2)
            h, c = max(x.shape[2], y.shape[2]), max(x.shape[1], y.shape[1])
            x, y = (F.pad(v, (0, h - v.shape[3], 0, h - v.shape[2], 0, c - v.shape[1])) for v in (x, y))
        x = F.relu(x + y)
    return (t["fc.weight"] @ x.mean((2, 3))[0]).numpy()


tensors = convert.named(*convert.layers(convert.original()))
golden = {}
for name, middle in [("astronaut", (160, 112)), ("grace_hopper", (256, 209))]:
    img = np.array(Image.open(HERE.parents[2] / "examples" / f"{name}.jpg").convert("RGB"))
    # dlib takes the astronaut's badge for a face too.
    [box] = [r for r in detector(img, 1) if r.contains(*middle)]
    shape = landmarks(img, box)
    corners = np.array([(p.x, p.y) for p in shape.parts()], np.float64)  # of the eye on the right, outer and inner, then of the other
    chip = dlib.get_face_chip(img, shape, 150, 0.25)
    Image.fromarray(chip).save(HERE / f"{name}-chip.png")
    embedding = np.array(network.compute_face_descriptor(chip))
    golden[name] = {
        "left": list(corners[2:4].mean(0)),
        "right": list(corners[0:2].mean(0)),
        "embedding": [round(float(v), 8) for v in embedding],
        "loss": float(np.linalg.norm(forward(chip, tensors) - embedding)),
    }
(HERE / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")

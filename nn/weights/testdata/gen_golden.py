"""Makes the files that the tests of package weights read: by safetensors itself, and as transformers and diffusers lay out folders.

    pip install torch diffusers==0.42.1 transformers==5.23.0 safetensors==0.8.0
    python gen_golden.py
"""
import json
import pathlib
import shutil

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

here = pathlib.Path(__file__).parent
torch.manual_seed(1)

# dtypes.safetensors: the same numbers in every dtype; values.json: what they are as float32, bit for bit, or as integers.
values = torch.randn(2, 3, 5, dtype=torch.float64) * torch.logspace(-6, 3, 5, dtype=torch.float64)
values[0, 0, 0], values[0, 0, 1], values[0, 1, 0] = 0.0, -0.0, 2.0**-24  # the last: the smallest half float
tensors = {str(d).removeprefix("torch."): values.to(d).contiguous() for d in (torch.float64, torch.float32, torch.float16, torch.bfloat16)}
bits = {name: t.float().flatten().view(torch.int32).tolist() for name, t in tensors.items()}
integers = torch.tensor([[0, -1, 2**31 - 1], [-(2**31), 7, 49407]])
tensors |= {"int64": integers * 3, "int32": integers.int(), "uint8": torch.arange(5, dtype=torch.uint8)}
tensors |= {"scalar": torch.tensor(0.5), "empty": torch.zeros(0, 3)}
bits["scalar"] = torch.tensor([0.5]).view(torch.int32).tolist()
save_file(tensors, here / "dtypes.safetensors", metadata={"format": "pt", "made by": "safetensors é"})
golden = {"bits": bits, "shape": list(values.shape), "int64": (integers * 3).flatten().tolist(), "int32": integers.flatten().tolist()}
(here / "values.json").write_text(json.dumps(golden) + "\n")


def layouts(model, name, base):
    """Saves a model whole, in shards, and both in half precision, as `variant="fp16"` does."""
    root = here / name
    shutil.rmtree(root, ignore_errors=True)
    model.save_pretrained(root / "whole")
    model.save_pretrained(root / "shards", max_shard_size=sum(t.nbytes for t in model.state_dict().values()) // 3)
    model.half()
    model.save_pretrained(root / "fp16", variant="fp16")
    model.save_pretrained(root / "fp16-shards", variant="fp16", max_shard_size=sum(t.nbytes for t in model.state_dict().values()) // 3)
    for config in root.glob("*/*config.json"):
        config.unlink()
    assert len(list((root / "shards").glob(base + "-*.safetensors"))) > 2, "want several shards"
    print(name, [p.name for p in root.glob("*/*")], sum(t.numel() for t in load_file(root / "whole" / (base + ".safetensors")).values()))


layouts(
    CLIPTextModel(CLIPTextConfig(vocab_size=40, hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=7)),
    "transformers",
    "model",
)
layouts(
    AutoencoderKL(block_out_channels=(8,), norm_num_groups=2, layers_per_block=1),
    "diffusers",
    "diffusion_pytorch_model",
)

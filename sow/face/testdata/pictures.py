"""Makes the pictures here and examples/astronaut.jpg, examples/grace_hopper.jpg, of those that come with scikit-image and matplotlib.

    pip install scikit-image==0.26.0 matplotlib==3.11.2 pillow==13.0.0
    python pictures.py

Where they are from is in examples/README.md and in README.md here.
"""

import importlib.util
import shutil
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"


def folder(package, *parts):
    return Path(importlib.util.find_spec(package).submodule_search_locations[0]).joinpath(*parts)


skimage = folder("skimage", "data")
shutil.copyfile(folder("matplotlib", "mpl-data", "sample_data", "grace_hopper.jpg"), EXAMPLES / "grace_hopper.jpg")
head = Image.open(skimage / "astronaut.png").convert("RGB").crop((64, 0, 384, 320))
head.save(EXAMPLES / "astronaut.jpg", quality=92, subsampling=0)
for name in ["coffee.png", "camera.png", "rocket.jpg", "hubble_deep_field.jpg"]:
    img = Image.open(skimage / name).convert("RGB")
    img.thumbnail((384, 384), Image.Resampling.BICUBIC)
    img.save(HERE / Path(name).with_suffix(".jpg"), quality=85)

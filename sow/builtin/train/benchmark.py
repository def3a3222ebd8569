"""Draws the heads of the benchmark (sow/eval/benchmark), none of which was trained on: a sheet of 9 by 8 heads of 64 pixels, transparent where
there is no head, and what each looks like. What the texts then ask for is decided in Go.

    python benchmark.py ../../eval/benchmark
    python benchmark.py DIR 105000000 16    # 16 rows of other heads, to choose numbers by
"""
import json
import sys

import numpy as np
from PIL import Image

import dataset
import scenes

FIRST = dataset.HELD_OUT + 3_000_000
ACROSS, DOWN, SIDE = 9, 8, 64
FILL = .92


def pupils(p):
    """Where draw_face puts them."""
    gap = p.r * (.88 if p.kind in ("girl", "boy") else .8) * .45
    return [(p.x + side * gap, p.y + p.r * .13) for side in (-1, 1)]


def main(folder, first=FIRST, down=DOWN):
    sheet, heads = Image.new("RGBA", (ACROSS * SIDE, down * SIDE)), []
    for k in range(ACROSS * down):
        image, mask, p = scenes.small_head(first + k, fill=FILL)
        kept = np.asarray(mask) > 127
        pixels = np.dstack([np.where(kept[..., None], np.asarray(image), 128), np.where(kept, 255, 0)]).astype(np.uint8)
        sheet.paste(Image.fromarray(pixels), (k % ACROSS * SIDE, k // ACROSS * SIDE))
        heads.append({"seed": first + k, "skin": list(p.skin), "kind": p.kind, "hair": p.hair, "hat": p.hat or "none", "glasses": "yes" if p.glasses else "no",
                      "beard": "yes" if p.beard else "no", "pupils": [[round(v, 2) for v in at] for at in pupils(p)]})
    sheet.save(f"{folder}/heads.png", optimize=True)
    with open(f"{folder}/heads.json", "w") as f:
        f.write("[\n" + ",\n".join(" " + json.dumps(h) for h in heads) + "\n]\n")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

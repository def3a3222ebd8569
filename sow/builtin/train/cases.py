"""Draws what is given to the method: the example faces and the fixed list of held-out cases. No seed here was trained on.

    python cases.py ../../../examples ../testdata/cases
"""
import json
import os
import sys

import numpy as np

import dataset
import scenes

EXAMPLES = {
    "face": dict(kind="girl", hair="brown", hairstyle="long", hat="red", glasses=False, mood="smiling", skin=scenes.SKINS[0], eye=scenes.EYES[1], beard=False),
    "boy": dict(kind="boy", hair="blond", hairstyle="short", hat=None, glasses=False, mood="surprised", skin=scenes.SKINS[1], eye=scenes.EYES[0], beard=False),
    "woman": dict(kind="woman", hair="pink", hairstyle="long", hat=None, glasses=False, mood="smiling", skin=scenes.SKINS[2], eye=scenes.EYES[2], beard=False),
    "man": dict(kind="man", hair="black", hairstyle="short", hat=None, glasses=True, mood="smiling", skin=scenes.SKINS[1], eye=scenes.EYES[2], beard=True),
}
FIRST = dataset.HELD_OUT + 1_000_000
FILL = .92


def prompt(p, scene, time):
    has = [f"{p.hair} hair"] + ([f"a {p.hat} hat"] if p.hat else []) + (["glasses"] if p.glasses else []) + (["a beard"] if p.beard else [])
    has = ", ".join(has[:-1]) + " and " + has[-1] if len(has) > 1 else has[0]
    return f"a {p.kind} with {has} wearing a {p.shirt} shirt {scenes.WHERE[scene]}" + ("" if time == "day" else " " + scenes.WHEN[time])


def write_examples(folder):
    os.makedirs(folder, exist_ok=True)
    for k, (name, person) in enumerate(EXAMPLES.items()):
        image, mask, _ = scenes.small_head(FIRST - 100 + k, person=person, fill=FILL)
        mask = mask.point(lambda v: 255 if v > 127 else 0)
        image.putalpha(mask)  # cut out: what is not transparent is kept, so that the examples need no --mask ...
        image.save(f"{folder}/{name}.png", optimize=True)
        mask.save(f"{folder}/{name}-mask.png", optimize=True)  # ... which is here all the same, to show it


def write_cases(folder, count=16):
    os.makedirs(folder, exist_ok=True)
    cases = []
    for k in range(count):
        seed = FIRST + k
        rng = np.random.default_rng(seed)
        shirt = list(scenes.SHIRTS)[k % 6]
        image, mask, p = scenes.small_head(seed, person={"shirt": shirt}, fill=FILL)
        scene, time = scenes.SCENES[k % 7], scenes.TIMES[int(rng.choice(3, p=[.6, .2, .2]))]
        image.save(f"{folder}/{k:02d}.png", optimize=True)
        mask.point(lambda v: 255 if v > 127 else 0).save(f"{folder}/{k:02d}-mask.png", optimize=True)
        cases.append({"face": f"{k:02d}.png", "mask": f"{k:02d}-mask.png", "seed": seed, "prompt": prompt(p, scene, time),
                      "attributes": {"scene": scene, "time": time, "kind": p.kind, "shirt": p.shirt, "hair": p.hair, "hat": p.hat or "none",
                                     "glasses": "yes" if p.glasses else "no"}})
    with open(f"{folder}/cases.json", "w") as f:
        json.dump(cases, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    write_examples(sys.argv[1])
    write_cases(sys.argv[2])

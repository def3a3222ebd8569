"""Draws the training set once, in shards of 1000 pictures, so that no training step waits for a drawing.

    python dataset.py DIR FIRST COUNT          # shards FIRST .. FIRST+COUNT-1; start several to use several cores

A shard is shard-NNNN.npz: image [1000,128,128,3] uint8, box [1000,4], and shard-NNNN.json: four captions and the
attributes of every picture. Shard 9000 and up hold small heads: [1000,64,64,3], a head that fills its picture.
Seeds below 100 million are for training; everything that judges the model starts above (HELD_OUT).
"""
import json
import os
import sys

import numpy as np

import scenes

SHARD = 1000
SMALL = 9000
HELD_OUT = 100_000_000


def captions(s, seed, n=4):
    return [scenes.caption(s, np.random.default_rng((seed, k))) for k in range(n)]


def draw(number):
    images, boxes, notes = [], [], []
    for seed in range(number * SHARD, (number + 1) * SHARD):
        if number >= SMALL:
            image, mask, p = scenes.small_head(seed)
            s = scenes.Sample(image, mask, "head", p, None, None, "normal", "plain", (0, 0, 64, 64))
        else:
            s = scenes.sample(seed)
        images.append(np.asarray(s.image))
        boxes.append(s.box)
        notes.append({"captions": captions(s, seed), "kind": s.kind, "quality": s.quality, **scenes.attributes(s)})
    return np.stack(images), np.array(boxes, np.float32), notes


def load(folder, number):
    with np.load(f"{folder}/shard-{number:04d}.npz") as f:
        images, boxes = f["image"], f["box"]
    with open(f"{folder}/shard-{number:04d}.json") as f:
        return images, boxes, json.load(f)


def ready(folder, small=False):
    """The numbers of the shards that lie complete in folder."""
    numbers = sorted(int(n[6:10]) for n in os.listdir(folder) if n.startswith("shard-") and n.endswith(".npz"))
    return [n for n in numbers if (n >= SMALL) == small]


if __name__ == "__main__":
    folder, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.makedirs(folder, exist_ok=True)
    for number in range(first, first + count):
        images, boxes, notes = draw(number)
        with open(f"{folder}/shard-{number:04d}.json", "w") as f:
            json.dump(notes, f)
        np.savez(f"{folder}/part-{number:04d}.npz", image=images, box=boxes)
        os.replace(f"{folder}/part-{number:04d}.npz", f"{folder}/shard-{number:04d}.npz")  # complete or absent

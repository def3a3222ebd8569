"""The tokenizer, trained on the captions in CLIP's form (vocab.json, merges.txt), and the text encoder's shape.

    python text.py DATA tokenizer_dir
"""
import json
import os
import re
import sys
from collections import Counter

from transformers import CLIPTextConfig, CLIPTextModel

import dataset

LENGTH = 40  # positions; the longest caption takes 39
START, END = "<|startoftext|>", "<|endoftext|>"
EXTRA = ["a bad quality and low resolution image, extra fingers, deformed hands", "human face, a high quality and colorful image",
         "the a an of and with without no one two person people portrait photo picture hat hair shirt face head body"]


def byte_letters():
    """CLIP writes every byte as a printable letter."""
    kept = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + k) for k in range(len(rest))]


def train(words):
    """Byte pair encoding until every word is one token: the most frequent pair of neighbours becomes a new token."""
    parts = {w: [*w[:-1], w[-1] + "</w>"] for w in words}
    merges = []
    while True:
        pairs = Counter()
        for w, p in parts.items():
            for pair in zip(p, p[1:]):
                pairs[pair] += words[w]
        if not pairs:
            return merges
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for w, p in parts.items():
            k = 0
            while k < len(p) - 1:
                if (p[k], p[k + 1]) == best:
                    p[k:k + 2] = [p[k] + p[k + 1]]
                k += 1


def write(captions, folder):
    words = Counter(re.findall(r"[a-z]+|[^\sa-z]", " ".join(captions)))
    merges = train(words)
    letters = byte_letters()
    tokens = letters + [x + "</w>" for x in letters] + ["".join(m) for m in merges] + [START, END]
    os.makedirs(folder, exist_ok=True)

    def put(name, value):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as f:
            json.dump(value, f, ensure_ascii=False, indent=2 if name != "vocab.json" else None)
            f.write("\n")

    put("vocab.json", {t: k for k, t in enumerate(tokens)})
    with open(f"{folder}/merges.txt", "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    special = lambda content: {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": content != "!"}
    put("special_tokens_map.json", {"bos_token": special(START), "eos_token": special(END), "unk_token": special(END), "pad_token": "!"})
    put("tokenizer_config.json", {"tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "do_lower_case": True, "errors": "replace",
                                  "add_prefix_space": False, "bos_token": special(START), "eos_token": special(END),
                                  "unk_token": special(END), "pad_token": "!"})
    return len(tokens)


def encoder(tokens):
    """CLIP's text transformer, 96 wide. Pads with "!" (0), as SD 2.1 does."""
    return CLIPTextModel(CLIPTextConfig(vocab_size=tokens, hidden_size=96, intermediate_size=384, num_hidden_layers=2, num_attention_heads=3,
                                        max_position_embeddings=LENGTH, hidden_act="gelu", projection_dim=96,
                                        bos_token_id=tokens - 2, eos_token_id=tokens - 1, pad_token_id=0))


def all_captions(folder):
    for n in [*dataset.ready(folder), *dataset.ready(folder, small=True)]:
        with open(f"{folder}/shard-{n:04d}.json") as f:
            for note in json.load(f):
                yield from note["captions"]


if __name__ == "__main__":
    count = write([*all_captions(sys.argv[1]), *EXTRA * 100], sys.argv[2])
    print(count, "tokens")

#!/usr/bin/env python3
"""Writes tokenizer/ (a small CLIP vocabulary) and tokenizer_golden.json: what transformers' CLIPTokenizer makes of nasty texts with it.

Usage: python gen_tokenizer_golden.py (transformers 5.23.0, tokenizers 0.23.3)

Each variant of the golden is a set of files laid over tokenizer/: the special tokens as Stable Diffusion 1.x and 2.x and later tools spell
them, a vocabulary with holes, merges in an order no training would give, and the single tokenizer.json that transformers 5 saves.
"""
import json
import pathlib
import random
import shutil
import tempfile

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

HERE = pathlib.Path(__file__).parent
BASE = HERE / "tokenizer"
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
WORDS = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""

CORPUS = """
a photo of a girl with a red hat in a snowy forest, highly detailed, sharp focus, trending on artstation
a portrait of an old man with a white beard, oil painting, dramatic lighting, by rembrandt
the quick brown fox jumps over the lazy dog; it's what they've always said, and we'll say it's true
a bad quality and low resolution image, extra fingers, deformed hands
a high quality and colorful image, human face, 4k, 8k uhd, 35mm photograph, f/1.8
he's sure that you're right, she'd say they're wrong, i'm not, don't!
ein schönes mädchen mit rotem hut im verschneiten wald, straße, größe, über
une jeune fille élégante à la fenêtre, château, œuvre, forêt enneigée
красивая девушка в красной шапке в снежном лесу
雪の森の赤い帽子の少女 赤い帽子をかぶった女の子 美丽的女孩 빨간 모자를 쓴 소녀
فتاة جميلة بقبعة حمراء  एक लड़की लाल टोपी में
😀 🎉 ❤️ 👩‍👩‍👧‍👦 🇫🇷 !!! ... ?! -- (( )) :::
"""


def byte_symbols():
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def train():
    """Merges from the corpus; the vocabulary is laid out as CLIP's: bytes, bytes at a word's end, merges, marks."""
    t = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(vocab_size=700, end_of_word_suffix="</w>", initial_alphabet=byte_symbols(), show_progress=False)
    t.train_from_iterator(CORPUS.strip().split("\n") * 3, trainer)
    with tempfile.TemporaryDirectory() as d:
        t.model.save(d)
        return [line for line in (pathlib.Path(d) / "merges.txt").read_text(encoding="utf8").splitlines() if not line.startswith("#version")]


def vocabulary(merges, without=()):
    tokens = byte_symbols()
    tokens += [s + "</w>" for s in tokens]
    tokens = [t for t in tokens if t not in without]
    tokens += dict.fromkeys(m.replace(" ", "") for m in merges)
    tokens += [BOS, EOS]
    assert len(tokens) == len(set(tokens))
    return {t: i for i, t in enumerate(tokens)}


def vocab_json(v):
    return json.dumps(v, ensure_ascii=False, separators=(",", ":"))


def merges_txt(merges):
    return "#version: 0.2\n" + "".join(m + "\n" for m in merges)


def token(content, normalized=True, **more):
    return {"content": content, "lstrip": False, "normalized": normalized, "rstrip": False, "single_word": False, **more}


def saved_token(content):
    return {"__type": "AddedToken", **token(content)}


TEXTS = [
    "", " ", "\t\n", "a photo of a girl with a red hat in a snowy forest", "A Photo, of a GIRL!!", "hello!world ! !!", "!", "  many   spaces\there\n",
    "it's you're they've we'll i'm don't she'd o'clock 's 'S it'S", "'", "''s", "don\u2019t", "rock'n'roll '90s", "100 1,000.50 ½ ² Ⅷ ٣٤ 一二三", "4k 8K UHD f/1.8",
    "😀 😀😀 ❤️ 👩‍👩‍👧‍👦 🇫🇷 👍🏽", "café cafe\u0301 CAFE\u0301", "a\u0323\u0307 a\u0307\u0323 ê\u0323 q\u0301\u0301\u0301", "\u0301 leading mark", "ﬁ ﬂ ﬀ ŀ ĳ",
    "İstanbul Iı iİ I\u0307", "ẞ ß SS ſ K Å Ω", "ΑΣ ΣΑΣ σς", "ǅ ǈ Ǆ", "雪の森の赤い帽子の少女", "赤い帽子　全角", "빨간 모자 \u1100\u1161\u11a8", "फ़ क\u093c ড\u09bc",
    "فتاة جميلة", "שלום", "красивая ДЕВУШКА", "nbsp\u00a0here\u202fthere\u2003em", "zero\u200bwidth\u200djoin\ufeffbom\u00adshy", "\u0085next\u2028line\u2029par",
    "a\x00b\x01\x1b[0m\x7f\x1c\x1d\x1e\x1f\x0b\x0cz", "\ufffd\ufffe\uffff", "\U0010ffff\U000e0041", "x" * 300, "ab" * 200 + "c", "aaaaaaaaaaaaaaaaaaaaab", "abcd abc bcd aab",
    "<|startoftext|>", "a<|endoftext|>b", "<|ENDOFTEXT|> <|StartOfText|>", "<|endoftext|", "<|<|endoftext|>|>", "!!<|startoftext|>!!", "<|EndOfText|>?!",
    "<sks> toy <SKS>", "<pad> [PAD]", "</w> a</w>", "#version: 0.2", "\\ \" ` ~ ^ _ | @", "a_b-c.d/e", "https://example.com/a?b=c&d=1", "..?!...", "αβγ123abc!?", "a1b2c3",
    "Ａｂｃ１２３", "ᏣᎳᎩ ꭰ", "𝐇𝐞𝐥𝐥𝐨 𝟘", "\u1e9b\u0323", "\u212b\u2126", "Straße GRÖSSE", "a bad quality and low resolution image,extra fingers,deformed hands",
    "a high quality and colorful image, " * 12,
]


def random_texts(n):
    r = random.Random(0)
    ranges = [(32, 127), (32, 127), (97, 123), (160, 384), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0x980), (0x1E00, 0x2070), (0x2190, 0x2300),
              (0x3040, 0x3100), (0x4E00, 0x4F00), (0xAC00, 0xAD00), (0xFB00, 0xFB10), (0x1F600, 0x1F650), (0, 33)]
    pieces = ["'s", "'ll", "!", EOS, BOS.upper(), " ", "  ", "the", "red", "'"]
    out = []
    for _ in range(n):
        s = ""
        for _ in range(r.randint(1, 14)):
            s += r.choice(pieces) if r.random() < 0.3 else "".join(chr(r.randrange(*r.choice(ranges))) for _ in range(r.randint(1, 3)))
        out.append(s)
    return out


def main():
    merges = train()
    shutil.rmtree(BASE, ignore_errors=True)
    BASE.mkdir()
    (BASE / "vocab.json").write_text(vocab_json(vocabulary(merges)), encoding="utf8")
    (BASE / "merges.txt").write_text(merges_txt(merges), encoding="utf8")
    size = len(vocabulary(merges))

    # As the repositories of SD 1.5 and 2.1 have them: tokenizer_config.json the same, the pad token only in special_tokens_map.json.
    config = {
        "add_prefix_space": False, "bos_token": saved_token(BOS), "do_lower_case": True, "eos_token": saved_token(EOS), "errors": "replace",
        "model_max_length": 77, "pad_token": EOS, "tokenizer_class": "CLIPTokenizer", "unk_token": saved_token(EOS),
    }
    marks = {"bos_token": token(BOS), "eos_token": token(EOS), "unk_token": token(EOS)}
    decoder = {"0": token("!", False, special=True), str(size - 2): token(BOS, special=True), str(size - 1): token(EOS, special=True)}
    strings = {"bos_token": BOS, "eos_token": EOS, "unk_token": EOS, "tokenizer_class": "CLIPTokenizer"}
    tricky = ["ab c", "a b", "b c", "c d", "c d</w>", "abc d</w>", "a a", "aa aa", "aa a", "b c</w>", "aaa b</w>", "ab c</w>"]
    tricky = sorted(tricky, key=lambda m: len(m.replace(" ", "")))[::-1]  # products before their parts
    holes = vocabulary(merges, without=("é", "Ã", "x", "z</w>", "ð</w>", "Ń"))

    def js(obj):
        return json.dumps(obj, ensure_ascii=False)

    variants = {
        "none": {},
        "sd1": {"tokenizer_config.json": js(config), "special_tokens_map.json": js(marks | {"pad_token": EOS})},
        "sd2": {"tokenizer_config.json": js(config), "special_tokens_map.json": js(marks | {"pad_token": "!"})},
        "decoder": {
            "tokenizer_config.json": js(strings | {"pad_token": "!", "added_tokens_decoder": decoder}),
            "special_tokens_map.json": js({"pad_token": EOS}),  # not read when there is a decoder
        },
        "textual inversion": {
            "tokenizer_config.json": js(strings | {"pad_token": EOS}),
            "added_tokens.json": js({"<sks>": size, "girl with": size + 1, EOS: size - 1}),
        },
        "tricky merges": {"vocab.json": vocab_json(vocabulary(tricky)), "merges.txt": merges_txt(tricky)},
        "holes": {"vocab.json": vocab_json(holes), "merges.txt": merges_txt([m for m in merges if all(p in holes for p in [*m.split(), m.replace(" ", "")])])},
    }
    out, texts = {}, TEXTS + random_texts(200)
    for name, files in variants.items():
        with tempfile.TemporaryDirectory() as d:
            d = pathlib.Path(d)
            for f in ("vocab.json", "merges.txt"):
                shutil.copy(BASE / f, d)
            for f, text in files.items():
                (d / f).write_text(text, encoding="utf8")
            t = CLIPTokenizer.from_pretrained(d)
            chosen = texts if name == "sd2" else TEXTS[:20] + [x for x in TEXTS if "<" in x or "aa" in x or "ab" in x or "xx" in x]
            encoded = [t(x).input_ids for x in chosen]
            out[name] = {"files": files, "pad": t.pad_token_id, "size": len(t), "texts": [{"text": x, "ids": ids, "decoded": t.decode(ids)} for x, ids in zip(chosen, encoded)]}
            if name in ("sd1", "sd2"):
                # What StableDiffusionPipeline gives its text encoder, and what it warns about having cut off.
                out[name]["fitted"] = [
                    {"text": x, "length": n, "ids": t(x, padding="max_length", max_length=n, truncation=True).input_ids,
                     "cut": t.decode(ids[n - 1 : -1]) if len(ids) > n else ""}
                    for x, ids in zip(chosen[: len(TEXTS)], encoded) for n in (2, 9, 77) if n == 9 or (n == 2 and len(x) < 9) or len(ids) > 77
                ]
            if name == "sd2":  # the same tokenizer as transformers 5 saves it: tokenizer.json and tokenizer_config.json only
                with tempfile.TemporaryDirectory() as saved:
                    t.save_pretrained(saved)
                    single = json.loads((pathlib.Path(saved) / "tokenizer.json").read_text(encoding="utf8"))
                    (BASE / "tokenizer.json").write_text(json.dumps(single, ensure_ascii=False, separators=(",", ":")), encoding="utf8")
                    again = CLIPTokenizer.from_pretrained(saved)
                    assert all(again(x).input_ids == ids for x, ids in zip(chosen, encoded))
    # tokenizer.json lies beside the two files of the other layout only here: the tests lay out either one.
    (HERE / "tokenizer_golden.json").write_text(json.dumps(out, ensure_ascii=True, separators=(",", ":")).replace('{"text"', '\n{"text"') + "\n")


if __name__ == "__main__":
    main()

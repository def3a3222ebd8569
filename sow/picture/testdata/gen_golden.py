"""Makes the pictures and numbers that the tests of package picture compare with.

    pip install torch diffusers==0.42.1 pillow==13.0.0 scikit-image==0.26.0
    python gen_golden.py

Pictures are a small drawn pattern, written by Pillow and read back by Pillow; resizing is Pillow's, nearest torch's, the conversion to
bytes diffusers', PSNR and SSIM scikit-image's.
"""
import base64
import io
import json
import pathlib
import struct
import zlib

import numpy as np
import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image, ImageOps, PngImagePlugin
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

here = pathlib.Path(__file__).parent
golden = {"read": {}, "resize": [], "nearest": [], "compare": {}}


def b64(a):
    return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()


# --- reading -----------------------------------------------------------------------------------------------------------------------
W, H = 24, 16
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 10 + 5, y * 15 + 5, 200 - x * 4 - y * 4], -1).astype(np.uint8)  # smooth: JPEG keeps it
alpha = np.clip(x * 12 - 20, 0, 255).astype(np.uint8)
rgba = np.concatenate([rgb, alpha[..., None]], -1)
picture, cutout = Image.fromarray(rgb), Image.fromarray(rgba)


def expect(name, tolerance):
    """Records what Pillow reads from a file, upright, as RGBA."""
    im = Image.open(here / name)
    im.seek(0)
    im = ImageOps.exif_transpose(im).convert("RGBA")
    golden["read"][name] = {"width": im.width, "height": im.height, "tolerance": tolerance, "rgba": b64(np.array(im))}


def save(name, im, tolerance=0, **options):
    im.save(here / name, **options)
    expect(name, tolerance)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(name, samples, colour):
    """Writes a 16-bit PNG, which Pillow cannot for RGB; expected are the samples rounded to 8 bits."""
    h, w = samples.shape[:2]
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    (here / name).write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, colour, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    )
    v = ((samples.astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8)
    if v.ndim == 2:
        v = np.stack([v] * 3, -1)
    if v.shape[2] == 3:
        v = np.concatenate([v, np.full((h, w, 1), 255, np.uint8)], -1)
    golden["read"][name] = {"width": w, "height": h, "tolerance": 0, "rgba": b64(v)}


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e


fine = dict(quality=95, subsampling=0)
save("rgb.png", picture)
save("rgba.png", cutout)
save("gray.png", picture.convert("L"))
save("gray-alpha.png", cutout.convert("LA"))
save("palette.png", picture.quantize(16))
save("palette-transparent.png", picture.quantize(16), transparency=3)
save("bilevel.png", picture.convert("1"))
save("exif.png", picture, exif=exif(6))
save("animated.png", picture, save_all=True, append_images=[ImageOps.invert(picture)])
png16("rgb16.png", rgb.astype(np.uint16) * 257 + x[..., None].astype(np.uint16), 2)
png16("gray16.png", (x * 2700 + y * 11).astype(np.uint16), 0)
png16("rgba16.png", np.concatenate([rgb.astype(np.uint16) * 255, (x * 2000)[..., None].astype(np.uint16)], -1), 6)
# Pillow and Go round the inverse cosine transform and the colour conversion differently: 2 levels.
save("rgb.jpg", picture, 2, **fine)
save("progressive.jpg", picture, 2, progressive=True, **fine)
save("gray.jpg", picture.convert("L"), 2, **fine)
save("cmyk.jpg", picture.convert("CMYK"), 3, **fine)
for o in range(1, 9):
    save(f"exif{o}.jpg", picture, 2, exif=exif(o), **fine)
save("rgb.gif", picture.quantize(64))
save("animated.gif", picture.quantize(64), save_all=True, append_images=[ImageOps.invert(picture).quantize(64)], duration=100)
save("lossless.webp", cutout, lossless=True, exact=True)
# libwebp interpolates the halved chroma, x/image repeats it, which is half a pixel off in x and y: B - Y falls here by 6.5 and 12.4
# levels a pixel, so 9.5 levels, and 2 of rounding.
save("lossy.webp", picture, 12, quality=100)
save("lossy-alpha.webp", cutout, 12, quality=100, alpha_quality=100, exact=True)
save("exif.webp", picture, exif=exif(8), lossless=True)
picture.save(here / "animated.webp", save_all=True, append_images=[ImageOps.invert(picture)], duration=100, lossless=True)  # refused
save("rgb.bmp", picture)
save("rgb.tiff", picture)
save("lzw.tiff", picture, compression="tiff_lzw")
Image.new("RGB", (W, H), (200, 30, 90)).save(here / "flat.webp", quality=100)  # one colour: shows a wrong conversion from YCbCr
expect("flat.webp", 2)

texts = PngImagePlugin.PngInfo()
texts.add_text("parameters", "plain \u00fc")
texts.add_text("long", "compressed " * 50, zip=True)
texts.add_itxt("snow", "\u96ea" * 50, lang="zh", tkey="\u96ea", zip=True)
save("texts.png", picture, pnginfo=texts)

# --- resizing ----------------------------------------------------------------------------------------------------------------------
rng = np.random.default_rng(1)
noise = rng.integers(0, 256, (23, 37, 4), dtype=np.uint8)
opaque = noise.copy()
opaque[..., 3] = 255
golden["resizeInput"] = {"width": 37, "height": 23, "alpha": b64(noise), "opaque": b64(opaque)}
for kind, a in (("opaque", opaque), ("alpha", noise)):
    for w, h in ((16, 16), (64, 48), (37, 9), (5, 23), (1, 1), (100, 3)):
        # Rows, then columns, said in so many words: Pillow 13 itself swaps the two where that is less work.
        im = Image.fromarray(a).convert("RGBa")
        im = im.resize((w, im.height), Image.Resampling.BICUBIC).resize((w, h), Image.Resampling.BICUBIC)
        out = np.array(im.convert("RGBA"))
        golden["resize"].append({"input": kind, "width": w, "height": h, "rgba": b64(out)})
mask = (noise[..., 0] > 128).astype(np.uint8) * 255
golden["nearestInput"] = b64(mask)
for w, h in ((37, 23), (8, 8), (74, 46), (5, 40), (1, 1)):
    out = torch.nn.functional.interpolate(torch.from_numpy(mask)[None, None].float(), size=(h, w), mode="nearest")
    golden["nearest"].append({"width": w, "height": h, "gray": b64(out[0, 0].numpy().astype(np.uint8))})

# --- tensors -----------------------------------------------------------------------------------------------------------------------
halves = (np.arange(0, 255) + 0.5) / 255 * 2 - 1
values = np.concatenate([halves, rng.uniform(-1.2, 1.2, 210), [-5, 5, 0]]).astype(np.float32).reshape(1, 12, 13, 3)
pil = VaeImageProcessor().postprocess(torch.from_numpy(values).permute(0, 3, 1, 2), output_type="pil")[0]
golden["bytes"] = {"float32": b64(values), "width": 13, "height": 12, "rgb": b64(np.array(pil))}

# --- comparing ---------------------------------------------------------------------------------------------------------------------
a = np.clip(120 + 60 * np.sin(np.mgrid[0:27, 0:33][1] / 4)[..., None] + rng.normal(0, 20, (27, 33, 3)), 0, 255).astype(np.uint8)
b = np.clip(a + rng.normal(3, 15, a.shape), 0, 255).astype(np.uint8)
ssim = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2, data_range=255)
golden["compare"] = {"width": 33, "height": 27, "a": b64(a), "b": b64(b), "psnr": float(peak_signal_noise_ratio(a, b)), "ssim": float(ssim)}

(here / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")

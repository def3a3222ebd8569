"""Deterministic cartoon pictures: a seed gives a picture, its attributes, a caption and the mask of the head.

Everything the built-in model has ever seen is drawn here. The pictures are flat and large on purpose: a face fills
about a fifth of the canvas, a shirt another fifth, and a scene is told by a handful of shapes, so that a model of a
few million parameters can learn them in an hour.

    python scenes.py grid.png          # look at 8x6 of them
"""
import math
import re
import sys
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 128  # pixels of a picture's side
OVER = 3    # each pixel is the mean of OVER x OVER drawn ones: smooth edges
GREY = (128, 128, 128)

SCENES = ["beach", "snowy forest", "city", "meadow", "desert", "mountains", "room"]
TIMES = ["day", "sunset", "night"]
STYLES = ["normal", "pencil", "watercolour", "pixel"]
PERSONS = ["girl", "boy", "woman", "man"]
SHIRTS = {"red": (214, 48, 49), "blue": (52, 102, 214), "green": (56, 158, 78), "yellow": (246, 205, 60),
          "purple": (134, 66, 172), "white": (240, 240, 244)}
HATS = {name: SHIRTS[name] for name in ("red", "blue", "green", "yellow")}
HAIRS = {"black": (38, 34, 40), "brown": (112, 66, 36), "blond": (238, 204, 106), "red": (196, 78, 30),
         "pink": (246, 128, 182)}
SKINS = [(255, 224, 196), (240, 196, 158), (206, 150, 108), (142, 92, 62)]
EYES = [(70, 110, 180), (74, 128, 72), (96, 62, 38)]
MOODS = ["smiling", "sad", "surprised"]


@dataclass
class Person:
    kind: str
    skin: tuple
    eye: tuple
    hair: str
    hairstyle: str      # long, short, curly
    shirt: str
    mood: str
    hat: str | None
    glasses: bool
    beard: bool
    x: float = 64       # centre of the face
    y: float = 32
    r: float = 25       # half its height


@dataclass
class Sample:
    image: Image.Image            # SIZE x SIZE, RGB
    mask: Image.Image             # white where the head is
    kind: str                     # scene, portrait, head, empty
    person: Person | None
    scene: str | None
    time: str | None
    style: str
    quality: str                  # plain, good, bad
    box: tuple = field(default=(0, 0, 0, 0))  # around the head: left, top, right, bottom


# ---------------------------------------------------------------- colours

def mix(a, b, t):
    return tuple(int(round(x + (y - x) * t)) for x, y in zip(a, b))


def shade(c, t):
    """Darker for t < 0, lighter for t > 0."""
    return mix(c, (0, 0, 0), -t) if t < 0 else mix(c, (255, 255, 255), t)


# ---------------------------------------------------------------- pen

class Pen:
    """Draws in picture coordinates on an OVER times larger sheet; what is drawn while `head` is set is in the mask."""

    def __init__(self, background=GREY):
        side = SIZE * OVER
        self.sheet = Image.new("RGB", (side, side), background)
        self.cover = Image.new("L", (side, side), 0)
        self.on_sheet, self.on_cover = ImageDraw.Draw(self.sheet), ImageDraw.Draw(self.cover)
        self.head = False

    def _both(self, name, points, color, **kw):
        getattr(self.on_sheet, name)(points, fill=color, **kw)
        if self.head:
            getattr(self.on_cover, name)(points, fill=255, **kw)

    def ellipse(self, x, y, rx, ry, color):
        self._both("ellipse", [(x - rx) * OVER, (y - ry) * OVER, (x + rx) * OVER, (y + ry) * OVER], color)

    def poly(self, points, color):
        self._both("polygon", [(x * OVER, y * OVER) for x, y in points], color)

    def rect(self, x0, y0, x1, y1, color):
        self._both("rectangle", [x0 * OVER, y0 * OVER, x1 * OVER, y1 * OVER], color)

    def line(self, points, width, color):
        self._both("line", [(x * OVER, y * OVER) for x, y in points], color, width=max(1, round(width * OVER)), joint="curve")

    def chord(self, x, y, rx, ry, start, end, color):
        self._both("chord", [(x - rx) * OVER, (y - ry) * OVER, (x + rx) * OVER, (y + ry) * OVER], color, start=start, end=end)

    def arc(self, x, y, rx, ry, start, end, width, color):
        self._both("arc", [(x - rx) * OVER, (y - ry) * OVER, (x + rx) * OVER, (y + ry) * OVER], color,
                   start=start, end=end, width=max(1, round(width * OVER)))

    def gradient(self, y0, y1, top, bottom):
        y0, y1 = round(y0 * OVER), round(y1 * OVER)
        t = np.linspace(0, 1, max(1, y1 - y0))[:, None]
        column = np.array(top) * (1 - t) + np.array(bottom) * t
        band = Image.fromarray(column.round().astype(np.uint8)[:, None])
        self.sheet.paste(band.resize((SIZE * OVER, y1 - y0)), (0, y0))

    def done(self):
        return self.sheet.reduce(OVER), self.cover.reduce(OVER)


# ---------------------------------------------------------------- places

SKY = {"day": ((92, 170, 236), (206, 234, 250)), "sunset": ((96, 62, 132), (255, 158, 84)), "night": ((14, 20, 52), (44, 58, 108))}


def light(color, time):
    """What a thing of this colour looks like at this time of day."""
    r, g, b = color
    if time == "sunset":
        return mix((r, int(g * .88), int(b * .82)), (240, 120, 90), .10)
    if time == "night":
        return (int(r * .34), int(g * .40), int(b * .58) + 14)
    return color


def ridge(rng, y, height, bumps, phase=None):
    """A wavy horizon as a polygon down to the lower border."""
    phase = rng.uniform(0, 6.3) if phase is None else phase
    top = [(x, y - height * (.5 + .5 * math.sin(phase + bumps * x / SIZE * 6.283))) for x in range(-4, SIZE + 9, 4)]
    return top + [(SIZE + 8, SIZE + 4), (-4, SIZE + 4)]


def sky(pen, rng, time, horizon):
    pen.gradient(0, horizon + 2, *SKY[time])
    x = rng.choice([rng.uniform(8, 28), rng.uniform(100, 120)])
    if time == "day":
        for _ in range(rng.integers(1, 4)):
            cx, cy, s = rng.uniform(0, 128), rng.uniform(6, horizon * .6), rng.uniform(4, 7)
            for dx, dy, k in ((-1.3, .2, .8), (0, 0, 1.1), (1.3, .25, .75)):
                pen.ellipse(cx + dx * s, cy + dy * s, s * k * 1.3, s * k * .8, (250, 252, 255))
        pen.ellipse(x, rng.uniform(12, 20), 7, 7, (255, 236, 130))
    elif time == "sunset":
        y = horizon - rng.uniform(4, 16)
        pen.ellipse(x, y, 14, 14, (255, 184, 96))
        pen.ellipse(x, y, 10.5, 10.5, (255, 226, 130))
    else:
        for _ in range(18):
            s = rng.uniform(.5, 1.0)
            pen.ellipse(rng.uniform(0, 128), rng.uniform(0, horizon), s, s, (236, 238, 255))
        y = rng.uniform(12, 22)
        pen.ellipse(x, y, 7.5, 7.5, (246, 242, 214))
        pen.ellipse(x + 3.2, y - 1.6, 6.2, 6.2, mix(*SKY[time], (y - 1) / horizon))


def beach(pen, rng, time):
    sea, sand = rng.uniform(52, 62), rng.uniform(82, 92)
    sky(pen, rng, time, sea)
    pen.gradient(sea, sand + 6, light((24, 120, 190), time), light((92, 204, 214), time))
    for _ in range(6):
        y, x = rng.uniform(sea + 4, sand - 3), rng.uniform(-10, 118)
        pen.line([(x, y), (x + rng.uniform(10, 24), y)], 1.2, light((190, 236, 240), time))
    pen.poly(ridge(rng, sand + 3.5, 5, 1), light((240, 250, 250), time))
    pen.poly(ridge(rng, sand + 6, 5, 1), light((240, 214, 150), time))
    if rng.random() < .5:
        x = rng.uniform(6, 122)
        pen.poly([(x, sea - 14), (x, sea - 1), (x + 9, sea - 1)], light((250, 250, 250), time))
        pen.poly([(x - 6, sea), (x + 11, sea), (x + 8, sea + 4), (x - 3, sea + 4)], light((176, 70, 50), time))
    side = rng.choice([-1, 1])
    x0 = 64 + side * rng.uniform(44, 56)
    x1, y1 = x0 - side * 6, rng.uniform(26, 40)
    pen.line([(x0, 112), (x0 - side * 1, 80), (x0 - side * 3, 56), (x1, y1)], 4.5, light((140, 96, 54), time))
    leaf = light((44, 148, 70), time)
    for a in (-2.9, -2.2, -1.2, -.4, .2, 2.9):
        tip = (x1 + 21 * math.cos(a), y1 + 14 * math.sin(a) + 5)
        mid = (x1 + 11 * math.cos(a), y1 + 12 * math.sin(a) - 4)
        pen.poly([(x1, y1 - 2), mid, tip, (mid[0], mid[1] + 5), (x1, y1 + 2)], leaf)


def pine(pen, x, y, h, time):
    pen.rect(x - h * .05, y - h * .2, x + h * .05, y, light((96, 66, 44), time))
    for k in range(3):
        top, base, w = y - h * (1 - .24 * k), y - h * (.56 - .23 * k), h * (.17 + .07 * k)
        pen.poly([(x, top), (x + w, base), (x - w, base)], light((34, 98, 76), time))
        pen.poly([(x, top), (x + w * .62, top + (base - top) * .62), (x + w * .15, top + (base - top) * .45),
                  (x - w * .25, top + (base - top) * .66), (x - w * .6, top + (base - top) * .6)], light((244, 248, 255), time))


def snowy_forest(pen, rng, time):
    top, bottom = SKY[time]
    winter = time == "day"
    pen.gradient(0, 90, mix(top, (196, 214, 232), .6) if winter else top, mix(bottom, (238, 244, 250), .7) if winter else bottom)
    ground = rng.uniform(78, 90)
    for x in range(-6, 140, 11):  # the far row
        h = rng.uniform(26, 40)
        x = x + rng.uniform(-3, 3)
        pen.poly([(x, ground - h), (x + 8, ground + 2), (x - 8, ground + 2)], light((138, 170, 180), time))
    pen.poly(ridge(rng, ground, 6, 1), light((236, 243, 252), time))
    for x, h in ((rng.uniform(4, 22), rng.uniform(72, 96)), (rng.uniform(106, 124), rng.uniform(72, 96)),
                 (rng.uniform(28, 40), rng.uniform(44, 60)), (rng.uniform(88, 100), rng.uniform(44, 60))):
        pine(pen, x, ground + h * .18, h, time)
    for _ in range(16):
        s = rng.uniform(.7, 1.3)
        pen.ellipse(rng.uniform(0, 128), rng.uniform(0, 128), s, s, (255, 255, 255) if time != "night" else (206, 216, 240))


def city(pen, rng, time):
    ground = rng.uniform(98, 106)
    sky(pen, rng, time, ground)
    x = -6.0
    while x < 130:  # far towers, one tone
        w = rng.uniform(12, 20)
        pen.rect(x, ground - rng.uniform(50, 78), x + w, ground, light((150, 168, 196), time))
        x += w
    x, walls = -8.0, [(198, 96, 76), (92, 110, 148), (222, 186, 138), (120, 132, 142), (170, 120, 104)]
    while x < 130:
        w, h, wall = rng.uniform(20, 28), rng.uniform(36, 88), light(walls[rng.integers(len(walls))], time)
        pen.rect(x, ground - h, x + w, ground, wall)
        glass = (255, 224, 128) if time != "day" else (206, 230, 246)
        for wy in np.arange(ground - h + 5, ground - 8, 9.5):
            for k in range(3):
                lit = time == "day" or rng.random() < .65
                pen.rect(x + w * (.14 + .28 * k), wy, x + w * (.14 + .28 * k) + w * .16, wy + 5, glass if lit else shade(wall, -.3))
        x += w + rng.choice([0, 0, 2])
    pen.rect(0, ground, 128, 128, light((92, 94, 102), time))
    pen.rect(0, ground, 128, ground + 3.5, light((176, 176, 180), time))
    for k in range(5):
        pen.rect(k * 28 + 2, ground + 13, k * 28 + 16, ground + 15.5, light((236, 226, 170), time))


def meadow(pen, rng, time):
    far = rng.uniform(60, 72)
    sky(pen, rng, time, far)
    pen.poly(ridge(rng, far, 14, 1.2), light((126, 186, 96), time))
    pen.poly(ridge(rng, far + 16, 8, .9), light((98, 180, 74), time))
    x, y = rng.choice([rng.uniform(8, 24), rng.uniform(104, 120)]), far + 14
    pen.rect(x - 2, y - 20, x + 2, y, light((120, 80, 50), time))
    for dx, dy, s in ((-6, -22, 8), (6, -23, 8), (0, -30, 9)):
        pen.ellipse(x + dx, y + dy, s, s, light((52, 140, 62), time))
    petals = [(240, 80, 90), (250, 214, 70), (250, 250, 250), (190, 110, 220)]
    for _ in range(22):
        x, y = rng.uniform(0, 128), rng.uniform(far + 20, 126)
        s = 1.1 + (y - far) / 60
        c = light(petals[rng.integers(4)], time)
        pen.ellipse(x, y, s * 1.3, s, c)
        pen.ellipse(x, y, s * .5, s * .45, light((255, 200, 60), time))


def desert(pen, rng, time):
    far = rng.uniform(60, 72)
    sky(pen, rng, time, far)
    mesa = light((190, 96, 62), time)
    for x in (rng.uniform(0, 30), rng.uniform(90, 120)):
        w, h = rng.uniform(14, 22), rng.uniform(14, 26)
        pen.poly([(x - w, far), (x - w * .7, far - h), (x + w * .7, far - h), (x + w, far)], mesa)
        pen.rect(x - w * .76, far - h * .62, x + w * .76, far - h * .46, shade(mesa, .18))
    for k, c in enumerate(((238, 186, 110), (228, 164, 88), (214, 142, 70))):
        pen.poly(ridge(rng, far + 4 + 20 * k, 9, .8), light(c, time))
    for x in (rng.uniform(8, 24), rng.uniform(104, 120)):
        y, h, green = rng.uniform(92, 108), rng.uniform(34, 48), light((62, 136, 78), time)
        pen.line([(x, y), (x, y - h)], 6.5, green)
        pen.ellipse(x, y - h, 3.2, 3.2, green)
        for side, at in ((-1, .45), (1, .6)):
            pen.line([(x, y - h * at), (x + side * 8.5, y - h * at), (x + side * 8.5, y - h * (at + .3))], 4.2, green)


def mountains(pen, rng, time):
    lake = rng.uniform(78, 88)
    sky(pen, rng, time, lake)
    for x, h, w, c in ((rng.uniform(50, 78), rng.uniform(58, 70), 44, (146, 152, 176)), (rng.uniform(4, 26), rng.uniform(50, 66), 38, (112, 120, 150)),
                       (rng.uniform(102, 124), rng.uniform(50, 66), 38, (122, 128, 156))):
        rock, peak = light(c, time), lake - h
        pen.poly([(x, peak), (x + w, lake), (x - w, lake)], rock)
        pen.poly([(x, peak), (x + w, lake), (x + w * .2, lake)], shade(rock, -.14))
        pen.poly([(x, peak), (x + w * .36, peak + h * .36), (x + w * .16, peak + h * .29), (x, peak + h * .4),
                  (x - w * .18, peak + h * .28), (x - w * .36, peak + h * .36)], light((248, 250, 255), time))
    pen.poly(ridge(rng, lake, 4, 1.5), light((60, 120, 84), time))
    pen.gradient(lake + 2, 128, light((60, 140, 190), time), light((112, 190, 214), time))
    for _ in range(7):
        x, y = rng.uniform(-8, 120), rng.uniform(lake + 8, 126)
        pen.line([(x, y), (x + rng.uniform(8, 18), y)], 1.2, light((186, 226, 238), time))
    pen.poly(ridge(rng, 126, 12, .6), light((84, 150, 80), time))


def room(pen, rng, time):
    walls = [(236, 216, 190), (206, 222, 214), (226, 206, 214)]
    dim = {"day": 0, "sunset": -.06, "night": -.42}[time]
    wall, floor = shade(walls[rng.integers(3)], dim), rng.uniform(100, 108)
    pen.rect(0, 0, 128, 128, wall)
    pen.rect(0, floor, 128, 128, shade((160, 108, 70), dim))
    pen.rect(0, floor - 3, 128, floor, shade((250, 246, 240), dim))
    left = rng.random() < .5
    wx, sx = (4, 92) if left else (90, 2)  # the window is on one side, the shelf on the other
    wy = rng.uniform(10, 20)
    pen.rect(wx, wy, wx + 34, wy + 46, shade((252, 248, 240), dim * .7))
    pen.poly([(wx + 2.5, wy + 2.5), (wx + 31.5, wy + 2.5), (wx + 31.5, wy + 43.5), (wx + 2.5, wy + 43.5)], SKY[time][0])
    pen.rect(wx + 2.5, wy + 24, wx + 31.5, wy + 43.5, SKY[time][1])
    if time == "night":
        pen.ellipse(wx + 24, wy + 11, 4, 4, (246, 242, 214))
    elif time == "sunset":
        pen.ellipse(wx + 10, wy + 30, 6, 6, (255, 226, 130))
    pen.rect(wx + 16, wy, wx + 18, wy + 46, shade((252, 248, 240), dim * .7))
    wood = shade((132, 84, 50), dim * .8)
    pen.rect(sx, 14, sx + 34, floor, wood)
    books = [(196, 60, 56), (60, 104, 168), (70, 140, 90), (232, 190, 84), (140, 84, 150)]
    for y in (18, 39, 60, 81):
        pen.rect(sx + 2, y, sx + 32, y + 17, shade(wood, -.4))
        x = sx + 3.0
        while x < sx + 28:
            w = rng.uniform(3.2, 5)
            pen.rect(x, y + rng.uniform(2, 6), x + w - .5, y + 17, shade(books[rng.integers(5)], dim * .8))
            x += w
    if time == "night":
        pen.ellipse(wx + 17, floor - 34, 13, 13, mix(wall, (255, 220, 140), .35))
        pen.poly([(wx + 11, floor - 40), (wx + 23, floor - 40), (wx + 27, floor - 28), (wx + 7, floor - 28)], (255, 222, 140))
        pen.rect(wx + 16, floor - 28, wx + 18, floor, shade(wood, -.2))


DRAW = {"beach": beach, "snowy forest": snowy_forest, "city": city, "meadow": meadow, "desert": desert, "mountains": mountains, "room": room}


# ---------------------------------------------------------------- people

def draw_body(pen, p):
    x, y, r = p.x, p.y, p.r
    grown = p.kind in ("woman", "man")
    w = r * {"girl": 1.18, "boy": 1.25, "woman": 1.3, "man": 1.6}[p.kind]   # half the shoulders
    top, color = y + r * 1.16, SHIRTS[p.shirt]
    dark = shade(color, -.2)
    slope = r * .28
    bottom = SIZE + 6
    arm = w * .30
    pen.poly([(x - w, top + slope * 1.5), (x - w * 1.16, bottom), (x + w * 1.16, bottom), (x + w, top + slope * 1.5)], color)
    pen.ellipse(x - w * .62, top + slope * 1.75, w * .46, slope * 1.4, color)
    pen.ellipse(x + w * .62, top + slope * 1.75, w * .46, slope * 1.4, color)
    pen.poly([(x - w * .66, top + slope * .4), (x - r * .34, top), (x + r * .34, top), (x + w * .66, top + slope * .4), (x + w * .9, top + slope * 2.4), (x - w * .9, top + slope * 2.4)], color)
    for side in (-1, 1):  # the crease between arm and chest
        pen.line([(x + side * (w - arm), top + r * 1.0), (x + side * (w - arm * .8), bottom)], r * .07, dark)
    if p.kind == "man":
        pen.poly([(x - r * .42, top - r * .04), (x, top + r * .62), (x + r * .42, top - r * .04)], dark)
    if p.kind == "boy":
        pen.ellipse(x, top + r * .02, r * .44, r * .26, dark)
    neck = .34 if p.kind == "man" else .27
    under = shade(p.skin, -.14)
    if p.kind in ("woman", "girl"):
        pen.ellipse(x, top + r * .04, r * .42, r * (.36 if grown else .24), p.skin)
    elif p.kind == "man":
        pen.poly([(x - r * .34, top - r * .05), (x, top + r * .46), (x + r * .34, top - r * .05)], p.skin)
    else:
        pen.ellipse(x, top, r * .36, r * .18, p.skin)
    pen.rect(x - r * neck, y + r * .7, x + r * neck, top + r * .02, under)


def draw_back_hair(pen, p):
    x, y, r = p.x, p.y, p.r
    c = HAIRS[p.hair]
    dark = shade(c, -.22 if p.hair != "black" else .1)
    if p.hairstyle == "long":
        pen.ellipse(x, y - r * .12, r * 1.08, r * 1.08, c)
        pen.poly([(x - r * 1.07, y - r * .1), (x + r * 1.07, y - r * .1), (x + r * 1.16, y + r * 1.45), (x + r * .62, y + r * 1.72),
                  (x - r * .62, y + r * 1.72), (x - r * 1.16, y + r * 1.45)], c)
        pen.poly([(x - r * .6, y + r * .2), (x + r * .6, y + r * .2), (x + r * .6, y + r * 1.6), (x - r * .6, y + r * 1.6)], dark)
    elif p.hairstyle == "curly":
        for k in range(13):
            a = math.pi * (.88 + 1.24 * k / 12)
            pen.ellipse(x + r * .92 * math.cos(a), y - r * .1 + r * .92 * math.sin(a), r * .36, r * .36, c)
        if p.kind in ("girl", "woman"):
            for side in (-1, 1):
                for k in range(3):
                    pen.ellipse(x + side * r * (.94 + .04 * k), y + r * (.18 + .28 * k), r * .33, r * .33, c)
    elif p.kind in ("girl", "woman"):  # a bob
        pen.ellipse(x, y - r * .1, r * 1.06, r * 1.08, c)
        pen.poly([(x - r * 1.06, y - r * .1), (x + r * 1.06, y - r * .1), (x + r * 1.0, y + r * .72), (x - r * 1.0, y + r * .72)], c)


def draw_face(pen, p):
    x, y, r = p.x, p.y, p.r
    young = p.kind in ("girl", "boy")
    wide = r * (.88 if young else .8)
    line = shade(p.skin, -.34)
    for side in (-1, 1):
        pen.ellipse(x + side * wide * .98, y + r * .1, r * .16, r * .2, shade(p.skin, -.08))
    jaw = .74 if p.kind == "man" else .58
    pen.ellipse(x, y - r * .12, wide, r * .88, p.skin)
    pen.poly([(x - wide, y - r * .06), (x + wide, y - r * .06), (x + wide * .97, y + r * .28), (x + wide * jaw, y + r * .84), (x + wide * .3, y + r * .99),
              (x - wide * .3, y + r * .99), (x - wide * jaw, y + r * .84), (x - wide * .97, y + r * .28)], p.skin)
    if p.beard:
        c = HAIRS[p.hair]
        pen.poly([(x - wide, y + r * .12), (x - wide * .8, y + r * .32), (x - wide * .4, y + r * .42), (x + wide * .4, y + r * .42), (x + wide * .8, y + r * .32),
                  (x + wide, y + r * .12), (x + wide * .97, y + r * .3), (x + wide * .8, y + r * .88), (x + wide * .34, y + r * 1.06),
                  (x - wide * .34, y + r * 1.06), (x - wide * .8, y + r * .88), (x - wide * .97, y + r * .3)], c)
        pen.ellipse(x, y + r * .6, r * .3, r * .14, shade(p.skin, -.06))
    elif young:
        for side in (-1, 1):
            pen.ellipse(x + side * wide * .62, y + r * .42, r * .15, r * .11, mix(p.skin, (244, 120, 110), .36))
    gap, ey = wide * .45, y + r * .1
    ex, eh = (r * .19, r * .25) if young else (r * .17, r * .2)
    if p.mood == "surprised":
        eh *= 1.15
    brow = shade(HAIRS[p.hair], -.25) if p.hair != "blond" else (176, 136, 60)
    for side in (-1, 1):
        cx = x + side * gap
        pen.ellipse(cx, ey, ex, eh, (252, 252, 252))
        pen.ellipse(cx, ey + r * .02, ex * .74, eh * .8, p.eye)
        pen.ellipse(cx, ey + r * .03, ex * .42, eh * .46, (24, 20, 28))
        pen.ellipse(cx + r * .05, ey - r * .08, r * .05, r * .055, (255, 255, 255))
        if p.kind in ("girl", "woman"):
            pen.arc(cx, ey, ex * 1.12, eh * 1.08, 190, 350, r * .085, (40, 28, 34))
        tilt = .11 * side if p.mood == "sad" else 0  # the inner ends of sad brows are up
        lift = .46 if p.mood == "surprised" else .36
        thick = r * (.12 if p.kind in ("man", "boy") else .085)
        pen.line([(cx - r * .21, ey - r * (lift + tilt)), (cx, ey - r * (lift + .05)), (cx + r * .21, ey - r * (lift - tilt))], thick, brow)
    pen.line([(x, ey + r * .16), (x + r * .07, ey + r * .32), (x - r * .05, ey + r * .34)], r * .07, line)
    my = y + r * .62
    lips = (176, 52, 66) if p.kind == "woman" else mix(line, (150, 40, 40), .5)
    if p.mood == "smiling":
        pen.chord(x, my - r * .12, r * .32, r * .27, 0, 180, (150, 36, 48) if p.kind != "woman" else lips)
        pen.rect(x - r * .24, my - r * .12, x + r * .24, my - r * .05, (255, 255, 255))
    elif p.mood == "sad":
        pen.arc(x, my + r * .14, r * .25, r * .2, 200, 340, r * .1, lips)
    else:
        pen.ellipse(x, my + r * .04, r * .13, r * .17, (132, 34, 44))
    if p.kind == "woman":  # earrings
        for side in (-1, 1):
            pen.ellipse(x + side * wide * 1.0, y + r * .36, r * .09, r * .11, (246, 206, 80))
    if p.glasses:
        for side in (-1, 1):
            pen.arc(x + side * gap, ey, r * .34, r * .33, 0, 360, r * .095, (30, 30, 40))
            pen.line([(x + side * (gap + r * .32), ey - r * .04), (x + side * wide, ey - r * .08)], r * .09, (30, 30, 40))
        pen.line([(x - gap + r * .32, ey - r * .03), (x + gap - r * .32, ey - r * .03)], r * .09, (30, 30, 40))


def draw_front_hair(pen, p):
    x, y, r = p.x, p.y, p.r
    c = HAIRS[p.hair]
    gloss = shade(c, .22)
    if p.hairstyle == "curly":
        for k in range(7):
            a = math.pi * (1.12 + .76 * k / 6)
            pen.ellipse(x + r * .78 * math.cos(a), y - r * .1 + r * .86 * math.sin(a), r * .29, r * .27, c)
        return
    if p.kind in ("girl", "woman"):  # a parting at one side
        pen.poly([(x + r * .2, y - r * 1.02), (x - r * .3, y - r * .98), (x - r * .8, y - r * .66), (x - r * 1.0, y), (x - r * .86, y + r * .1), (x - r * .66, y - r * .32), (x - r * .1, y - r * .56), (x + r * .3, y - r * .84)], c)
        pen.poly([(x + r * .1, y - r * 1.02), (x + r * .5, y - r * .92), (x + r * .86, y - r * .6), (x + r * 1.0, y), (x + r * .86, y + r * .1), (x + r * .7, y - r * .3), (x + r * .3, y - r * .84)], c)
        pen.chord(x, y - r * .12, r * 1.03, r * 1.06, 205, 335, c)
        pen.arc(x, y - r * .1, r * .88, r * .92, 215, 275, r * .09, gloss)
        return
    pen.chord(x, y - r * .14, r * .97, r * 1.02, 196, 344, c)   # short hair of boys and men
    pen.poly([(x - r * .95, y - r * .44), (x - r * .9, y + r * .08), (x - r * .76, y - r * .34)], c)
    pen.poly([(x + r * .95, y - r * .44), (x + r * .9, y + r * .08), (x + r * .76, y - r * .34)], c)
    fringe = [(x - r * .94, y - r * .44)]
    n = 5 if p.kind == "boy" else 2
    for k in range(n):
        a, b = -.86 + 1.72 * k / n, -.86 + 1.72 * (k + .5) / n
        fringe += [(x + r * a, y - r * .42), (x + r * b, y - r * (.34 if p.kind == "boy" else .5))]
    pen.poly(fringe + [(x + r * .94, y - r * .44), (x, y - r * .9)], c)
    pen.arc(x, y - r * .1, r * .82, r * .9, 220, 280, r * .09, gloss)


def draw_hat(pen, p):
    x, y, r = p.x, p.y, p.r
    c = HATS[p.hat]
    pen.ellipse(x, y - r * 1.42, r * .24, r * .24, shade(c, .45))
    pen.chord(x, y - r * .42, r * 1.08, r * .95, 178, 362, c)
    pen.chord(x + r * .1, y - r * .42, r * .9, r * .8, 285, 330, shade(c, -.14))
    pen.poly([(x - r * 1.12, y - r * .62), (x - r * 1.1, y - r * .36), (x, y - r * .46), (x + r * 1.1, y - r * .36), (x + r * 1.12, y - r * .62),
              (x, y - r * .76)], shade(c, -.24))


def draw_head(pen, p):
    pen.head = True
    draw_face(pen, p)
    draw_front_hair(pen, p)
    if p.hat:
        draw_hat(pen, p)
    pen.head = False


def draw_person(pen, p, body=True):
    pen.head = True
    draw_back_hair(pen, p)
    pen.head = False
    if body:
        draw_body(pen, p)
    if p.hairstyle == "long" and body:  # two strands before the shoulders
        x, y, r = p.x, p.y, p.r
        for s in (-1, 1):
            pen.poly([(x + s * r * 1.06, y - r * .1), (x + s * r * .78, y + r * .1), (x + s * r * .74, y + r * 1.62), (x + s * r * 1.06, y + r * 1.66), (x + s * r * 1.16, y + r * 1.4)], HAIRS[p.hair])
    draw_head(pen, p)


# ---------------------------------------------------------------- styles

def pencil(image):
    grey = image.convert("L")
    soft = np.asarray(grey.filter(ImageFilter.GaussianBlur(1.6)), np.float32)
    fine = np.asarray(grey, np.float32)
    stroke = np.clip((fine + 8) / (soft + 8), 0, 1) ** 3.2 * 236 + 16
    tone = 236 - (255 - fine) * .35
    return Image.fromarray(np.minimum(stroke, tone).clip(0, 255).astype(np.uint8)).convert("RGB")


def watercolour(image):
    a = np.asarray(image.filter(ImageFilter.MedianFilter(5)).filter(ImageFilter.GaussianBlur(.7)), np.float32)
    a = 255 - (255 - a) * .72
    y, x = np.mgrid[-1:1:SIZE * 1j, -1:1:SIZE * 1j]
    edge = np.clip((np.maximum(abs(x), abs(y)) - .86) / .14, 0, 1)[..., None]
    return Image.fromarray((a + (252 - a) * edge).astype(np.uint8))


def pixel(image):
    return image.resize((32, 32), Image.BOX).resize((SIZE, SIZE), Image.NEAREST)


def spoil(image, rng):
    """A bad picture: small, dull and dirty."""
    n = int(rng.integers(20, 34))
    a = np.asarray(image.resize((n, n), Image.BOX).resize((SIZE, SIZE), Image.BILINEAR), np.float32)
    a = a.mean(-1, keepdims=True) * .5 + a * .5
    a = 96 + (a - 128) * .6 + rng.normal(0, 7, (SIZE, SIZE, 1))
    return Image.fromarray(a.clip(0, 255).astype(np.uint8))


RESTYLE = {"pencil": pencil, "watercolour": watercolour, "pixel": pixel}


# ---------------------------------------------------------------- one sample

def pick(rng, options):
    options = list(options)
    return options[int(rng.integers(len(options)))]


def any_person(rng):
    kind = pick(rng, PERSONS)
    female = kind in ("girl", "woman")
    jitter = lambda c: tuple(int(np.clip(v + rng.integers(-6, 7), 0, 255)) for v in c)
    return Person(kind=kind, skin=jitter(SKINS[int(rng.choice(4, p=[.34, .3, .2, .16]))]), eye=pick(rng, EYES), hair=pick(rng, HAIRS),
                  hairstyle=rng.choice(["long", "short", "curly"], p=[.55, .25, .2] if female else [0, .75, .25]).item(),
                  shirt=pick(rng, SHIRTS), mood=rng.choice(MOODS, p=[.6, .2, .2]).item(),
                  hat=pick(rng, HATS) if rng.random() < .25 else None, glasses=rng.random() < .2,
                  beard=kind == "man" and rng.random() < .4)


def place(p, rng, near_top=.65):
    """Heads are 40-70 pixels tall around the top centre, where a condition is laid by default."""
    p.r = rng.uniform(18, 28)
    above = 1.66 if p.hat else 1.18
    if p.hat:
        p.r *= .92
    top = rng.uniform(-1, 5) if rng.random() < near_top else rng.uniform(5, 22)
    p.y = top + above * p.r
    p.x = 64 + float(np.clip(rng.normal(0, 9), -26, 26))


def head_box(p):
    above = 1.66 if p.hat else 1.2
    return (p.x - 1.2 * p.r, p.y - above * p.r, p.x + 1.2 * p.r, p.y + 1.1 * p.r)


def fit_head(p, side, fill):
    """Lets a head fill this much of a square's height, a little nearer to its top."""
    above = 1.68 if p.hat else 1.22
    p.r = side * fill / (above + 1.14)
    p.x, p.y = side / 2, side * (1 - fill) * .4 + above * p.r


def finish(pen, p, kind, scene, time, style, quality, rng):
    image, mask = pen.done()
    if style in RESTYLE:
        image = RESTYLE[style](image)
    if quality == "bad":
        image = spoil(image, rng)
    return Sample(image, mask, kind, p, scene, time, style, quality, head_box(p) if p else (0, 0, 0, 0))


def sample(seed, kind=None, person=None, scene=None, time=None, style=None):
    """Draws picture number `seed`; what is given is not left to chance."""
    rng = np.random.default_rng(seed)
    kind = kind or rng.choice(["scene", "portrait", "head", "empty"], p=[.78, .07, .08, .07]).item()
    style = style or rng.choice(STYLES, p=[.88, .05, .04, .03]).item()
    scene, time = scene or pick(rng, SCENES), time or rng.choice(TIMES, p=[.5, .25, .25]).item()
    quality = "plain"
    if kind != "head" and style == "normal":
        quality = rng.choice(["plain", "good", "bad"], p=[.87, .10, .03]).item()
    p = None
    if kind != "empty":
        p = any_person(rng)
        place(p, rng)
        for key, value in (person or {}).items():
            setattr(p, key, value)
    pen = Pen()
    if kind in ("scene", "empty"):
        DRAW[scene](pen, rng, time)
    else:
        scene = time = None
    if p:
        draw_person(pen, p, body=kind != "head")
    return finish(pen, p, kind, scene, time, style, quality, rng)


def small_head(seed, side=64, person=None, fill=None):
    """A head alone in a side x side picture on grey, with its mask: what a user gives as a condition."""
    rng = np.random.default_rng(seed)
    p = any_person(rng)
    for key, value in (person or {}).items():
        setattr(p, key, value)
    fit_head(p, side, fill or rng.uniform(.8, 1))
    pen = Pen()
    draw_person(pen, p, body=False)
    image, mask = pen.done()
    return image.crop((0, 0, side, side)), mask.crop((0, 0, side, side)), p


# ---------------------------------------------------------------- captions

WHERE = {"beach": "on a beach", "snowy forest": "in a snowy forest", "city": "in a city", "meadow": "in a meadow",
         "desert": "in a desert", "mountains": "in the mountains", "room": "in a room"}
ALONE = {"beach": "a beach", "snowy forest": "a snowy forest", "city": "a city", "meadow": "a meadow", "desert": "a desert",
         "mountains": "the mountains", "room": "a room"}
WHEN = {"day": "by day", "sunset": "at sunset", "night": "at night"}
HOW = {"normal": "", "pencil": "a pencil sketch of ", "watercolour": "a watercolour painting of ", "pixel": "pixel art of "}
GOOD, BAD = "a high quality and colorful image", "a bad quality and low resolution image"


def describe(p, rng, keep=.75, body=True):
    """"a girl with long pink hair and a red hat wearing a blue shirt, smiling", each part left out now and then."""
    has = []
    if rng.random() < keep:
        has.append((p.hairstyle + " " if rng.random() < .35 else "") + p.hair + " hair")
    if p.hat and rng.random() < .9:
        has.append(f"a {p.hat} hat")
    if p.glasses and rng.random() < .85:
        has.append("glasses")
    if p.beard and rng.random() < .7:
        has.append("a beard")
    if rng.random() < .3:
        has = has[::-1]
    text = f"a {p.kind}"
    shirt = body and rng.random() < keep
    if shirt and rng.random() < .3:
        text += f" in a {p.shirt} shirt"
        shirt = False
    if has:
        text += " with " + (", ".join(has[:-1]) + " and " if len(has) > 1 else "") + has[-1]
    if shirt:
        text += f"{pick(rng, [', wearing', ' wearing', ' and', ' in']) if has else ' wearing'} a {p.shirt} shirt"
    if rng.random() < .4:
        text += pick(rng, [", ", " "]) + p.mood
    return text


def caption(s, rng):
    when = ""
    if s.time and rng.random() < (.4 if s.time == "day" else .85):
        when = " " + WHEN[s.time]
    how = HOW[s.style]
    if s.kind == "head":
        text = pick(rng, ["a human face", "human face", "a human face, ", "the face of ", "the head of "])
        if text.endswith((", ", " ")):
            text += describe(s.person, rng, body=False)
        if rng.random() < .6:
            text += " on a grey background"
    elif s.kind == "portrait":
        text = "a portrait of " + describe(s.person, rng) + " on a grey background"
    elif s.kind == "empty":
        text = pick(rng, ["", "an empty picture of "]) + ALONE[s.scene] + when
    elif rng.random() < .1:
        text = WHERE[s.scene] + when + ", " + describe(s.person, rng)
    else:
        text = describe(s.person, rng) + pick(rng, [" ", ", "]) + WHERE[s.scene] + when
    text = how + text
    if s.quality != "plain":
        praise = GOOD if s.quality == "good" else BAD
        text = praise if rng.random() < .25 else praise + " of " + text
    return text


def said(text):
    """What a caption says, attribute by attribute; None for what it leaves open."""
    def word(pattern):
        found = re.search(pattern, text)
        return found and found.group(1)
    style = "pencil" if "pencil" in text else "watercolour" if "watercolour" in text else "pixel" if "pixel art" in text else "normal"
    place = next((name for name in SCENES if name in text), None)
    return {"scene": place, "time": next((t for t in TIMES if WHEN[t] in text), None), "style": style,
            "kind": word(r"\b(girl|boy|woman|man)\b"), "shirt": word(r"(\w+) shirt"), "hair": word(r"(\w+) hair\b"), "hat": word(r"(\w+) hat\b"),
            "hairstyle": word(r"(long|short|curly)"), "mood": word(r"(smiling|sad|surprised)"), "glasses": "yes" if "glasses" in text else None,
            "beard": "yes" if "beard" in text else None, "quality": word(r"a (high|bad) quality"), "face": word(r"(face|head)\b")}


def attributes(s):
    """What a classifier may be asked about a picture; None where it cannot be seen."""
    p = s.person
    body = p if s.kind in ("scene", "portrait") else None
    coloured = s.style != "pencil"
    return {"scene": s.scene, "time": s.time, "style": s.style, "person": "yes" if p else "no", "kind": p and p.kind,
            "shirt": body.shirt if body and coloured else None, "hair": p.hair if p and coloured else None,
            "hat": (p.hat or "none") if p and coloured else None, "glasses": ("yes" if p.glasses else "no") if p else None}


if __name__ == "__main__":
    sheet = Image.new("RGB", (8 * SIZE, 6 * SIZE))
    for k in range(48):
        s = sample(k)
        print(caption(s, np.random.default_rng(k)))
        sheet.paste(s.image, (k % 8 * SIZE, k // 8 * SIZE))
    sheet.save(sys.argv[1])

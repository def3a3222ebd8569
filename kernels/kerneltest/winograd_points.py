"""How much F(4x4, 3x3) loses in float32 by its points 0, ±a, ±b, infinity, and F(2x2), F(3x3), F(4x4) in bfloat16 (docs/adr/0006): needs numpy.

    python kernels/kerneltest/winograd_points.py

Prints the root mean square and the largest error against float64, in units of the result's standard deviation, for inputs that are normal, SiLU of
normal, and SiLU of what differs little from pixel to pixel; 320 channels; sums in order. The first line is the sum as it stands in the formula.
"""
import numpy as np

TILES, C, OUT = 64, 320, 16


def matrices(a, b):
    at = np.array([[1, 1, 1, 1, 1, 0], [0, a, -a, b, -b, 0], [0, a**2, a**2, b**2, b**2, 0], [0, a**3, -a**3, b**3, -b**3, 1]])
    p, q = 2 * a**2 * (a**2 - b**2), 2 * b**2 * (b**2 - a**2)
    g = np.array([[1 / (a * b)**2, 0, 0], [1 / p, a / p, a**2 / p], [1 / p, -a / p, a**2 / p], [1 / q, b / q, b**2 / q],
                  [1 / q, -b / q, b**2 / q], [0, 0, 1]])
    ends, middle = (a * b)**2, -(a**2 + b**2)
    bt = np.array([[ends, 0, middle, 0, 1, 0], [0, -a * b**2, -b**2, a, 1, 0], [0, a * b**2, -b**2, -a, 1, 0],
                   [0, -b * a**2, -a**2, b, 1, 0], [0, b * a**2, -a**2, -b, 1, 0], [0, ends, 0, middle, 0, 1]])
    return [m.astype(np.float32) for m in (at, g, bt)]


def both_sides(m, x):
    return np.einsum('kl,il...->ik...', m, np.einsum('ij,jl...->il...', m, x))


def direct(d, g):
    y = np.zeros((4, 4, TILES, OUT), d.dtype)
    for i in range(3):
        for j in range(3):
            for c in range(C):
                y += d[i:i + 4, j:j + 4, :, c, None] * g[i, j, c]
    return y


def winograd(d, g, a, b):
    at, gm, bt = matrices(a, b)
    v, u = both_sides(bt, d), both_sides(gm, g)
    m = np.zeros((6, 6, TILES, OUT), np.float32)
    for c in range(C):
        m += v[..., c, None] * u[:, :, None, c]
    return both_sides(at, m)


def error(y, want):
    e = y - want
    return f'{np.sqrt((e**2).mean()) / want.std():.2e} {abs(e).max() / want.std():.2e}'


silu = lambda x: x / (1 + np.exp(-x))
rng = np.random.default_rng(0)
noise = rng.standard_normal((6, 6, TILES, C))
filters = (rng.standard_normal((3, 3, C, OUT)) / np.sqrt(9 * C)).astype(np.float32)
inputs = [x.astype(np.float32) for x in (noise, silu(noise), silu(rng.standard_normal((TILES, C)) + .3 * noise))]
wants = [direct(x.astype(np.float64), filters.astype(np.float64)) for x in inputs]
print('direct', *[error(direct(x, filters), want) for x, want in zip(inputs, wants)], sep='   ')
for a, b in [(1, 2), (.5, 1), (.5, 2), (.75, 1.25), (.5, 1.5), (.75, 1.5), (.625, 1.25), (.5**.5, 2**.5), (2 / 3, 1.5), (.6875, 1.5625),
             (.6875, 1.5), (.625, 1.5)]:
    print(f'±{a:.4f} ±{b:.4f}', *[error(winograd(x, filters, a, b), want) for x, want in zip(inputs, wants)], sep='   ')


def bfloat16(x):
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000).view(np.float32)


def general(finite):
    """Aᵀ, G and Bᵀ of Toom and Cook's algorithm for three taps at these points and infinity."""
    n = len(finite) + 1
    at, g, bt = np.zeros((n - 2, n)), np.zeros((n, 3)), np.zeros((n, n))
    for i, p in enumerate(finite):
        others = [q for q in finite if q != p]
        at[:, i] = p ** np.arange(n - 2)
        g[i] = p ** np.arange(3) / np.prod([p - q for q in others])
        bt[i, :n - 1] = np.poly(others)[::-1]
    at[-1, -1] = g[-1, -1] = 1
    bt[-1] = np.poly(finite)[::-1]
    return at, g, bt


print('in bfloat16, both factors rounded and the products summed exactly; root mean square:')
want = wants[0]
print('direct', error(direct(bfloat16(noise).astype(np.float64), bfloat16(filters).astype(np.float64)), want).split()[0])
for finite in [(0., 1., -1.), (0., -1., .6, 2.), (0., .625, -.625, 1.5, -1.5)]:
    at, g, bt = general(np.array(finite))
    m, n = at.shape
    v, u = bfloat16(both_sides(bt, noise[:n, :n])), bfloat16(both_sides(g, filters))
    y = both_sides(at, np.einsum('ijtc,ijco->ijto', v.astype(np.float64), u.astype(np.float64)))
    print(f'F({m}x{m})', error(y, want[:m, :m]).split()[0])

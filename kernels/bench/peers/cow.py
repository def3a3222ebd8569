"""COW's published algorithm (arXiv 2306.08247; docs/method.md) over any four networks, in numpy: what the peers are timed with.

A peer is an object with
    text()                -> [1, 77, d]      the encoding of some prompt
    unet(x, t, context)   -> [n, 4, h, w]    for x [n, 4, h, w] and context [n, 77, d]
    encode(image)         -> mean, logvar [1, 4, h/8, w/8] of image [1, 3, h, w]
    decode(latents)       -> [1, 3, h, w]
"""
import numpy as np

STEPS, REPLACE, BACK, LATE, GUIDANCE, SCALING = 10, 5, 7, 4, 7.5, 0.18215


class COW:
    def __init__(self, peer, side, cycles, seed=1):
        self.peer, self.side, self.cycles = peer, side, cycles
        self.random = np.random.default_rng(seed)
        betas = np.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000) ** 2
        alphas = np.cumprod(1 - betas)
        self.timesteps = [k * (1000 // STEPS) + 1 for k in range(STEPS)]
        self.level = [alphas[0]] + [alphas[t] for t in self.timesteps]  # of node k, 0 clean

    def noise(self, shape):
        return self.random.standard_normal(shape).astype(np.float32)

    def latents(self, image):
        mean, logvar = self.peer.encode(image)
        return (mean + np.exp(logvar / 2) * self.noise(mean.shape)) * SCALING

    def predict(self, x, k, *prompts):
        """The prediction for each prompt at the timestep of the step from node k."""
        out = self.peer.unet(np.repeat(x, len(prompts), 0), self.timesteps[k - 1], np.concatenate(prompts))
        return [out[i:i + 1] for i in range(len(prompts))]

    def invert(self, x, upto, empty, text):
        nodes = [x]
        for k in range(upto):
            n, c = self.predict(x, max(k, 1), empty, text)
            eps = n + GUIDANCE * (c - n)
            clean = (x - (1 - self.level[k]) ** 0.5 * eps) / self.level[k] ** 0.5
            x = (self.level[k + 1] ** 0.5 * clean + (1 - self.level[k + 1]) ** 0.5 * eps).astype(np.float32)
            nodes.append(x)
        return nodes

    def step(self, x, eps, k, eta):
        a, b = self.level[k], self.level[k - 1]
        sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)) ** 0.5
        clean = (x - (1 - a) ** 0.5 * eps) / a ** 0.5
        return (b ** 0.5 * clean + max(0, 1 - b - sigma ** 2) ** 0.5 * eps + sigma * self.noise(x.shape)).astype(np.float32)

    def run(self):
        side, half, cells = self.side, self.side // 2, self.side // 8
        yy, xx = np.mgrid[:half, :half].astype(np.float32) / half
        condition = np.stack([2 * xx - 1, 2 * yy - 1, xx * yy])[None]
        canvas = np.zeros((1, 3, side, side), np.float32)
        canvas[:, :, :half, side // 4:side // 4 + half] = condition
        kept = np.s_[:, :, :cells // 2, cells // 4:cells // 4 + cells // 2]
        grows = np.ones((1, 1, cells, cells), np.float32)
        grows[kept] = 0

        empty, text, negative, suppress, diverse = (self.peer.text() for _ in range(5))
        seeds = self.invert(self.latents(condition), BACK, empty, text)
        x = self.invert(self.latents(canvas), REPLACE, empty, text)[-1]
        for _ in range(self.cycles):
            ratio = self.level[BACK] / self.level[REPLACE]
            x = (ratio ** 0.5 * x + (1 - ratio) ** 0.5 * self.noise(x.shape)).astype(np.float32)
            x[kept] = seeds[BACK]
            for k in range(BACK, REPLACE, -1):
                n, c, s, d = self.predict(x, k, negative, text, suppress, diverse)
                n = n + grows * (s - d)
                x = self.step(x, n + GUIDANCE * (c - n), k, 1.0)
                x[kept] = seeds[k - 1]
        for k in range(REPLACE, 0, -1):
            n, c = self.predict(x, k, empty, text)
            x = self.step(x, n + GUIDANCE * (c - n), k, 0.1)
            if k - 1 == LATE:
                x[kept] = seeds[LATE]
        return self.peer.decode(x / SCALING)

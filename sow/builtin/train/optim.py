"""Muon for the matrices, AdamW for the rest, an average of the weights, and a learning rate that follows the clock."""
import math
import time

import torch


def orthogonal(g, steps=5):
    """Newton-Schulz: drives every singular value of g towards 1 (Jordan et al., Muon).

    x <- p(x x') x five times over is q x with q a polynomial of the small matrix y = x x', so only y is iterated.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    y, q = x @ x.T, None
    one = torch.eye(len(y))
    for _ in range(steps):
        p = a * one + b * y + c * y @ y
        q = p if q is None else p @ q
        y = p @ y @ p
    x = q @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Each weight, seen as a matrix [out, rest], moves along its orthogonalised momentum; the step has Adam's usual size."""

    def __init__(self, params, lr, momentum=.95, decay=.01):
        super().__init__(params, dict(lr=lr, momentum=momentum, decay=decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                m = state.setdefault("momentum", torch.zeros_like(p))
                m.lerp_(p.grad, 1 - group["momentum"])
                g = p.grad.lerp(m, group["momentum"]).reshape(p.shape[0], -1)
                p.mul_(1 - group["lr"] * group["decay"])
                p.add_(orthogonal(g).reshape(p.shape), alpha=-group["lr"] * .2 * math.sqrt(max(g.shape)))


class Both:
    """Muon on inner weights, AdamW on vectors, embeddings and the first and last layers; `scale` per parameter name."""

    def __init__(self, named, lr, edges=(), scale=lambda name: 1., adam=1.):
        muon, other = {}, {}
        for name, p in named:
            inner = p.ndim >= 2 and not any(e in name for e in edges)
            (muon if inner else other).setdefault(scale(name), []).append(p)
        self.parts = []
        if muon:
            self.parts.append(Muon([dict(params=v, lr=lr * k, base=lr * k) for k, v in muon.items()], lr=lr))
        self.parts.append(torch.optim.AdamW([dict(params=v, lr=lr * k * adam, base=lr * k * adam) for k, v in other.items()],
                                            lr=lr, betas=(.9, .98), weight_decay=0))

    def zero_grad(self):
        for o in self.parts:
            o.zero_grad(set_to_none=True)

    def step(self, rate):
        for o in self.parts:
            for g in o.param_groups:
                g["lr"] = g["base"] * rate
            o.step()

    def state_dict(self):
        return [o.state_dict() for o in self.parts]

    def load_state_dict(self, state):
        for o, s in zip(self.parts, state):
            o.load_state_dict(s)


class Clock:
    """The learning rate's factor: a short rise, a plateau, then a straight fall to nothing when the time is up."""

    def __init__(self, minutes, rise=.02, fall=.5):
        self.start, self.total, self.rise, self.fall = time.time(), minutes * 60, rise, fall

    def done(self):
        return min(1., (time.time() - self.start) / self.total)

    def rate(self):
        t = self.done()
        return min(1., t / self.rise + .02, max(0., (1 - t) / self.fall))


class Average:
    """An exponential moving average of a model's weights that warms up with its age."""

    def __init__(self, model, keep=.999):
        self.keep, self.age = keep, 0
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model):
        self.age += 1
        keep = min(self.keep, (1 + self.age) / (10 + self.age))
        for k, v in model.state_dict().items():
            if v.is_floating_point():
                self.weights[k].lerp_(v, 1 - keep)
            else:
                self.weights[k].copy_(v)

"""The optimiser: Muon for weight matrices, Adam for everything else.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") replaces a matrix' momentum by the nearest matrix
with equal singular values, found by a few Newton-Schulz steps. A convolution counts as the matrix [out, in * k * k]. Updates are scaled
to the size that Adam's have (root mean square 0.2 of the rate; Liu et al. 2025, "Muon is scalable for LLM training"), so that one rate serves both.
"""
import torch

SMALLEST = 16     # matrices with a side below this, and vectors, are Adam's
STEPS = 5
QUINTIC = 3.4445, -4.7750, 2.0315   # of the Newton-Schulz step: fast from small singular values, ends between 0.7 and 1.2


def orthogonal(g):
    """g [rows, columns] -> about U V^T of its singular value decomposition. In bfloat16: the result is rough by design."""
    a, b, c = QUINTIC
    tall = g.shape[0] > g.shape[1]
    x = (g / (g.norm() + 1e-7)).bfloat16()
    x = x.T if tall else x
    for _ in range(STEPS):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return (x.T if tall else x).to(g.dtype)


def is_matrix(p):
    return p.ndim == 4 and min(p.shape[0], p[0].numel()) >= SMALLEST


class Muon(torch.optim.Optimizer):
    """State of a parameter: step, exp_avg (the momentum) and, for Adam's, exp_avg_sq."""

    def __init__(self, groups, lr, betas=(0.9, 0.999), momentum=0.95, eps=1e-8):
        super().__init__(groups, dict(lr=lr, betas=betas, momentum=momentum, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    if not state:
                        state["step"] = torch.zeros(())
                        state["exp_avg"] = torch.zeros_like(p)
                    state["step"] += 1
                    (self._muon if is_matrix(p) else self._adam)(p, state, group)

    def _muon(self, p, state, group):
        m = state["exp_avg"].lerp_(p.grad, 1 - group["momentum"])
        update = orthogonal(p.grad.lerp(m, group["momentum"]).reshape(len(p), -1))   # Nesterov's momentum
        size = 0.2 * max(update.shape) ** 0.5
        p.add_(update.view(p.shape), alpha=-group["lr"] * size)

    def _adam(self, p, state, group):
        b1, b2 = group["betas"]
        if "exp_avg_sq" not in state:
            state["exp_avg_sq"] = torch.zeros_like(p)
        t = state["step"].item()
        m = state["exp_avg"].lerp_(p.grad, 1 - b1)
        v = state["exp_avg_sq"].lerp_(p.grad.square(), 1 - b2)
        p.addcdiv_(m, (v / (1 - b2 ** t)).sqrt_().add_(group["eps"]), value=-group["lr"] / (1 - b1 ** t))

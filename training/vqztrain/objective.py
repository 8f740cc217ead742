"""The training loss around a Codec, as a module, so that DistributedDataParallel and torch.compile can wrap it."""
import torch
import torch.nn as nn

from .msssim import msssim

MSSSIM_SCALE = 1280.0   # 1 - MS-SSIM in units of squared error of 8-bit samples
LOSS_SCALE = 0.1
RELATIVE_SCALE = 15.0   # about the cost of a picture: gradients stay as large as without the logarithm
SEAM_FLAT = 4.0         # steps of the original, in 8-bit samples, at which half of a seam counts


def seams(error, x, step=16):
    """Mean squared step of the error [B,3,H,W] across the borders of the linear paths' blocks, where the picture itself is flat: what the
    eye sees as blocks at low rates, and what squared error hardly feels. -> [B]"""
    total = 0
    for e, p in ((error, x), (error.transpose(2, 3), x.transpose(2, 3))):
        jump = e[..., step::step] - e[..., step - 1:-1:step]
        own = p[..., step::step] - p[..., step - 1:-1:step]
        total = total + (jump.square() / (1 + (own / SEAM_FLAT).square())).mean((1, 2, 3))
    return total / 2


class Objective(nn.Module):
    def __init__(self, codec, lambdas, commitment=0.0, msssim_share=0.0, amp=False, seam=0.0, relative=0.0):
        super().__init__()
        self.codec, self.commitment, self.share, self.amp, self.seam, self.relative = codec, commitment, msssim_share, amp, seam, relative
        self.register_buffer("lambdas", torch.tensor(lambdas, dtype=torch.float32), persistent=False)

    def forward(self, x, lev, quantizer=None, z_weight=1.0):
        """-> loss, statistics [loss, bpp, z bpp, squared error, commitment], log-scales."""
        xh, bits, parts = self.codec(x, lev, quantizer, self.amp)
        pixels = x.shape[2] * x.shape[3]
        mse = (xh - x).square().mean((1, 2, 3)) * 255 ** 2
        distortion = mse
        if self.share:   # shifted to 0..1: the luminance term needs positive samples
            structure = MSSSIM_SCALE * (1 - msssim(xh + 0.5, x + 0.5))
            distortion = (1 - self.share) * mse + self.share * structure
        if self.seam:
            distortion = distortion + self.seam * seams((xh - x) * 255, x * 255)
        bpp, zbpp = bits / pixels, parts["zbits"] / pixels
        lam = self.lambdas[lev]
        # Divided by sqrt(lambda), every level weighs about the same.
        cost = (bpp - (1 - z_weight) * zbpp + lam * distortion) / lam.sqrt()
        if self.relative:   # the savings of a flat picture count like those of a busy one
            cost = RELATIVE_SCALE * torch.log(cost + self.relative)
        loss = cost.mean() * LOSS_SCALE
        commit = parts["commit"].mean()
        if self.commitment:
            loss = loss + self.commitment * commit
        stats = torch.stack([loss, bpp.mean(), zbpp.mean(), mse.mean(), commit]).detach()
        return loss, stats, parts["scales"]

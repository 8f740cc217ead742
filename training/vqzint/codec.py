"""Exact simulation of the codec on integers: analysis, hyper-latent, sliced context coding, synthesis (spec/bitstream.md)."""
import numpy as np
import torch
import torch.nn.functional as F

from . import modelfile as mf
from .hyper import ZCosts
from .intnet import IntNet, latq


def pixel_inputs(pixels):
    """uint8 [B,3,H,W], H and W multiples of 16 -> inputs of roles 0 and 1 (values p - 128)."""
    v = pixels.float() - 128
    b, _, h, w = v.shape
    block = v.reshape(b, 3, h // 16, 16, w // 16, 16).permute(0, 3, 5, 1, 2, 4).reshape(b, 768, h // 16, w // 16)
    return block, F.pixel_unshuffle(v, 2)


def pad_to(pixels, multiple=16):
    """Repeats the last row and column up to a multiple."""
    h, w = pixels.shape[2:]
    return F.pad(pixels.float(), (0, -w % multiple, 0, -h % multiple), mode='replicate').to(pixels.dtype)


def parity(h, w):
    """[h,w] mask of the first pass."""
    return (torch.arange(h)[:, None] + torch.arange(w)) % 2 == 0


class Codec:
    """A model ready to code. Rows are given per sample as an integer array."""
    def __init__(self, model):
        self.model = model
        self.nets = {(n.role, n.index): IntNet(n) for n in model.nets}
        self.zcosts = ZCosts(model) if model.ztables else None
        column = lambda a: torch.from_numpy(a.astype(np.float64))[:, :, None, None]
        v = model.levels
        self.gain, self.inv, self.loggain = column(v.gain), column(v.inv), column(v.loggain)
        self.zgain, self.zinv, self.feat = column(v.zgain), column(v.zinv), column(v.feat)

    def run(self, role, *inputs, index=0):
        """One network."""
        return self.nets[role, index].run(*inputs)

    def latq(self, y, channels=slice(None)):
        """Latents to network units."""
        return latq(y, self.model.latq_m[channels], self.model.latq_s[channels])

    def analyse(self, pixels):
        """Latents y (8 fractional bits) of uint8 pixels [B,3,H,W]."""
        block, small = pixel_inputs(pixels)
        return self.run(mf.ANALYSIS, small, self.run(mf.ANALYSIS_LINEAR, block))

    def hyper_latent(self, y, rows):
        """Integer z of latents."""
        return self.hyper_round(self.run(mf.HYPER_ANALYSIS, self.latq(y)), rows)

    def hyper_round(self, raw, rows):
        """z from the output of hyper analysis."""
        return torch.floor(raw.double() * self.zgain[rows] * 2. ** -(8 + self.model.levels.zs) + .5)

    def hyper_input(self, z, rows):
        """Input of role 3: scaled z and level features."""
        v = torch.floor(z * self.zinv[rows] * 2. ** -self.model.levels.zis + .5).clamp_(-128, 127).float()
        return torch.cat([v, self.feat[rows].float().expand(-1, -1, *z.shape[2:])], 1)

    def hyper_features(self, z, rows, h, w):
        """Features [B,H,h,w] from z."""
        return self.run(mf.HYPER_SYNTHESIS, self.hyper_input(z, rows))[..., :h, :w]

    def encode(self, y, rows, chooser, observer=None):
        """Codes latents y. -> decoded latents, bits [B] (hyper-latent included where there are tables).

        observer(slice, pass, r, rungs, rows) receives what the ladder sees: [B,P,c] integers."""
        rows = np.asarray(rows)
        h, w = y.shape[2:]
        z = self.hyper_latent(y, rows)
        bits = self.zcosts(z, rows) if self.zcosts else torch.zeros(len(y))
        hyper, seen, out, start = self.hyper_features(z, rows, h, w), [], [], 0
        even = parity(h, w)
        for i, c in enumerate(self.model.slices):
            part = slice(start, start + c)
            t = self.run(mf.TRUNK, torch.cat([hyper] + seen, 1), index=i)
            latents = torch.zeros(len(y), c, h, w, dtype=torch.float64)
            for second in (0, 1):
                if second:
                    f = self.run(mf.ANCHOR, torch.where(even, self.latq(latents, part), 0.), t, index=i)
                else:
                    f = self.run(mf.FIRST, t, index=i)
                pos = (even if second == 0 else ~even).reshape(-1).nonzero()[:, 0]
                part_bits = self._code(y[:, part], latents, self.run(mf.HEADS, f, index=i), pos, part, rows, chooser,
                                       observer and (lambda *a, i=i, s=second: observer(i, s, *a, rows)))
                bits = bits + part_bits
            seen.append(self.latq(latents, part))
            out.append(latents)
            start += c
        return torch.cat(out, 1), bits

    def _code(self, y, latents, heads, pos, part, rows, chooser, observer):
        """One pass of one slice: fills latents at the positions `pos`; returns bits [B]."""
        v, (b, c) = self.model.levels, y.shape[:2]
        pick = lambda t: t.reshape(b, c, -1)[:, :, pos].permute(0, 2, 1).double()
        row = lambda a: a[rows][:, part, 0].permute(0, 2, 1)
        mu, ls = pick(heads[:, :c]), pick(heads[:, c:])
        rungs = torch.floor((ls + row(self.loggain) + 128) / 256).clamp_(0, len(self.model.ladder.scalars) - 1).long()
        r = torch.floor((pick(y) - mu) * row(self.gain) * 2. ** -v.gs + .5).long()
        if observer:
            observer(r, rungs)
        lam, residual, bits = self.model.levels.lam[rows] / 65536, torch.empty_like(r), torch.zeros(b)
        for value in np.unique(lam):
            u = torch.from_numpy(lam == value)
            q, cost = chooser.choose(r[u].reshape(-1, 2), rungs[u].reshape(-1, 2), float(value))
            residual[u], bits[u] = q.reshape(-1, len(pos), c), cost.reshape(int(u.sum()), -1).sum(1)
        q = (mu + torch.floor(residual.double() * row(self.inv) * 2. ** -v.is_ + .5)).clamp_(-32768, 32767)
        latents.reshape(b, c, -1)[:, :, pos] = q.permute(0, 2, 1)
        return bits

    def synthesise(self, latents):
        """uint8 pixels [B,3,16h,16w] of decoded latents."""
        exact = self.model.net(mf.SYNTHESIS).tensors[0].type == mf.S16
        out = self.run(mf.SYNTHESIS, latents.float() if exact else self.latq(latents), self.run(mf.SYNTHESIS_LINEAR, latents.float()))
        return torch.floor((out + 32) / 64).clamp_(0, 255).to(torch.uint8)

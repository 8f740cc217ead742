"""The vqz networks in float: linear paths with light residual networks, hyper-latent, sliced checkerboard context.

Shapes: picture x [B,3,H,W] in -0.5..0.5, H and W multiples of 64; latent y [B,C,H/16,W/16] in orthonormal units (one
quantization step at the middle level); hyper-latent z [B,hyper,H/64,W/64]; lev [B] is the quality level of each sample.
Latents are predicted in one common scale; a level's gain applies to the residual alone: r = (y - mu) * gain.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from .layers import LEAK, Bott, Conv, Res

SYNTH_IN, SYNTH_OUT, ANALYSIS_IN = 0.3, 0.1, 4.0   # fixed scales that keep activations near one


def gauss_bits(v, mu, logs):
    """Bits of v under a Gaussian (mu, exp(logs)) integrated over one step."""
    inv = torch.exp(-logs.clamp(-3.5, 6.0)) * 0.5 ** 0.5
    d = (v - mu).abs()
    return -torch.log2((0.5 * (torch.erfc((d - 0.5) * inv) - torch.erfc((d + 0.5) * inv))).clamp_min(1e-9))


def straight(x, hard):
    """The value of `hard` with the gradient of x."""
    return x + (hard - x).detach()


def blocks(x):
    """[B,3,H,W] -> [B,768,H/16,W/16], the channel order of the linear paths."""
    return F.pixel_unshuffle(F.pixel_unshuffle(x, 4), 4)


def anchors(y):
    """Checkerboard mask [1,1,h,w]: true where the first pass codes."""
    h, w = y.shape[2:]
    rows, cols = torch.arange(h, device=y.device), torch.arange(w, device=y.device)
    return ((rows[:, None] + cols) % 2 == 0)[None, None]


class Codec(nn.Module):
    """The whole float codec. Parameter names and shapes are those of the published checkpoints."""

    def __init__(self, enc=(64, 128, 192), dec=(64, 128), nenc=(1, 1, 2), ndec=(2, 2),
                 slices=(16, 32, 48, 96, 128), levels=11, hyper=48, h=128):
        super().__init__()
        self.slices, self.levels, self.channels = tuple(slices), levels, sum(slices)
        e4, e8, e16 = enc
        d4, d8 = dec
        c = self.channels
        self.ga = nn.Sequential(
            nn.PixelUnshuffle(2), Conv(12, e4, 5, 2, edge=True), *[Res(e4) for _ in range(nenc[0])],
            Conv(e4, e8, 3, 2, edge=True), *[Res(e8) for _ in range(nenc[1])],
            Conv(e8, e16, 3, 2, edge=True), *[Res(e16) for _ in range(nenc[2])], Conv(e16, c))
        self.gs = nn.Sequential(
            Conv(c, 4 * d8), nn.PixelShuffle(2), *[Bott(d8, d8 // 2) for _ in range(ndec[0])],
            Conv(d8, 4 * d4), nn.PixelShuffle(2), *[Bott(d4, d4 // 2) for _ in range(ndec[1])],
            Conv(d4, 48, 3, edge=True))
        self.la, self.ls = Conv(768, c), Conv(c, 768)           # linear paths, set by klt.start()
        self.register_buffer("nrm", torch.ones(1, c, 1, 1))     # std^-0.5 per channel: networks see y * nrm
        span = 0.34657359 * (levels - 1) / 2                    # ln(2)/2 a level, centred
        # Gains are not trained: straight through, nothing but the rate would pull at them, and they would fall for ever. The scale of
        # the linear paths is free to move instead, and there the error of the quantizer is felt.
        self.loggain = nn.Parameter(torch.linspace(-span, span, levels)[:, None].repeat(1, c), requires_grad=False)
        self.ha = nn.Sequential(Conv(c, 128, 3, 2), nn.LeakyReLU(LEAK), Conv(128, 96, 3, 2), nn.LeakyReLU(LEAK),
                                Conv(96, hyper))
        self.hs = nn.Sequential(
            Conv(hyper + levels, 96, 3), nn.ReLU(), Conv(96, 384), nn.PixelShuffle(2), nn.ReLU(),
            Conv(96, 96, 3), nn.ReLU(), Conv(96, 4 * h), nn.PixelShuffle(2), nn.ReLU())
        self.zscale = nn.Parameter(torch.zeros(levels, hyper))
        self.zmean = nn.Parameter(torch.zeros(levels, hyper))
        self.zgain = nn.Parameter(torch.linspace(0.4, 1.4, levels)[:, None].repeat(1, hyper))
        prev = [sum(slices[:i]) for i in range(len(slices))]
        self.trunk = nn.ModuleList(Conv(h + p, h, 3 if p else 1) for p in prev)
        self.anch = nn.ModuleList(Conv(s, h, 3) for s in slices)
        self.mid = nn.ModuleList(Conv(h, h) for _ in slices)
        self.hmu = nn.ModuleList(Conv(h, s) for s in slices)
        self.hls = nn.ModuleList(Conv(h, s) for s in slices)
        self.latent_grid = None   # qat.py: rounds latents and means to the fixed point of the integer codec
        self.latq = None          # qat.py: quantizes what the networks see of the latents
        self.exact = False        # qat.py: but not what synthesis sees
        self._init_weights()

    def _init_weights(self):
        relu = {id(q) for part in (self.ha, self.hs, self.trunk, self.anch, self.mid) for q in part.modules()}
        for q in self.modules():
            if isinstance(q, nn.Conv2d):
                nn.init.kaiming_normal_(q.weight, nonlinearity="relu" if id(q) in relu else "linear")
                nn.init.zeros_(q.bias)
        for part in (self.hmu, self.hls, self.anch):
            for q in part:
                q.weight.data.mul_(0.3)
        # Residual branches and both networks start at zero: otherwise most hidden units die in the first 1,000 steps.
        last = [b.b for b in self.ga if isinstance(b, Res)] + [b.c for b in self.gs if isinstance(b, Bott)]
        for q in last + [self.ga[-1], self.gs[-1]]:
            nn.init.zeros_(q.weight)

    def seen(self, y, at=slice(None)):
        """What the networks see of the latents of channels `at`."""
        x = y * self.nrm[:, at]
        return x if self.latq is None else self.latq(x, at)

    def grid(self, y):
        return y if self.latent_grid is None else self.latent_grid(y)

    def analyse(self, x):
        y = self.ga(ANALYSIS_IN * x) / self.nrm
        with torch.autocast(x.device.type, enabled=False):
            return self.grid(y.float() + self.la(blocks(x)))

    def synth(self, y):
        n = SYNTH_OUT * self.gs(SYNTH_IN * (y * self.nrm if self.exact else self.seen(y))).float()
        with torch.autocast(y.device.type, enabled=False):
            return F.pixel_shuffle(n + F.pixel_shuffle(self.ls(y), 4), 4)

    def gain(self, lev):
        return torch.exp(self.loggain[lev])[:, :, None, None]

    def hyper(self, y, lev):
        """-> hyper features [B,h,H/16,W/16], bits of z [B]. Rounding is straight through; while training the rate
        is that of uniform noise."""
        gz = torch.exp(self.zgain[lev])[:, :, None, None]
        z = self.ha(self.seen(y)).float() * gz
        zq = straight(z, torch.round(z))
        noisy = z + torch.rand_like(z) - 0.5 if self.training else zq
        bits = gauss_bits(noisy, self.zmean[lev][:, :, None, None], self.zscale[lev][:, :, None, None])
        hot = F.one_hot(lev, self.levels).to(zq.dtype)[:, :, None, None].expand(-1, -1, *z.shape[2:])
        feats = self.hs(torch.cat([zq / gz, hot], 1))
        return feats[:, :, :y.shape[2], :y.shape[3]], bits.sum((1, 2, 3))

    def context(self, i, hyper_feats, earlier):
        """Features of slice i that both passes share; earlier: what is seen of the earlier slices."""
        return self.trunk[i](torch.cat([hyper_feats] + earlier, 1))

    def heads(self, i, t, own=None):
        """-> means and log-scales of slice i (latent units; before the gain). own: what is seen of the anchors, zero
        elsewhere, for the second pass."""
        f = F.relu(self.mid[i](F.relu(t if own is None else t + self.anch[i](own))))
        off = sum(self.slices[:i])
        mu = self.hmu[i](f).float() / self.nrm[:, off:off + self.slices[i]]
        return self.grid(mu), self.hls[i](f).float()

    def forward(self, x, lev, quantizer=None, amp=False):
        """-> picture, bits [B], dict of parts.

        quantizer None: the uniform-noise proxy. Otherwise quantizer(r, log_scale, mask) returns the hard value of r
        (in steps) at the positions of mask and 0 elsewhere; it goes straight through into contexts and synthesis,
        while the rate stays the proxy's.
        """
        def ac():
            return torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=amp)

        with ac():
            y = self.analyse(x)
            feats, zbits = self.hyper(y, lev)
        gain = self.gain(lev)
        even = anchors(y)
        outs, seen, ybits, commit, scales = [], [], [], [], []
        off = 0
        for i, c in enumerate(self.slices):
            at = slice(off, off + c)
            off += c
            v, g = y[:, at], gain[:, at]

            def choose(mu, ls, mask):
                r = (v - mu) * g
                hard = (torch.round(r) if quantizer is None else quantizer(r, ls, mask)).detach()
                return straight(v, self.grid(mu + hard / g)), r - hard

            with ac():
                t = self.context(i, feats, seen)
                mu0, ls0 = self.heads(i, t)
            ls0 = ls0 + torch.log(g)
            q0, d0 = choose(mu0, ls0, even)
            with ac():
                mu1, ls1 = self.heads(i, t, self.seen(q0 * even, at))
            ls1 = ls1 + torch.log(g)
            q1, d1 = choose(mu1, ls1, ~even)
            q, mu, ls = torch.where(even, q0, q1), torch.where(even, mu0, mu1), torch.where(even, ls0, ls1)
            noisy = v * g + torch.rand_like(v) - 0.5 if self.training else q * g
            ybits.append(gauss_bits(noisy, mu * g, ls).sum((1, 2, 3)))
            commit.append(torch.where(even, d0, d1).square().sum((1, 2, 3)))
            outs.append(q)
            seen.append(self.seen(q, at))
            scales.append(ls.detach())
        with ac():
            xh = self.synth(torch.cat(outs, 1))
        parts = dict(y=y, zbits=zbits, ybits=ybits, scales=torch.cat(scales, 1), commit=sum(commit) / y[0].numel())
        return xh.float(), zbits + sum(ybits), parts


def build(config):
    """The Codec of a config.ModelConfig."""
    return Codec(config.enc, config.dec, config.nenc, config.ndec, config.slices, config.levels, config.hyper, config.h)


def kmacs(model, size=256):
    """Thousand multiply-accumulates per pixel by part; both checkerboard passes counted as dense."""
    total = {}

    def count(name):
        def hook(layer, _, out):
            part = name.split(".")[0]
            total[part] = total.get(part, 0) + out.shape[2] * out.shape[3] * layer.weight.numel()
        return hook

    hooks = [q.register_forward_hook(count(n)) for n, q in model.named_modules() if isinstance(q, Conv)]
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size), torch.tensor([0]))
    for q in hooks:
        q.remove()
    return {k: v / size / size / 1e3 for k, v in total.items()}

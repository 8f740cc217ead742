"""Stage D: fake quantization that mirrors the integer codec (spec/arithmetic.md) in float, straight through.

Activations: 8 bits, unsigned after a ReLU, signed elsewhere; one step per channel, of a shape between "one for all" and
the channel's own range, since a reader's weights can absorb the difference. Residual trunks have the width of the layers
that read them; those of synthesis 16 bits with `wide`, which the layers read rounded to 8, and its first layer reads latents
of 16 bits then. What the networks see of the latents (LATQ) is signed 8 bits, one step per channel. Weights: symmetric,
8 bits (linear paths 16), one step per output channel after absorbing the input's steps. Latents and means have 8
fractional bits. Accumulators are exact in integers, and the 15-bit output multipliers are too fine to matter here.
"""
import torch

from .layers import Bott, Conv
from .model import straight

LATENT_STEP, LATENT_MAX = 1 / 256, 32767
LINEAR = ("la", "ls")                 # 16-bit paths
PIXELS = "ga.1"                       # its input is exact
ON_LATENTS = ("ha.0", "gs.0")
SYNTHESIS_IN = "gs.0"
HYPER_IN = "hs.0"                     # scaled hyper-latents and level features: one step per channel
MARGIN = 1.1                          # headroom where the range is the channel's own maximum
SAMPLES = 64                          # positions kept per observed tensor
LEVELS = [1.05 - 0.05 * i for i in range(14)]


def quantize(x, step, low, high):
    """Values of the grid step * (low..high). The gradient is one inside the range and zero outside."""
    t = (x / step).clamp(low, high)
    return (straight(t, torch.round(t)) * step).to(x.dtype)


def column(v):
    return v[None, :, None, None]


class Range:
    """Steps of a tensor's channels: observed during calibration, then fixed.

    own: every channel's step follows from its own maximum; otherwise step ~ maximum^0.5, the level by least squared error.
    """

    def __init__(self, bits, own=False):
        self.bits, self.own = bits, own
        self.peak, self.low, self.seen, self.step = None, 0.0, [], None

    def observe(self, x):
        flat = x.float().permute(1, 0, 2, 3).reshape(x.shape[1], -1)
        peak = flat.abs().amax(1)
        self.peak = peak if self.peak is None else torch.maximum(self.peak, peak)
        self.low = min(self.low, float(flat.min()))
        self.seen.append(flat[:, ::max(1, flat.shape[1] // SAMPLES)])

    def fix(self):
        signed = self.low < -1e-6
        top = 2 ** (self.bits - 1) - 1 if signed else 2 ** self.bits - 1
        self.limits = (-top - 1, top) if signed else (0, top)
        peak = self.peak.clamp_min(max(1e-9, float(self.peak.max()) / (1000 if self.own else 64)))
        if self.own:
            self.step = peak * MARGIN / top
            return
        full = peak.max() ** 0.5 * peak ** 0.5 / top
        sample = torch.cat(self.seen, 1).T[:, :, None, None]
        errors = [float((quantize(sample, column(full * f), *self.limits) - sample).square().sum()) for f in LEVELS]
        self.step = full * LEVELS[errors.index(min(errors))]
        self.seen = []

    def __call__(self, x, at=slice(None)):
        return quantize(x, column(self.step[at]), *self.limits)


class Fake:
    """Fake quantization of one convolution.

    own: Range of the first `head` input channels (all, without head), quantized here. latq, at: the Range of the latents
    and the channels of it that the remaining inputs are; they come quantized. Neither: the input is exact.
    """

    def __init__(self, weight_bits, own=None, head=None, latq=None, at=slice(None)):
        self.top = 2 ** (weight_bits - 1) - 1
        self.own, self.head, self.latq, self.at = own, head, latq, at

    def act(self, x):
        if self.own is None:
            return x
        if self.own.step is None:
            self.own.observe(x[:, :self.head].detach())
            return x
        mine = self.own(x[:, :self.head])
        return mine if self.head is None else torch.cat([mine, x[:, self.head:]], 1)

    def weight(self, w):
        parts = [(r, at) for r, at in ((self.own, slice(None)), (self.latq, self.at)) if r is not None]
        if any(r.step is None for r, _ in parts):
            return w
        scale = column(torch.cat([r.step[at] for r, at in parts])) if parts else 1.0
        w = w * scale
        step = w.detach().abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12) / self.top
        return quantize(w, step, -self.top, self.top) / scale


def grid(y):
    """Latents and means in the fixed point of the integer codec."""
    return quantize(y, LATENT_STEP, -LATENT_MAX - 1, LATENT_MAX)


def attach(codec, config):
    """Hooks fake quantization into a Codec in calibration mode, where ranges are observed. -> the ranges to fix, by the name of the
    convolution whose input they are of."""
    ranges = dict(latq=(latq := Range(config.act_bits, own=True)))
    ends = [sum(codec.slices[:i + 1]) for i in range(len(codec.slices))]
    for name, layer in codec.named_modules():
        if not isinstance(layer, Conv):
            continue
        part, bits = name.split("."), config.weight_bits
        i = int(part[1]) if len(part) > 1 else 0
        if name in LINEAR or (config.wide and name == SYNTHESIS_IN):
            layer.fake = Fake(16)
        elif name == PIXELS:
            layer.fake = Fake(bits)
        elif name in ON_LATENTS:
            layer.fake = Fake(bits, latq=latq)
        elif part[0] == "anch":
            layer.fake = Fake(bits, latq=latq, at=slice(ends[i] - codec.slices[i], ends[i]))
        else:
            ranges[name] = own = Range(config.act_bits, own=name == HYPER_IN)
            if part[0] == "trunk":
                head = codec.trunk[0].in_channels
                layer.fake = Fake(bits, own, head, latq, slice(0, ends[i] - codec.slices[i]))
            else:
                layer.fake = Fake(bits, own)

    def see(x, at):
        if latq.step is not None:
            return latq(x, at)
        if at == slice(None):
            latq.observe(x.detach())
        return x

    codec.latq, codec.latent_grid = see, grid
    widen(codec, config.wide)
    return ranges


def widen(codec, wide):
    """Whether synthesis reads latents as they are and keeps its residual trunks in 16 bits (whose rounding is too fine to matter)."""
    codec.exact = wide
    for layer in codec.gs:
        if isinstance(layer, Bott):
            layer.wide = wide


def detach(codec):
    """Back to plain float."""
    widen(codec, False)
    for layer in codec.modules():
        if isinstance(layer, Conv):
            layer.fake = None
    codec.latq = codec.latent_grid = None


@torch.no_grad()
def calibrate(codec, config, batches, levels, quantizer=None):
    """Attaches fake quantization with the ranges that `batches` show. -> the steps of all inputs by name, for the export."""
    ranges = attach(codec, config)
    codec.eval()
    for i, x in enumerate(batches):
        codec(x, (torch.arange(len(x), device=x.device) + i) % levels, quantizer)
    for r in ranges.values():
        r.fix()
    codec.train()
    return {name: r.step.clone() for name, r in ranges.items()}

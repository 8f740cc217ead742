"""Ranges of all activations: the float graphs run on training photos over all levels with rounding in the loop."""
import numpy as np
import torch

from . import modelfile as mf
from .codec import parity, pixel_inputs
from .graph import FEATURE_ONE, layers_of

SAMPLES = 40                              # positions kept per tensor and batch


class Recorder:
    """Largest magnitude per channel and a sample of positions for every named tensor."""
    def __init__(self):
        self.high, self.samples = {}, {}

    def __call__(self, name, x):
        """Record x [B,c,h,w] under a name."""
        flat = x.permute(1, 0, 2, 3).reshape(x.shape[1], -1)
        top = flat.abs().amax(1)
        self.high[name] = torch.maximum(self.high[name], top) if name in self.high else top
        self.samples.setdefault(name, []).append(flat[:, torch.randint(0, flat.shape[1], (SAMPLES,))].T.clone())

    def sample(self, name):
        """Recorded positions [n,c]."""
        return torch.cat(self.samples[name])


class FloatCodec:
    """The float codec on graphs. Means and log-scales are real; quantization rounds to whole steps."""
    def __init__(self, graphs, sd, shape):
        self.graphs, self.shape = graphs, shape
        self.nrm = sd['nrm'].float().reshape(1, -1, 1, 1)
        self.gain, self.zgain = sd['loggain'].float().exp()[:, :, None, None], sd['zgain'].float().exp()[:, :, None, None]

    @torch.no_grad()
    def run(self, pixels, levels, record=None):
        """uint8 [B,3,H,W], levels [B] -> output picture (pixel levels), latents y, decoded latents."""
        go = lambda role, *x, index=0: self.graphs[role, index].run(*x, record=record)
        block, small = pixel_inputs(pixels)
        y = go(mf.ANALYSIS, small, go(mf.ANALYSIS_LINEAR, block))
        gz = self.zgain[levels]
        z = torch.round(go(mf.HYPER_ANALYSIS, y * self.nrm) * gz) / gz
        hot = torch.nn.functional.one_hot(torch.as_tensor(levels), self.shape.levels).float()[:, :, None, None].expand(-1, -1, *z.shape[2:])
        h, w = y.shape[2:]
        hyper = go(mf.HYPER_SYNTHESIS, torch.cat([z, hot], 1))[..., :h, :w]
        even, seen, out, start = parity(h, w), [], [], 0
        for i, c in enumerate(self.shape.slices):
            part = slice(start, start + c)
            gain, nrm = self.gain[levels][:, part], self.nrm[:, part]
            t = go(mf.TRUNK, torch.cat([hyper] + seen, 1), index=i)
            quantize = lambda f: (lambda mu: mu + torch.round((y[:, part] - mu) * gain) / gain)(go(mf.HEADS, f, index=i)[:, :c])
            q = quantize(go(mf.FIRST, t, index=i)) * even
            q = torch.where(even, q, quantize(go(mf.ANCHOR, q * nrm, t, index=i)))
            seen.append(q * nrm)
            out.append(q)
            start += c
        q = torch.cat(out, 1)
        read = q if self.graphs[mf.SYNTHESIS, 0].nodes[0].type == mf.S16 else q * self.nrm
        return go(mf.SYNTHESIS, read, go(mf.SYNTHESIS_LINEAR, q)), y, q


def collect(codec, photos, batch=4, seed=0):
    """Recorder over photos [N,3,s,s], every level in turn."""
    torch.manual_seed(seed)
    record, levels = Recorder(), codec.shape.levels
    for i in range(0, len(photos), batch):
        x = photos[i:i + batch]
        codec.run(x, [(i + j) % levels for j in range(len(x))], record)
    return record


def importance(nodes):
    """Energy of the weights that read every channel of the tensors `nodes` (one name)."""
    total = sum((w.double() ** 2).sum((0, 2, 3)) for n in nodes for w in n.consumers)
    return total if isinstance(total, torch.Tensor) else torch.ones(nodes[0].channels, dtype=torch.float64)


def unit_of(sample, high, kind, weight, alpha=.5):
    """Real value of one integer step per channel [c]: shape high^alpha, level by least weighted squared error after clipping and rounding."""
    top = 255 if kind == mf.U8 else 127
    high = high.double().clamp_min(max(1e-9, float(high.max()) / 64))
    shape = (high / high.max()) ** alpha
    full = float((high / shape).max()) / top
    best = None
    for f in (1.05, 1., .95, .9, .85, .8, .75, .7, .65, .6, .55, .5, .45, .4):
        u = shape * full * f
        q = torch.clamp(torch.round(sample / u), 0 if kind == mf.U8 else -128, 255 if kind == mf.U8 else 127) * u
        error = float((((q - sample) ** 2).mean(0) * weight).sum())
        if best is None or error < best[0]:
            best = error, u
    return best[1].numpy()


def units(graphs, record, zgain, shape, alpha=.5, latq_margin=1.1):
    """Units of every calibrated tensor by name, the assembled ones (LATQ inputs, hyper input) included."""
    nodes = {}
    for g in graphs.values():
        for n in g.nodes:
            nodes.setdefault(n.name, []).append(n)
    out = {}
    latq = record.high['latq'].double().numpy() * latq_margin / 127
    z = np.maximum(record.high['zq'][:shape.z].double().numpy() * latq_margin, np.exp(-zgain).max(0)) / 127     # z = 1 must fit
    out['latq'] = np.maximum(latq, latq.max() * 1e-3)
    out['zq'] = np.concatenate([z, np.full(shape.levels, 1 / FEATURE_ONE)])
    for name, group in nodes.items():
        n = group[0]
        if n.unit is not None or name in out or name.split('.')[0] in ('context', 'own'):
            continue
        if n.type == mf.S16:
            out[name] = np.full(n.channels, max(float(record.high[name].max()), 1e-6) * 2 / 32767)
        else:
            out[name] = unit_of(record.sample(name).double(), record.high[name], n.type, importance(group), alpha)
    out.update(assembled(out, shape))
    return out


def assembled(units, shape):
    """Units of the inputs of a slice's context that are put together from other tensors."""
    out, start = {}, 0
    for i, c in enumerate(shape.slices):
        out[f'context.{i}'] = np.concatenate([units['hyper'], units['latq'][:start]])
        out[f'own.{i}'] = units['latq'][start:start + c]
        start += c
    return out


def trained(sd, shape, steps):
    """Units of the tensors by name from the steps that stage D trained with, which go by the convolution that reads the tensor."""
    steps = {k: v.double().numpy() for k, v in steps.items()}
    out, previous = {}, {}
    for net in ('ga', 'ha', 'hs', 'gs'):
        for i, (kind, p) in enumerate(layers_of(sd, net)):
            parts = dict(res=[p + '.a', p + '.b'], bott=[p + '.a', p + '.b', p + '.c'], conv=[p])[kind]
            for before, part in zip([previous.get(net)] + parts, parts):
                if i:
                    out[before] = steps[part]
            previous[net] = p
    out['hyper'] = steps['trunk.0']
    for i in range(len(shape.slices)):
        out[f'first.{i}'] = out[f'anch.{i}'] = steps[f'mid.{i}']
        out[f'features.{i}'] = steps[f'hmu.{i}']
    out['latq'] = steps['latq']
    out['zq'] = np.concatenate([np.maximum(steps['hs.0'][:shape.z], np.exp(-sd['zgain'].double().numpy()).max(0) / 127), np.full(shape.levels, 1 / FEATURE_ONE)])
    out.update(assembled(out, shape))
    return out

"""The networks of a float checkpoint as layer graphs in real units, one per (role, index) of spec/model.md.

Only names and shapes of the state dictionary are used. A graph's layers match the layers of the integer network one to one; constants of
the float model (input scaling, channel normalisation, output scaling) are folded into weights and biases here.
"""
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from . import modelfile as mf

LEAK = 1 / 8
RUNG_STEP, RUNG_LOW = .2, -3.0                     # rung r: log-scale RUNG_LOW + r * RUNG_STEP, in quantization steps
LATENT_UNIT, RUNG_UNIT, PIXEL_UNIT, FEATURE_ONE = 1 / 256, RUNG_STEP / 256, 1 / 64, 126
SYNTH_IN, SYNTH_OUT, ANALYSIS_IN = .3, .1, 4.      # constants of the float model's forward pass


@dataclass
class Node:
    """A tensor: storage type, and either fixed `unit` (real value of one integer step, per channel) or a name under which it is calibrated."""
    type: int
    channels: int
    name: str
    unit: np.ndarray | None = None
    zsplit: int = 0
    bound: int = 0
    consumers: list = field(default_factory=list)  # weights that read it: importance of its channels


@dataclass
class Op:
    """A layer in real units: weight [o,i,k,k] (None: pointwise requant)."""
    src: int
    dst: int
    weight: torch.Tensor | None
    bias: torch.Tensor | None
    stride: int = 1
    act: int = mf.NONE
    edge: int = 0
    shuffle: int = 1
    add: int = mf.NO_TENSOR


@dataclass
class Graph:
    """A network in real units."""
    role: int
    index: int
    nodes: list = field(default_factory=list)
    ops: list = field(default_factory=list)

    def input(self, kind, channels, name, unit=None, zsplit=0, bound=0):
        """Declare an input tensor; returns its number."""
        self.nodes.append(Node(kind, channels, name, unit, zsplit, bound))
        return len(self.nodes) - 1

    def layer(self, src, kind, name, weight=None, bias=None, unit=None, shuffle=1, **rest):
        """Append a layer and its output tensor; returns the tensor's number."""
        channels = self.nodes[src].channels if weight is None else weight.shape[0] // shuffle ** 2
        self.nodes.append(Node(kind, channels, name, unit, bound=32768 if kind == mf.S16 else 0))
        if weight is not None:
            self.nodes[src].consumers.append(weight)
        self.ops.append(Op(src, len(self.nodes) - 1, weight, bias, shuffle=shuffle, **rest))
        return len(self.nodes) - 1

    def run(self, *inputs, record=None):
        """Float forward pass; `record(name, tensor)` sees every tensor, inputs included."""
        values = dict(enumerate(inputs))
        if record:
            for i, v in values.items():
                record(self.nodes[i].name, v)
        for op in self.ops:
            x = values[op.src]
            if op.weight is not None:
                pad = (op.weight.shape[2] - 1) // 2
                if pad:
                    x = F.pad(x, (pad,) * 4, mode='replicate' if op.edge else 'constant')
                x = F.conv2d(x, op.weight, op.bias, stride=op.stride)
            if op.add != mf.NO_TENSOR:
                x = x + values[op.add]
            if op.act == mf.RELU:
                x = F.relu(x)
            elif op.act == mf.LEAKY:
                x = F.leaky_relu(x, LEAK)
            values[op.dst] = F.pixel_shuffle(x, op.shuffle) if op.shuffle > 1 else x
            if record:
                record(self.nodes[op.dst].name, values[op.dst])
        return values[self.ops[-1].dst]


@dataclass
class Shape:
    """Dimensions of a checkpoint."""
    channels: int
    z: int
    levels: int
    hyper: int
    slices: list


def shape_of(sd):
    """Dimensions from the state dictionary."""
    slices = [sd[f'hmu.{i}.weight'].shape[0] for i in range(sum(k.startswith('hmu.') and k.endswith('.weight') for k in sd))]
    return Shape(sd['la.weight'].shape[0], sd['zgain'].shape[1], sd['loggain'].shape[0], sd['trunk.0.weight'].shape[1], slices)


def layers_of(sd, net):
    """Names of the layers of a sequential network in order: ('conv'|'res'|'bott', prefix)."""
    numbers = sorted({int(k.split('.')[1]) for k in sd if k.startswith(net + '.')})
    kind = lambda p: 'bott' if p + '.c.weight' in sd else 'res' if p + '.a.weight' in sd else 'conv'
    return [(kind(f'{net}.{n}'), f'{net}.{n}') for n in numbers]


def _block_order():
    """Column of la (double pixel_unshuffle by 4) of element (Y*16+X)*3+c of the 16x16 block."""
    y, x, c = np.meshgrid(np.arange(16), np.arange(16), np.arange(3), indexing='ij')
    return torch.from_numpy((((c * 16 + (y % 4) * 4 + x % 4) * 16) + (y // 4) * 4 + x // 4).reshape(-1))


class GraphBuilder:
    """Makes the graphs of a checkpoint. wide: synthesis reads latents as s16, not through LATQ, and has its
    residual trunk as s16 (with an s8 copy for the convolutions).
    edge: 1 where analysis and synthesis were trained with edge padding, 0 where with zeros (the warm start)."""
    def __init__(self, sd, wide=False, edge=1):
        self.sd = {k: v.float() for k, v in sd.items()}
        self.shape, self.wide, self.edge = shape_of(sd), wide, edge
        self.nrm = self.sd['nrm'].reshape(-1)
        self.latent = lambda n: np.full(n, LATENT_UNIT)

    def weight(self, name):
        """(weight, bias) of a convolution."""
        return self.sd[name + '.weight'].clone(), self.sd[name + '.bias'].clone()

    def _pixel_input(self, w, b, factor):
        """Fold the input scaling: the float model sees factor * (p / 255 - 0.5), the integer network v = p - 128."""
        return w * factor / 255, b + w.sum((1, 2, 3)) * factor * (128 / 255 - .5)

    def analysis_linear(self):
        """Role 0."""
        g, (w, b) = Graph(mf.ANALYSIS_LINEAR, 0), self.weight('la')
        src = g.input(mf.S16, 768, 'block', np.ones(768), bound=128)
        g.layer(src, mf.S16, 'linear', *self._pixel_input(w[:, _block_order()], b, 1.), unit=self.latent(self.shape.channels))
        return g

    def _trunk_layer(self, g, src, name, w, b, **rest):
        """A layer whose output is a residual trunk: (trunk tensor, tensor that convolutions read)."""
        if g.role != mf.SYNTHESIS or not self.wide:
            t = g.layer(src, mf.S8, name, w, b, **rest)
            return t, t
        t = g.layer(src, mf.S16, name + '.wide', w, b, **rest)
        return t, g.layer(t, mf.S8, name)

    def analysis(self):
        """Role 1."""
        g, stages = Graph(mf.ANALYSIS, 0), layers_of(self.sd, 'ga')
        x = trunk = g.input(mf.S8, 12, 'pixels', np.ones(12))
        linear = g.input(mf.S16, self.shape.channels, 'linear', self.latent(self.shape.channels), bound=32768)
        for i, (kind, p) in enumerate(stages):
            if kind == 'res':
                h = g.layer(x, mf.S8, p + '.a', *self.weight(p + '.a'), act=mf.LEAKY, edge=self.edge)
                trunk, x = self._trunk_layer(g, h, p, *self.weight(p + '.b'), edge=self.edge, add=trunk)
            elif i < len(stages) - 1:
                w, b = self.weight(p)
                if i == 0:
                    w, b = self._pixel_input(w, b, ANALYSIS_IN)
                trunk, x = self._trunk_layer(g, x, p, w, b, stride=2, edge=self.edge)
            else:
                w, b = self.weight(p)
                g.layer(x, mf.S16, 'latents', w / self.nrm[:, None, None, None], b / self.nrm, unit=self.latent(self.shape.channels), add=linear)
        return g

    def hyper_analysis(self):
        """Role 2: convolutions with stride 2 and leaky ReLU between them, the last one plain."""
        g, stages = Graph(mf.HYPER_ANALYSIS, 0), layers_of(self.sd, 'ha')
        x = g.input(mf.S8, self.shape.channels, 'latq')
        for _, p in stages[:-1]:
            x = g.layer(x, mf.S8, p, *self.weight(p), stride=2, act=mf.LEAKY)
        g.layer(x, mf.S16, 'z', *self.weight(stages[-1][1]), unit=np.full(self.shape.z, 1 / 256))
        return g

    def hyper_synthesis(self):
        """Role 3: 3x3 convolutions, and 1x1 convolutions with a shuffle by 2; ReLU after each."""
        g, stages = Graph(mf.HYPER_SYNTHESIS, 0), layers_of(self.sd, 'hs')
        x = g.input(mf.S8, self.shape.z + self.shape.levels, 'zq')
        for i, (_, p) in enumerate(stages):
            w, b = self.weight(p)
            x = g.layer(x, mf.U8, 'hyper' if i == len(stages) - 1 else p, w, b, act=mf.RELU, shuffle=2 if w.shape[2] == 1 else 1)
        return g

    def context(self, i):
        """Roles 4 to 7 of a slice."""
        c, hyper, prev = self.shape.slices[i], self.shape.hyper, sum(self.shape.slices[:i])
        trunk = Graph(mf.TRUNK, i)
        trunk.layer(trunk.input(mf.MIXED, hyper + prev, f'context.{i}', zsplit=hyper), mf.S16, f'trunk.{i}', *self.weight(f'trunk.{i}'))
        anchor = Graph(mf.ANCHOR, i)
        own = anchor.input(mf.S8, c, f'own.{i}')
        t = anchor.input(mf.S16, hyper, f'trunk.{i}', bound=32768)
        h = anchor.layer(own, mf.U8, f'anch.{i}', *self.weight(f'anch.{i}'), act=mf.RELU, add=t)
        anchor.layer(h, mf.U8, f'features.{i}', *self.weight(f'mid.{i}'), act=mf.RELU)
        heads = Graph(mf.HEADS, i)
        (wm, bm), (ws, bs), nrm = self.weight(f'hmu.{i}'), self.weight(f'hls.{i}'), self.nrm[prev:prev + c]
        heads.layer(heads.input(mf.U8, hyper, f'features.{i}'), mf.S16, f'heads.{i}', torch.cat([wm / nrm[:, None, None, None], ws]),
                    torch.cat([bm / nrm, bs - RUNG_LOW]), unit=np.concatenate([self.latent(c), np.full(c, RUNG_UNIT)]))
        first = Graph(mf.FIRST, i)
        h = first.layer(first.input(mf.S16, hyper, f'trunk.{i}', bound=32768), mf.U8, f'first.{i}', act=mf.RELU)
        first.layer(h, mf.U8, f'features.{i}', *self.weight(f'mid.{i}'), act=mf.RELU)
        return [trunk, anchor, heads, first]

    def synthesis_linear(self):
        """Role 8."""
        g, (w, b) = Graph(mf.SYNTHESIS_LINEAR, 0), self.weight('ls')
        src = g.input(mf.S16, self.shape.channels, 'decoded', self.latent(self.shape.channels), bound=32768)
        g.layer(src, mf.S16, 'picture', w * 255, b * 255 + 127.5, unit=np.full(48, PIXEL_UNIT), shuffle=4)
        return g

    def synthesis(self):
        """Role 9."""
        g, stages = Graph(mf.SYNTHESIS, 0), layers_of(self.sd, 'gs')
        channels = self.shape.channels
        x = trunk = g.input(mf.S16, channels, 'decoded', self.latent(channels), bound=32768) if self.wide else g.input(mf.S8, channels, 'latq')
        linear = g.input(mf.S16, 48, 'picture', np.full(48, PIXEL_UNIT), bound=32768)
        for i, (kind, p) in enumerate(stages):
            if kind == 'bott':
                h = g.layer(x, mf.U8, p + '.a', *self.weight(p + '.a'), act=mf.RELU, edge=self.edge)
                h = g.layer(h, mf.U8, p + '.b', *self.weight(p + '.b'), act=mf.RELU, edge=self.edge)
                trunk, x = self._trunk_layer(g, h, p, *self.weight(p + '.c'), edge=self.edge, add=trunk)
            elif i < len(stages) - 1:
                w, b = self.weight(p)
                if i == 0:
                    w = w * (SYNTH_IN * self.nrm[None, :, None, None] if self.wide else SYNTH_IN)
                trunk, x = self._trunk_layer(g, x, p, w, b, shuffle=2, edge=self.edge)
            else:
                w, b = self.weight(p)
                g.layer(x, mf.S16, 'output', w * SYNTH_OUT * 255, b * SYNTH_OUT * 255, unit=np.full(3, PIXEL_UNIT), shuffle=4, edge=self.edge, add=linear)
        return g

    def build(self):
        """All graphs by (role, index)."""
        graphs = [self.analysis_linear(), self.analysis(), self.hyper_analysis(), self.hyper_synthesis(), self.synthesis_linear(), self.synthesis()]
        for i in range(len(self.shape.slices)):
            graphs += self.context(i)
        return {(g.role, g.index): g for g in graphs}

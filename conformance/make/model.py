"""Small models by formula (spec/model.md), their files, and their networks as far as a writer of tiles needs them (spec/arithmetic.md)."""
import hashlib
import struct
from dataclasses import dataclass, field
from operator import mul

U8, S8, S16, MIXED = range(4)
NONE, RELU, LEAKY = range(3)
NO_ADD = 255
HYPER_SYNTHESIS, TRUNK, ANCHOR, HEADS, FIRST, LINEAR, SYNTHESIS = range(3, 10)


def clamp(v, lo, hi):
    """v limited to lo..hi."""
    return lo if v < lo else hi if v > hi else v


@dataclass
class Tensor:
    """As the file declares it."""
    type: int
    channels: int
    zsplit: int = 0
    bound: int = 0

    def limits(self, c):
        """Least and largest value of a channel."""
        if self.type == S16:
            return -self.bound, min(self.bound, 32767)
        return (0, 255) if self.type == U8 or (self.type == MIXED and c < self.zsplit) else (-128, 127)

    def largest(self, c):
        """Largest |value| of a channel."""
        return -self.limits(c)[0] or 255


@dataclass
class Layer:
    """As the file declares it; w[o] are the k*k*cin weights of an output channel, None for requant."""
    src: int
    dst: int
    cout: int
    k: int = 1
    stride: int = 1
    act: int = NONE
    edge: int = 0
    shuffle: int = 1
    add: int = NO_ADD
    w: list | None = None
    bias: list = field(default_factory=list)
    m: list = field(default_factory=list)
    s: list = field(default_factory=list)
    n: list = field(default_factory=list)
    op: int = -1                    # -1: what w says
    reserved: int = 0


@dataclass
class Plane:
    """Values of a tensor: v[y * w + x] is the list of a position's channels."""
    h: int
    w: int
    v: list


class Net:
    """One network."""
    def __init__(self, role, index, inputs):
        self.role, self.index, self.tensors, self.layers = role, index, list(inputs), []
        self.inputs = len(self.tensors)

    def layer(self, rnd, to, src=None, k=1, add=NO_ADD, shuffle=1, scale=1.0, requant=False, wild=False, **more):
        """Appends a layer that writes a new tensor, with random arrays: results fill about `scale` times the range of `to`."""
        src = len(self.tensors) - 1 if src is None else src
        self.tensors.append(to)
        here = self.tensors[src]
        cout = to.channels * shuffle * shuffle
        y = Layer(src, len(self.tensors) - 1, cout, k=k, shuffle=shuffle, add=add, **more)
        taps, wide = k * k * here.channels, here.type == S16
        channel = [here.largest(c) for c in range(here.channels)] * (k * k)
        typical = [min(v, 2500) / 2 for v in channel]
        top = min(32767 if wide else 127, ((1 << 30) - 1) // sum(channel))
        addend = self.tensors[add] if add != NO_ADD else None
        if not requant:
            y.w = [[rnd.between(-top, top) for _ in range(taps)] for _ in range(cout)]
        for o in range(cout):
            spread = typical[o] if requant else sum((w * t) ** 2 for w, t in zip(y.w[o], typical)) ** 0.5
            lo, hi = to.limits(o // shuffle ** 2)
            m = rnd.between(8000, 32767)
            s = clamp(round(spread * m / ((hi - lo) * 0.3 * scale) + 1).bit_length(), 1, 46)
            n = rnd.between(-3, 3) * (1 << s) // (2 * addend.largest(o)) * (hi - lo) // 4 if addend else 0
            if wild and rnd.chance(0.15):
                m, s, n = rnd.of(((1, 1, -1 << 31), (32767, 46, (1 << 31) - 1), (32767, 1, 0), (1, 46, -1 << 31), (rnd.between(1, 9), rnd.between(1, 9), 5)))
            y.m.append(m)
            y.s.append(s)
            if not requant:
                y.bias.append(int(spread * rnd.between(-100, 100) / 100))
            if addend:
                y.n.append(clamp(n, -1 << 31, (1 << 31) - 1))
        self.layers.append(y)
        return self

    def to_bytes(self):
        """As in the file."""
        out = [struct.pack('<4B', self.role, self.index, len(self.tensors), len(self.layers))]
        out += [struct.pack('<BBHHH', t.type, 0, t.channels, t.zsplit, t.bound) for t in self.tensors]
        for y in self.layers:
            op = y.op if y.op >= 0 else y.w is None
            out.append(struct.pack('<10BH', op, y.k, y.stride, y.act, y.edge, y.shuffle, y.src, y.dst, y.add, y.reserved, y.cout))
            if y.w is not None:
                code = 'h' if self.tensors[y.src].type == S16 else 'b'
                out += [struct.pack(f'<{len(row)}{code}', *row) for row in y.w]
                out.append(struct.pack(f'<{len(y.bias)}i', *y.bias))
            out.append(struct.pack(f'<{len(y.m)}H', *y.m) + bytes(y.s) + struct.pack(f'<{len(y.n)}i', *y.n))
        return b''.join(out)

    def run(self, *inputs):
        """The output from input planes."""
        planes = list(inputs) + [None] * len(self.layers)
        for y in self.layers:
            planes[y.dst] = self._run_layer(y, planes[y.src], planes[y.add] if y.add != NO_ADD else None)
        return planes[self.layers[-1].dst]

    def _run_layer(self, y, src, add):
        h, w, p, r = -(-src.h // y.stride), -(-src.w // y.stride), (y.k - 1) // 2, y.shuffle
        info, zero = self.tensors[y.dst], [0] * self.tensors[y.src].channels
        out = Plane(h * r, w * r, [[0] * info.channels for _ in range(h * r * w * r)])
        for at in range(h * w):
            patch = []
            for i in range(y.k):
                for j in range(y.k):
                    yy, xx = at // w * y.stride + i - p, at % w * y.stride + j - p
                    cy, cx = clamp(yy, 0, src.h - 1), clamp(xx, 0, src.w - 1)
                    patch += zero if not y.edge and (cy, cx) != (yy, xx) else src.v[cy * src.w + cx]
            for o in range(y.cout):
                t = (patch[o] if y.w is None else y.bias[o] + sum(map(mul, y.w[o], patch))) * y.m[o]
                if add:
                    t += add.v[at][o] * y.n[o]
                if y.act == LEAKY and t < 0:
                    t >>= 3
                c, i, j = o // (r * r), o // r % r, o % r
                lo, hi = info.limits(c)
                out.v[(at // w * r + i) * out.w + at % w * r + j][c] = clamp(t + (1 << y.s[o] - 1) >> y.s[o], 0 if y.act == RELU else lo, hi)
        return out


@dataclass
class Level:
    """A row of LEVL."""
    lam: int
    gain: list
    inv: list
    loggain: list
    zgain: list
    zinv: list
    feat: list
    ztab: list
    zoff: list


@dataclass
class Book:
    """A codebook: values (numbers or pairs), frequencies with the escape's last, shift."""
    value: list
    freq: list
    shift: int = 0


def frequencies(rnd, n, least=1):
    """n of them, falling towards the ends, sum 32768."""
    weights = [1 + 400 // (1 + abs(2 * i - n + 2) ** 2) + rnd.below(4) for i in range(n)]
    f = [max(least, 32000 * w // sum(weights)) for w in weights]
    f[n // 2 - (n > 2)] += 32768 - sum(f)
    return f


@dataclass
class Model:
    """Everything in a file."""
    info: str
    Z: int
    F: int
    H: int
    slices: list
    nets: list
    latq: list                      # (m, s) of each channel
    shifts: tuple                   # gain, inverse, z gain, z inverse
    levels: list
    top: int
    scalars: list
    pairs: list
    map: list                       # [larger][smaller]
    ztables: list

    @property
    def C(self):
        """Latent channels."""
        return sum(self.slices)

    def net(self, role, index=0):
        """The network of a role and index."""
        return next(n for n in self.nets if (n.role, n.index) == (role, index))

    def sections(self):
        """(type, contents) of the file."""
        arch = struct.pack(f'<5H{len(self.slices)}HH', self.C, self.Z, self.F, self.H, len(self.slices), *self.slices, 0)
        nets = struct.pack('<H', len(self.nets)) + b''.join(n.to_bytes() for n in self.nets)
        latq = struct.pack(f'<{len(self.latq)}H', *(m for m, _ in self.latq)) + bytes(s for _, s in self.latq)
        levl = struct.pack('<5H', len(self.levels), *self.shifts)
        for v in self.levels:
            for numbers, code in (([v.lam], 'I'), (v.gain, 'H'), (v.inv, 'H'), (v.loggain, 'h'), (v.zgain, 'H'), (v.zinv, 'H'), (v.feat, 'b'), (v.ztab, 'B'), (v.zoff, 'b')):
                levl += struct.pack(f'<{len(numbers)}{code}', *numbers)
        ladr = struct.pack('<BBH', len(self.scalars), self.top, len(self.pairs))
        for b in self.scalars:
            ladr += struct.pack(f'<HBB{len(b.value)}h{len(b.freq)}H', len(b.value), b.shift, 0, *b.value, *b.freq)
        for b in self.pairs:
            ladr += struct.pack(f'<HH{2 * len(b.value)}h{len(b.freq)}H', len(b.value), 0, *(v for pair in b.value for v in pair), *b.freq)
        ladr += b''.join(struct.pack(f'<{len(row)}H', *row) for row in self.map)
        ztab = struct.pack('<H', len(self.ztables)) + b''.join(struct.pack(f'<BB{len(f)}H', len(f) // 2 - 1, 0, *f) for f in self.ztables)
        return [[b'INFO', self.info.encode()], [b'ARCH', arch], [b'NETS', nets], [b'LATQ', latq], [b'LEVL', levl], [b'LADR', ladr], [b'ZTAB', ztab]]

    def to_bytes(self):
        """The file."""
        return file_of_sections(self.sections())


def file_of_sections(sections):
    """A model file."""
    return b'VQZM\1\0\0\0' + b''.join(t + struct.pack('<I', len(b)) + b for t, b in sections)


def model_id(data):
    """The model id of a file."""
    return hashlib.sha256(data[16 + struct.unpack_from('<I', data, 12)[0]:]).digest()[:16]

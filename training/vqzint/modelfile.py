"""Reading and writing of model files (.vqzm, spec/model.md): plain data classes, no arithmetic."""
import hashlib
import struct
from dataclasses import dataclass, field

import numpy as np

U8, S8, S16, MIXED = 0, 1, 2, 3
CONV, REQUANT = 0, 1
NONE, RELU, LEAKY = 0, 1, 2
NO_TENSOR = 255
ANALYSIS_LINEAR, ANALYSIS, HYPER_ANALYSIS, HYPER_SYNTHESIS, TRUNK, ANCHOR, HEADS, FIRST, SYNTHESIS_LINEAR, SYNTHESIS = range(10)
PER_SLICE = (TRUNK, ANCHOR, HEADS, FIRST)
SECTIONS = (b'INFO', b'ARCH', b'NETS', b'LATQ', b'LEVL', b'LADR', b'ZTAB')


@dataclass
class Tensor:
    """A tensor as the file declares it; `bound` only for s16, `zsplit` only for mixed."""
    type: int
    channels: int
    zsplit: int = 0
    bound: int = 0


@dataclass
class Layer:
    """A layer with its arrays: weights [cout,k,k,cin] (None for requant), bias, m, s, n (None without addend)."""
    op: int
    k: int
    stride: int
    act: int
    edge: int
    shuffle: int
    src: int
    dst: int
    add: int
    m: np.ndarray
    s: np.ndarray
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None
    n: np.ndarray | None = None


@dataclass
class Net:
    """A network: role and index of spec/model.md; the first `inputs` tensors are those no layer writes."""
    role: int
    index: int
    tensors: list
    layers: list

    @property
    def inputs(self):
        """Number of input tensors."""
        return len(self.tensors) - len({layer.dst for layer in self.layers})


@dataclass
class Levels:
    """Quality rows; arrays have the row as first index. Shifts: fractional bits of gain, inv, zgain, zinv."""
    lam: np.ndarray
    gain: np.ndarray
    inv: np.ndarray
    loggain: np.ndarray
    zgain: np.ndarray
    zinv: np.ndarray
    feat: np.ndarray
    ztab: np.ndarray
    zoff: np.ndarray
    gs: int
    is_: int
    zs: int
    zis: int


@dataclass
class Codebook:
    """Values [n] or [n,2] with 8 fractional bits, freq [n+1] with the escape last, shift (scalar only)."""
    values: np.ndarray
    freq: np.ndarray
    shift: int = 0


@dataclass
class Ladder:
    """Scalar codebook of every rung, pair codebooks, map [top+1, top+1] from (larger rung, smaller rung)."""
    top: int
    scalars: list
    pairs: list
    map: np.ndarray


@dataclass
class Model:
    """Everything in a model file. ztables: frequency arrays of 2M+2 entries, escape last."""
    info: dict
    z: int
    features: int
    hyper: int
    slices: list
    nets: list
    latq_m: np.ndarray
    latq_s: np.ndarray
    levels: Levels
    ladder: Ladder
    ztables: list = field(default_factory=list)

    @property
    def channels(self):
        """Latent channels."""
        return sum(self.slices)

    def net(self, role, index=0):
        """The network of a role and index."""
        return next(n for n in self.nets if (n.role, n.index) == (role, index))


def _bytes(array, dtype):
    """Little-endian bytes of an array, refusing values that the type cannot hold."""
    array = np.asarray(array)
    limits = np.iinfo(dtype)
    if array.size and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError(f'values {array.min()}..{array.max()} do not fit {dtype}')
    return array.astype(np.dtype(dtype).newbyteorder('<')).tobytes()


def _net_bytes(net):
    out = [struct.pack('<4B', net.role, net.index, len(net.tensors), len(net.layers))]
    out += [struct.pack('<BBHHH', t.type, 0, t.channels, t.zsplit, t.bound) for t in net.tensors]
    for y in net.layers:
        out.append(struct.pack('<10BH', y.op, y.k, y.stride, y.act, y.edge, y.shuffle, y.src, y.dst, y.add, 0, len(y.m)))
        if y.op == CONV:
            out.append(_bytes(y.weights, 'int16' if net.tensors[y.src].type == S16 else 'int8'))
            out.append(_bytes(y.bias, 'int32'))
        out += [_bytes(y.m, 'uint16'), _bytes(y.s, 'uint8')]
        if y.add != NO_TENSOR:
            out.append(_bytes(y.n, 'int32'))
    return b''.join(out)


def _levels_bytes(v):
    out = [struct.pack('<5H', len(v.lam), v.gs, v.is_, v.zs, v.zis)]
    columns = ((v.lam, 'uint32'), (v.gain, 'uint16'), (v.inv, 'uint16'), (v.loggain, 'int16'), (v.zgain, 'uint16'),
               (v.zinv, 'uint16'), (v.feat, 'int8'), (v.ztab, 'uint8'), (v.zoff, 'int8'))
    for row in range(len(v.lam)):
        out += [_bytes(a[row], t) for a, t in columns]
    return b''.join(out)


def _ladder_bytes(ladder):
    out = [struct.pack('<BBH', len(ladder.scalars), ladder.top, len(ladder.pairs))]
    for book in ladder.scalars:
        out += [struct.pack('<HBB', len(book.values), book.shift, 0), _bytes(book.values, 'int16'), _bytes(book.freq, 'uint16')]
    for book in ladder.pairs:
        out += [struct.pack('<HH', len(book.values), 0), _bytes(book.values, 'int16'), _bytes(book.freq, 'uint16')]
    return b''.join(out) + _bytes(ladder.map, 'uint16')


def _ztab_bytes(tables):
    out = [struct.pack('<H', len(tables))]
    for freq in tables:
        out += [struct.pack('<BB', len(freq) // 2 - 1, 0), _bytes(freq, 'uint16')]
    return b''.join(out)


def to_bytes(model):
    """The whole file."""
    info = ''.join(f'{k}={v}\n' for k, v in model.info.items()).encode()
    arch = struct.pack('<5H', model.channels, model.z, model.features, model.hyper, len(model.slices))
    arch += _bytes(model.slices, 'uint16') + struct.pack('<H', 0)
    nets = sorted(model.nets, key=lambda n: (n.role, n.index))
    bodies = (info, arch, struct.pack('<H', len(nets)) + b''.join(_net_bytes(n) for n in nets),
              _bytes(model.latq_m, 'uint16') + _bytes(model.latq_s, 'uint8'), _levels_bytes(model.levels),
              _ladder_bytes(model.ladder), _ztab_bytes(model.ztables))
    return b'VQZM' + struct.pack('<HH', 1, 0) + b''.join(t + struct.pack('<I', len(b)) + b for t, b in zip(SECTIONS, bodies))


def model_id(data):
    """First 16 bytes of the SHA-256 of everything after the INFO section, as hexadecimal digits."""
    size = struct.unpack_from('<I', data, 12)[0]
    return hashlib.sha256(data[16 + size:]).hexdigest()[:32]


class _Reader:
    """Sequential reader of a section; running past the end raises."""
    def __init__(self, data):
        self.data, self.pos = data, 0

    def unpack(self, form):
        """Values of a struct format."""
        v = struct.unpack_from('<' + form, self.data, self.pos)
        self.pos += struct.calcsize('<' + form)
        return v

    def array(self, dtype, *shape):
        """The next array."""
        count = int(np.prod(shape))
        a = np.frombuffer(self.data, np.dtype(dtype).newbyteorder('<'), count, self.pos).reshape(shape)
        self.pos += a.nbytes
        return a.astype(dtype)

    def end(self):
        """Nothing may be left."""
        if self.pos != len(self.data):
            raise ValueError(f'{len(self.data) - self.pos} bytes too many')


def _read_net(r):
    role, index, tensors, layers = r.unpack('4B')
    net = Net(role, index, [], [])
    for _ in range(tensors):
        t, _, channels, zsplit, bound = r.unpack('BBHHH')
        net.tensors.append(Tensor(t, channels, zsplit, bound))
    for _ in range(layers):
        op, k, stride, act, edge, shuffle, src, dst, add, _, cout = r.unpack('10BH')
        weights = bias = n = None
        if op == CONV:
            weights = r.array('int16' if net.tensors[src].type == S16 else 'int8', cout, k, k, net.tensors[src].channels)
            bias = r.array('int32', cout)
        m, s = r.array('uint16', cout), r.array('uint8', cout)
        if add != NO_TENSOR:
            n = r.array('int32', cout)
        net.layers.append(Layer(op, k, stride, act, edge, shuffle, src, dst, add, m, s, weights, bias, n))
    return net


def _read_levels(r, c, z, f):
    n, gs, is_, zs, zis = r.unpack('5H')
    columns = (('uint32', 1), ('uint16', c), ('uint16', c), ('int16', c), ('uint16', z), ('uint16', z), ('int8', f), ('uint8', z), ('int8', z))
    rows = [[r.array(t, k) for t, k in columns] for _ in range(n)]
    table = [np.stack(col) for col in zip(*rows)]
    return Levels(table[0][:, 0], *table[1:], gs, is_, zs, zis)


def _read_ladder(r):
    rungs, top, count = r.unpack('BBH')
    scalars, pairs = [], []
    for _ in range(rungs):
        n, shift, _ = r.unpack('HBB')
        scalars.append(Codebook(r.array('int16', n), r.array('uint16', n + 1), shift))
    for _ in range(count):
        n, _ = r.unpack('HH')
        pairs.append(Codebook(r.array('int16', n, 2), r.array('uint16', n + 1)))
    return Ladder(top, scalars, pairs, r.array('uint16', top + 1, top + 1))


def from_bytes(data):
    """A Model from the bytes of a file; raises on malformed sections (the C loader holds the complete checks)."""
    if data[:4] != b'VQZM' or struct.unpack_from('<HH', data, 4) != (1, 0):
        raise ValueError('not a version 1 model file')
    pos, r = 8, {}
    for name in SECTIONS:
        if data[pos:pos + 4] != name:
            raise ValueError(f'section {name.decode()} missing')
        size = struct.unpack_from('<I', data, pos + 4)[0]
        r[name] = _Reader(data[pos + 8:pos + 8 + size])
        pos += 8 + size
    if pos != len(data):
        raise ValueError('bytes after the last section')
    info = dict(line.split('=', 1) for line in r[b'INFO'].data.decode().splitlines())
    r[b'INFO'].pos = len(r[b'INFO'].data)
    channels, z, features, hyper, count = r[b'ARCH'].unpack('5H')
    slices = [int(v) for v in r[b'ARCH'].array('uint16', count)]
    r[b'ARCH'].unpack('H')
    nets = [_read_net(r[b'NETS']) for _ in range(r[b'NETS'].unpack('H')[0])]
    latq = r[b'LATQ'].array('uint16', channels), r[b'LATQ'].array('uint8', channels)
    levels = _read_levels(r[b'LEVL'], channels, z, features)
    ladder = _read_ladder(r[b'LADR'])
    tables = []
    for _ in range(r[b'ZTAB'].unpack('H')[0]):
        tables.append(r[b'ZTAB'].array('uint16', 2 * r[b'ZTAB'].unpack('BB')[0] + 2))
    for reader in r.values():
        reader.end()
    return Model(info, z, features, hyper, slices, nets, *latq, levels, ladder, tables)


def load(path):
    """Model of a file."""
    with open(path, 'rb') as f:
        return from_bytes(f.read())


def save(model, path):
    """Write a file; returns (model id, size in bytes)."""
    data = to_bytes(model)
    with open(path, 'wb') as f:
        f.write(data)
    return model_id(data), len(data)

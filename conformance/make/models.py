"""The models of the vectors. None is good for pictures; together they use what a model file can say."""
from coding import Random
from model import (FIRST, HEADS, HYPER_SYNTHESIS, LEAKY, LINEAR, MIXED, RELU, S8, S16, SYNTHESIS, TRUNK, ANCHOR, U8, Book, Level, Model, Net, Tensor,
                   frequencies)


def s16(channels, bound=32768):
    """A tensor type."""
    return Tensor(S16, channels, 0, bound)


def u8(channels):
    """A tensor type."""
    return Tensor(U8, channels)


def s8(channels):
    """A tensor type."""
    return Tensor(S8, channels)


def mixed(channels, zsplit):
    """A tensor type."""
    return Tensor(MIXED, channels, zsplit)


def analysis(rnd, c, z):
    """Roles 0 to 2, which decoders check and do not run."""
    a = Net(0, 0, [s16(768, 128)]).layer(rnd, s16(c, 20000))
    b = Net(1, 0, [s8(12), s16(c, 20000)]).layer(rnd, s8(4), src=0, k=5, stride=2, edge=1).layer(rnd, s8(6), k=3, stride=2, act=LEAKY)
    b.layer(rnd, s16(c), k=3, stride=2, add=1, scale=0.1)
    return [a, b, Net(2, 0, [s8(c)]).layer(rnd, s8(4), k=3, stride=2, act=LEAKY).layer(rnd, s16(z, 3000), k=3, stride=2)]


def levels(rnd, n, c, z, f, tables, shift):
    """Rows of LEVL, finer from row to row."""
    out = []
    for i in range(n):
        steps = [8.0 / 2 ** (i * 3 / n) * (1 + k / c) for k in range(c)]
        out.append(Level(6000 + i, [max(1, round((1 << shift) / s)) for s in steps], [min(65535, round((1 << shift) * s)) for s in steps],
                         [rnd.between(-200, 200) + 150 * i for _ in range(c)], [rnd.between(1, 300) for _ in range(z)], [rnd.between(0, 4000) for _ in range(z)],
                         [rnd.between(-128, 127) for _ in range(f)], [rnd.below(tables) for _ in range(z)], [rnd.between(-9, 9) for _ in range(z)]))
    return out


def scalar_book(rnd, r, shift):
    """Scalar codebook of rung r."""
    n = 3 + 2 * (r % 12)
    step = 256 if shift else rnd.between(150, 300)
    return Book([step * (i - n // 2) for i in range(n)], frequencies(rnd, n + 1), shift)


def pair_book(rnd, n, reach):
    """Pair codebook of n codewords."""
    return Book([(0, 0)] + [(rnd.between(-reach, reach), rnd.between(-reach, reach)) for _ in range(n - 1)], frequencies(rnd, n + 1))


def triangle(rnd, top, pairs):
    """The map of LADR."""
    return [[rnd.below(pairs) if b <= a else 0 for b in range(top + 1)] for a in range(top + 1)]


def in_order(nets):
    """As the file has them."""
    return sorted(nets, key=lambda n: (n.role, n.index))


def heads(rnd, index, features, c, rungs, scale=0.05):
    """Role 6: means of some units, scales around the middle of the ladder."""
    net = Net(HEADS, index, [u8(features)]).layer(rnd, s16(2 * c, 30000), scale=scale)
    y = net.layers[0]
    for o in range(c, 2 * c):
        y.bias[o] = (128 * rungs << y.s[o]) // y.m[o]
        y.bias[o] = min(max(y.bias[o], -(1 << 28)), 1 << 28)
    return net


def plain():
    """Two slices, every part as simple as can be."""
    rnd, c, z, h = Random(1), 4, 2, 4
    nets = analysis(rnd, c, z)
    nets.append(Net(HYPER_SYNTHESIS, 0, [s8(z + 1)]).layer(rnd, u8(h), shuffle=2, act=RELU).layer(rnd, u8(h), shuffle=2))
    for i, (n, before) in enumerate(((2, 0), (2, 2))):
        nets.append(Net(TRUNK, i, [mixed(h + before, h)]).layer(rnd, s16(5), k=1 + 2 * i))
        nets.append(Net(ANCHOR, i, [s8(n), s16(5)]).layer(rnd, u8(5), src=0, k=3, add=1, act=RELU))
        nets.append(heads(rnd, i, 5, n, 10))
        nets.append(Net(FIRST, i, [s16(5)]).layer(rnd, u8(5), requant=True, act=RELU))
    nets.append(Net(LINEAR, 0, [s16(c)]).layer(rnd, s16(3), shuffle=2).layer(rnd, s16(48), shuffle=2, scale=0.4))
    synthesis = Net(SYNTHESIS, 0, [s8(c), s16(48)]).layer(rnd, s8(8), src=0, shuffle=2, edge=1).layer(rnd, u8(4), act=RELU, edge=1, shuffle=2)
    nets.append(synthesis.layer(rnd, s16(3), k=3, edge=1, shuffle=4, add=1, scale=0.5))
    ladder = [scalar_book(rnd, r, max(0, r - 6)) for r in range(10)]
    tables = [frequencies(rnd, 2), frequencies(rnd, 8)]
    return Model('name=plain\nversion=1\nlicence=Apache-2.0\nprovenance=conformance/generate\n', z, 1, h, [2, 2], in_order(nets),
                 [(rnd.between(8000, 32767), 19) for _ in range(c)], (8, 8, 8, 8), levels(rnd, 4, c, z, 1, 2, 8), 4, ladder,
                 [pair_book(rnd, n, 700) for n in (3, 5, 9)], triangle(rnd, 4, 3), tables)


def odd():
    """Rare forms: no level features, second inputs that layers read, addends of other types, up and down again, extreme multipliers."""
    rnd, c, z, h, rungs = Random(2), 8, 3, 7, 64
    nets = analysis(rnd, c, z)
    hyper = Net(HYPER_SYNTHESIS, 0, [s8(z)]).layer(rnd, mixed(6, 2), k=5, shuffle=2).layer(rnd, s8(6), k=3, stride=2, act=LEAKY)
    hyper.layer(rnd, s16(24, 900), k=3, edge=1, wild=True).layer(rnd, u8(6), requant=True, shuffle=2, add=3)
    nets.append(hyper.layer(rnd, u8(h), k=3, shuffle=2, wild=True))
    before = 0
    for i, n in enumerate((2, 4, 2)):
        nets.append(Net(TRUNK, i, [mixed(h + before, h)]).layer(rnd, s8(9), k=5, edge=1).layer(rnd, s16(9, 5000), k=3, wild=True, add=1))
        anchor = Net(ANCHOR, i, [s8(n), s16(9, 5000 + 700 * i)]).layer(rnd, mixed(7, 3), src=0, k=5, act=LEAKY).layer(rnd, s16(7, 50), src=1)
        nets.append(anchor.layer(rnd, u8(7), src=2, add=3, wild=True))
        nets.append(heads(rnd, i, 7, n, rungs, 0.25))
        nets.append(Net(FIRST, i, [s16(9)]).layer(rnd, s8(4), wild=True).layer(rnd, u8(7), act=LEAKY))
        before += n
    nets.append(Net(LINEAR, 0, [s16(c)]).layer(rnd, s16(12, 20000), k=3, edge=1, shuffle=2).layer(rnd, s16(48, 12345), shuffle=2, scale=0.6))
    synthesis = Net(SYNTHESIS, 0, [s8(c), s16(48, 12345)]).layer(rnd, s16(2, 77), src=1).layer(rnd, mixed(5, 4), src=0, shuffle=2, k=3)
    synthesis.layer(rnd, s8(2), shuffle=2).layer(rnd, u8(2), requant=True, add=2, act=LEAKY, edge=1).layer(rnd, mixed(6, 3), shuffle=2)
    nets.append(synthesis.layer(rnd, mixed(8, 1), k=3, stride=2, wild=True).layer(rnd, s16(3, 16400), k=3, shuffle=4, add=1, wild=True))
    model = Model('licence=none\nx=y\nprovenance=\nversion=\nname=odd', z, 0, h, [2, 4, 2], in_order(nets),
                  [(rnd.between(1, 32767), rnd.of((1, 17, 18, 19, 20, 46))) for _ in range(c)], (1, 16, 0, 16), levels(rnd, 2, c, z, 0, 3, 12), 0,
                  [scalar_book(rnd, r, min(12, max(0, r - 40) // 2)) for r in range(rungs)], [pair_book(rnd, 1, 0)], [[0]],
                  [frequencies(rnd, 2 * m + 2) for m in (127, 0, 20)])
    model.levels[1].inv[:3], model.levels[1].zinv[0] = [1, 65535, 40000], 65535
    return model


def wide():
    """Numbers of channels around the widths of vectors; synthesis reads latents as they are and has a residual trunk of 16 bits."""
    rnd, c, z, h, rungs = Random(3), 34, 5, 33, 24
    nets = analysis(rnd, c, z)
    nets.append(Net(HYPER_SYNTHESIS, 0, [s8(z + 11)]).layer(rnd, u8(17), k=3, shuffle=2, act=RELU).layer(rnd, u8(h), shuffle=2, act=RELU))
    for i, (n, before) in enumerate(((2, 0), (32, 2))):
        nets.append(Net(TRUNK, i, [mixed(h + before, h)]).layer(rnd, s16(33, 9000), k=3))
        nets.append(Net(ANCHOR, i, [s8(n), s16(33, 9000)]).layer(rnd, u8(33), src=0, k=3, add=1, act=RELU).layer(rnd, u8(65), act=RELU))
        nets.append(heads(rnd, i, 65, n, rungs, 0.1))
        nets.append(Net(FIRST, i, [s16(33, 9000)]).layer(rnd, u8(33), requant=True, act=RELU).layer(rnd, u8(65), act=RELU))
    nets.append(Net(LINEAR, 0, [s16(c)]).layer(rnd, s16(15, 32767)).layer(rnd, s16(48), shuffle=4, scale=0.3))
    synthesis = Net(SYNTHESIS, 0, [s16(c), s16(48)]).layer(rnd, s16(16), src=0, shuffle=2, edge=1).layer(rnd, s8(16), requant=True).layer(rnd, u8(17), act=RELU).layer(rnd, u8(17), k=3, act=RELU, edge=1)
    synthesis.layer(rnd, s16(16), add=2).layer(rnd, s8(16), requant=True).layer(rnd, u8(33), shuffle=2, act=RELU).layer(rnd, mixed(31, 13), k=3, edge=1)
    nets.append(synthesis.layer(rnd, s16(3), k=3, edge=1, shuffle=4, add=1, scale=0.5))
    return Model('name=wide\nversion=1\nlicence=Apache-2.0\nprovenance=conformance/generate\n', z, 11, h, [2, 32], in_order(nets),
                 [(rnd.between(8000, 32767), 19) for _ in range(c)], (8, 8, 8, 8), levels(rnd, 8, c, z, 11, 4, 8), 11,
                 [scalar_book(rnd, r, max(0, r - 17)) for r in range(rungs)], [pair_book(rnd, n, 1500) for n in (2, 9, 25, 255, 511)], triangle(rnd, 11, 5),
                 [frequencies(rnd, 2 * m + 2) for m in (0, 1, 5, 60)])


def many():
    """As many slices, levels and level features as there may be, one channel of everything else."""
    rnd, c, rungs = Random(4), 32, 1
    nets = analysis(rnd, c, 1)
    nets.append(Net(HYPER_SYNTHESIS, 0, [s8(65)]).layer(rnd, u8(1), shuffle=4))
    for i in range(16):
        nets.append(Net(TRUNK, i, [mixed(1 + 2 * i, 1)]).layer(rnd, s16(1)))
        nets.append(Net(ANCHOR, i, [s8(2), s16(1)]).layer(rnd, u8(1), src=0, k=3))
        nets.append(heads(rnd, i, 1, 2, rungs, 0.02))
        nets.append(Net(FIRST, i, [s16(1)]).layer(rnd, u8(1), requant=True))
    nets.append(Net(LINEAR, 0, [s16(c)]).layer(rnd, s16(3, 1)).layer(rnd, s16(48, 1), shuffle=4))
    nets.append(Net(SYNTHESIS, 0, [s8(c), s16(48, 1)]).layer(rnd, u8(1), src=0, shuffle=4).layer(rnd, s16(3), shuffle=4, scale=0.6))
    return Model('name=many\nversion=1\nlicence=Apache-2.0\nprovenance=conformance/generate\n', 1, 64, 1, [2] * 16, in_order(nets),
                 [(20000, 19)] * c, (8, 8, 8, 8), levels(rnd, 64, c, 1, 64, 1, 8), 0, [scalar_book(rnd, 4, 0)], [pair_book(rnd, 30, 900)], [[0]],
                 [frequencies(rnd, 2 * 9 + 2)])


MODELS = (plain, odd, wide, many)

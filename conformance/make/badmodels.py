"""Model files that every decoder must refuse, by the rules of spec/model.md and of spec/arithmetic.md section 5."""
import copy
import struct

from coding import Random
from model import ANCHOR, FIRST, HEADS, HYPER_SYNTHESIS, LINEAR, SYNTHESIS, TRUNK, Net, file_of_sections
from models import mixed, s8, s16, u8


class Spoiler:
    """Refused model files by name: (bytes, rule)."""
    def __init__(self, plain):
        self.plain, self.files = plain, {}

    def change(self, name, rule, change):
        """The plain model after `change`, which may return bytes or sections to use instead."""
        m = copy.deepcopy(self.plain)
        out = change(m)
        out = out if isinstance(out, (bytes, list)) else m.to_bytes()
        assert name not in self.files, name
        self.files[name] = out if isinstance(out, bytes) else file_of_sections(out), 'model ' + rule


def frame(s):
    """The file's frame."""
    whole = s.plain.to_bytes()
    s.change('magic', 'head: magic', lambda m: b'VQZN' + whole[4:])
    s.change('version', 'head: version 2', lambda m: whole[:4] + b'\2' + whole[5:])
    s.change('zero', 'head: second field', lambda m: whole[:6] + b'\1' + whole[7:])
    s.change('nothing', 'head: an empty file', lambda m: b'')
    s.change('cut', 'a file that ends in its last section', lambda m: whole[:-1])
    s.change('tail', 'bytes behind the last section', lambda m: whole + b'\0')
    for i, (kind, _) in enumerate(s.plain.sections()):
        name = kind.decode()
        if i:
            s.change(f'without-{name}', f'{name} is missing', lambda m, i=i: m.sections()[:i] + m.sections()[i + 1:])
            s.change(f'short-{name}', f'{name} is a byte too short', lambda m, i=i: [[t, b[:-1] if k == i else b] for k, (t, b) in enumerate(m.sections())])
            s.change(f'long-{name}', f'{name} is a byte too long', lambda m, i=i: [[t, b + b'\0' if k == i else b] for k, (t, b) in enumerate(m.sections())])
    s.change('swapped', 'sections in another order', lambda m: m.sections()[:3] + [m.sections()[4], m.sections()[3]] + m.sections()[5:])
    s.change('twice', 'a section twice', lambda m: m.sections()[:4] + m.sections()[3:])


def arch(s):
    """ARCH."""
    def field(name, at, value):
        def change(m):
            sections = m.sections()
            b = bytearray(sections[1][1])
            struct.pack_into('<H', b, at, value)
            sections[1][1] = bytes(b)
            return sections
        s.change(f'arch-{name}', f'ARCH: {name.replace("-", " ")} {value}', change)

    for name, at, value in (('C', 0, 5), ('C-large', 0, 1026), ('Z', 2, 0), ('Z-large', 2, 257), ('F-large', 4, 65), ('H', 6, 0), ('H-large', 6, 513), ('S', 8, 0), ('S-large', 8, 17),
                            ('slice-odd', 10, 3), ('slice-zero', 10, 0), ('slice-sum', 10, 4), ('reserved', 14, 1)):
        field(name, at, value)


def tensors_and_layers(s):
    """NETS: fields."""
    def layer(name, rule, role, place, **fields):
        def change(m):
            for key, value in fields.items():
                setattr(m.net(role).layers[place], key, value)
        s.change(f'layer-{name}', f'NETS, layer: {rule}', change)

    def array(name, rule, key, value, role=TRUNK, n=0):
        def change(m):
            getattr(m.net(role).layers[n], key)[-1] = value
        s.change(f'layer-{name}', f'NETS, layer: {rule}', change)

    def tensor(name, rule, role, n, **fields):
        def change(m):
            for key, value in fields.items():
                setattr(m.net(role).tensors[n], key, value)
        s.change(f'tensor-{name}', f'NETS, tensor: {rule}', change)

    layer('op', 'op 2', FIRST, 0, op=2)
    layer('activation', 'activation 3', TRUNK, 0, act=3)
    layer('padding', 'padding 2', TRUNK, 0, edge=2)
    layer('shuffle', 'shuffle 3', FIRST, 0, shuffle=3)
    layer('shuffle-0', 'shuffle 0', FIRST, 0, shuffle=0)
    layer('stride', 'stride 3', TRUNK, 0, stride=3)
    layer('stride-0', 'stride 0', TRUNK, 0, stride=0)
    layer('stride-requant', 'stride 2 of a requant', FIRST, 0, stride=2)
    layer('reserved', 'reserved field', TRUNK, 0, reserved=1)
    layer('src', 'src that does not exist', FIRST, 0, src=9)
    layer('src-later', 'src that is written later', TRUNK, 0, src=1)
    layer('dst-input', 'dst is an input', FIRST, 0, dst=0)
    layer('dst', 'dst that does not exist', FIRST, 0, dst=2)
    layer('add', 'an addend that does not exist', FIRST, 0, add=7, n=[0] * 5)
    layer('add-later', 'an addend that is not written', FIRST, 0, add=1, n=[0] * 5)
    layer('add-channels', 'an addend with other channels', TRUNK, 0, add=0, n=[0] * 5)
    for value in (0, 32768):
        array(f'm-{value}', f'm {value}', 'm', value)
    for value in (0, 47):
        array(f's-{value}', f's {value}', 's', value)

    def weight(role, value):
        def change(m):
            m.net(role).layers[0].w[1][0] = value
        return change

    s.change('layer-weight-8', 'NETS, layer: a weight of -128', weight(TRUNK, -128))
    s.change('layer-weight-16', 'NETS, layer: a weight of -32768', weight(LINEAR, -32768))

    def kernel(k):
        def change(m):
            y = m.net(TRUNK).layers[0]
            y.k, y.w = k, [[1] * (k * k * 4) for _ in y.w]
        return change

    for k in (0, 2, 4, 7):
        s.change(f'layer-k-{k}', f'NETS, layer: k {k}', kernel(k))

    def requant_k(m):
        m.net(FIRST).layers[0].k = 3
    s.change('layer-k-requant', 'NETS, layer: k 3 of a requant', requant_k)

    def requant_channels(m):
        net = m.net(FIRST)
        y = net.layers[0]
        net.tensors[1].channels, y.cout = 4, 4
        y.m, y.s = y.m[:4], y.s[:4]
    s.change('layer-requant-channels', 'NETS, layer: a requant changes the channels', requant_channels)

    def couts(m):
        m.net(TRUNK).tensors[1].channels = 4
    s.change('layer-cout', 'NETS, layer: cout is not that of dst', couts)
    tensor('type', 'type 4', FIRST, 1, type=4)
    tensor('channels', 'no channels', HYPER_SYNTHESIS, 1, channels=0)
    tensor('zsplit', 'mixed with zsplit 0', TRUNK, 0, zsplit=0)
    tensor('zsplit-large', 'zsplit beyond the channels', TRUNK, 0, zsplit=9)
    tensor('zsplit-u8', 'zsplit of u8', FIRST, 1, zsplit=1)
    tensor('bound', 's16 without a bound', TRUNK, 1, bound=0)
    tensor('bound-large', 'bound 32769', HEADS, 1, bound=32769)
    tensor('bound-u8', 'bound of u8', FIRST, 1, bound=5)

    def zero_field(m):
        sections = m.sections()
        b = bytearray(sections[2][1])
        b[2 + 4 + 1] = 1
        sections[2][1] = bytes(b)
        return sections
    s.change('tensor-reserved', 'NETS, tensor: reserved field', zero_field)


def networks(s):
    """NETS: roles, sizes, what depends on what."""
    rnd = Random(5)

    def swap_net(role, make, index=0):
        def change(m):
            i = m.nets.index(m.net(role, index))
            m.nets[i] = make(m)
        return change

    def replace(name, rule, role, make, index=0):
        s.change(f'net-{name}', f'NETS: {rule}', swap_net(role, make, index))

    def bound(role, n, value):
        def change(m):
            for net in m.nets:
                if net.role == role:
                    net.tensors[n].bound = value
        return change

    s.change('net-missing', 'NETS: a network is missing', lambda m: m.nets.pop())
    s.change('net-order', 'NETS: two networks in the wrong order', lambda m: m.nets.insert(0, m.nets.pop(1)))
    s.change('net-index', 'NETS: an index twice', lambda m: setattr(m.nets[5], 'index', 0))
    s.change('net-no-layers', 'NETS: no layers', lambda m: m.nets[0].layers.clear())
    s.change('net-tensor-unwritten', 'NETS: a tensor that nothing writes', lambda m: m.nets[0].tensors.append(s16(6)))

    def twice(m):
        net = m.net(FIRST)
        net.layer(rnd, u8(5))
        net.layers[1].dst = 1
    s.change('net-tensor-twice', 'NETS: a tensor that is written twice', twice)

    def long(n):
        def make(m):
            net = Net(FIRST, 0, [s16(5)])
            for _ in range(n):
                net.layer(rnd, u8(5))
            return net
        return make

    replace('tensors-65', 'more than 64 tensors', FIRST, long(64))
    s.change('net-linear-bound', 'NETS: tensor 0 of role 8 with the bound 32767', bound(LINEAR, 0, 32767))
    s.change('net-pixels-bound', 'NETS: tensor 0 of role 0 with the bound 127', bound(0, 0, 127))
    s.change('net-analysis-bound', 'NETS: tensor 1 of role 1 below the output of role 0', bound(1, 1, 19999))
    s.change('net-anchor-bound', 'NETS: tensor 1 of role 5 below the output of role 4', bound(ANCHOR, 1, 32767))
    s.change('net-first-bound', 'NETS: tensor 0 of role 7 below the output of role 4', bound(FIRST, 0, 32000))
    s.change('net-synthesis-bound', 'NETS: tensor 1 of role 9 below the output of role 8', bound(SYNTHESIS, 1, 32767))

    def all_of(role, make):
        def change(m):
            m.nets = [make(m, n) if n.role == role else n for n in m.nets]
        return change

    s.change('net-first-channels', 'NETS: roles 5 and 7 make different numbers of features',
             all_of(FIRST, lambda m, n: Net(FIRST, n.index, [s16(5)]).layer(rnd, u8(6))))
    s.change('net-anchor-channels', 'NETS: role 5 takes another number of channels than role 4 makes',
             all_of(ANCHOR, lambda m, n: Net(ANCHOR, n.index, [n.tensors[0], s16(6)]).layer(rnd, u8(5), src=0, k=3)))
    replace('trunk-type', 'role 4 takes u8', TRUNK, lambda m: Net(TRUNK, 0, [u8(4)]).layer(rnd, s16(5)))
    replace('trunk-split', 'role 4 with another zsplit', TRUNK, lambda m: Net(TRUNK, 1, [mixed(6, 3)]).layer(rnd, s16(5)), 1)
    replace('trunk-output', 'role 4 makes u8', TRUNK, lambda m: Net(TRUNK, 0, [mixed(4, 4)]).layer(rnd, u8(5)))
    replace('hyper-channels', 'role 3 takes other channels', HYPER_SYNTHESIS, lambda m: Net(HYPER_SYNTHESIS, 0, [s8(4)]).layer(rnd, u8(4), shuffle=4))
    replace('hyper-output', 'role 3 makes other channels', HYPER_SYNTHESIS, lambda m: Net(HYPER_SYNTHESIS, 0, [s8(3)]).layer(rnd, u8(5), shuffle=4))
    replace('heads-output', 'role 6 makes other channels', HEADS, lambda m: Net(HEADS, 0, [u8(5)]).layer(rnd, s16(6)))
    replace('linear-output', 'role 8 makes 47 channels', LINEAR, lambda m: Net(LINEAR, 0, [s16(4)]).layer(rnd, s16(47), shuffle=4))
    replace('synthesis-input', 'role 9 takes u8', SYNTHESIS, lambda m: Net(SYNTHESIS, 0, [u8(4), s16(48)]).layer(rnd, s8(4), src=0, shuffle=4).layer(rnd, s16(3), shuffle=4))
    replace('synthesis-latents', 'role 9 takes latents of the bound 32767', SYNTHESIS,
            lambda m: Net(SYNTHESIS, 0, [s16(4, 32767), s16(48)]).layer(rnd, s8(4), src=0, shuffle=4).layer(rnd, s16(3), shuffle=4))
    replace('synthesis-output', 'role 9 makes 4 channels', SYNTHESIS, lambda m: Net(SYNTHESIS, 0, [s8(4), s16(48)]).layer(rnd, s16(4), src=0, shuffle=4).layer(rnd, s16(4), shuffle=4))
    # resolutions
    replace('hyper-scale', 'role 3 at 1/32', HYPER_SYNTHESIS, lambda m: Net(HYPER_SYNTHESIS, 0, [s8(3)]).layer(rnd, u8(4), shuffle=2))
    replace('hyper-down-up', 'role 3 with d = 1, u = 3', HYPER_SYNTHESIS,
            lambda m: Net(HYPER_SYNTHESIS, 0, [s8(3)]).layer(rnd, u8(4), stride=2).layer(rnd, u8(4), shuffle=4).layer(rnd, u8(4), shuffle=2))
    replace('trunk-down-up', 'role 4 with d = 1, u = 1', TRUNK, lambda m: Net(TRUNK, 0, [mixed(4, 4)]).layer(rnd, s8(5), stride=2).layer(rnd, s16(5), shuffle=2))
    replace('analysis-scale', 'role 1 at 1/8', 1, lambda m: Net(1, 0, [s8(12), s16(4, 20000)]).layer(rnd, u8(4), src=0, stride=2).layer(rnd, s16(4), stride=2))
    replace('linear-down', 'role 8 with a tensor smaller than the latents', LINEAR,
            lambda m: Net(LINEAR, 0, [s16(4)]).layer(rnd, s16(4), stride=2).layer(rnd, s16(48), src=0, shuffle=4))
    replace('synthesis-down', 'role 9 with a tensor smaller than the latents', SYNTHESIS,
            lambda m: Net(SYNTHESIS, 0, [s8(4), s16(48)]).layer(rnd, s8(4), src=0, stride=2).layer(rnd, s8(4), src=0, shuffle=4).layer(rnd, s16(3), shuffle=4))
    replace('add-scale', 'an addend of another size', SYNTHESIS,
            lambda m: Net(SYNTHESIS, 0, [s8(4), s16(48)]).layer(rnd, s8(4), src=0, shuffle=2).layer(rnd, s8(4), shuffle=2).layer(rnd, s16(3), src=2, shuffle=4, add=1).layer(rnd, s16(3), shuffle=2))
    replace('second-scale', 'a second input that is read has its own size: the output is not at 1/1', SYNTHESIS,
            lambda m: Net(SYNTHESIS, 0, [s8(4), s16(48)]).layer(rnd, s8(3), src=1, shuffle=4).layer(rnd, s16(3), shuffle=4))
    # what may look where
    replace('first-kernel', 'role 7 with k 3', FIRST, lambda m: Net(FIRST, 0, [s16(5)]).layer(rnd, u8(5), k=3))
    replace('heads-kernel', 'role 6 with k 3', HEADS, lambda m: Net(HEADS, 0, [u8(5)]).layer(rnd, s16(4), k=3))
    s.change('net-heads-shuffle', 'NETS: role 6 with a shuffle', swap_net(HEADS, lambda m: Net(HEADS, 0, [u8(5)]).layer(rnd, s16(4), stride=2).layer(rnd, s16(4), shuffle=2)))
    replace('anchor-kernel-1', 'role 5, layer 0 with k 1', ANCHOR, lambda m: Net(ANCHOR, 0, [s8(2), s16(5)]).layer(rnd, u8(5), src=0))
    replace('anchor-edge', 'role 5, layer 0 with edge padding', ANCHOR, lambda m: Net(ANCHOR, 0, [s8(2), s16(5)]).layer(rnd, u8(5), src=0, k=3, edge=1))
    replace('anchor-kernel-later', 'role 5, layer 1 with k 3', ANCHOR, lambda m: Net(ANCHOR, 0, [s8(2), s16(5)]).layer(rnd, u8(5), src=0, k=3).layer(rnd, u8(5), k=3))
    replace('anchor-later', 'role 5, layer 1 looks at tensor 0', ANCHOR, lambda m: Net(ANCHOR, 0, [s8(2), s16(5)]).layer(rnd, u8(5), src=0, k=3).layer(rnd, u8(5), src=0))
    replace('anchor-added', 'role 5, layer 1 adds tensor 0', ANCHOR, lambda m: Net(ANCHOR, 0, [s8(2), s16(5)]).layer(rnd, u8(2), src=0, k=3).layer(rnd, u8(2), add=0).layer(rnd, u8(5)))
    replace('anchor-first', 'role 5, layer 0 does not look at tensor 0', ANCHOR, lambda m: Net(ANCHOR, 0, [s8(2), s16(5)]).layer(rnd, u8(5), src=1).layer(rnd, u8(5), src=0, k=3))
    replace('reach', 'pixels that depend on latents 5 away', SYNTHESIS, lambda m: Net(SYNTHESIS, 0, [s8(4), s16(48)]).layer(rnd, s8(2), src=0, k=5).layer(rnd, s8(2), k=5).layer(rnd, s8(2), k=3, shuffle=4)
            .layer(rnd, s16(3), shuffle=4))
    replace('reach-linear', 'pixels that depend on latents 5 away, by the linear path', LINEAR, lambda m: Net(LINEAR, 0, [s16(4)]).layer(rnd, s16(2), k=5).layer(rnd, s16(2), k=5).layer(rnd, s16(2), k=3).layer(rnd, s16(48), shuffle=4))
    replace('reach-joined', 'pixels that depend on latents 5 away, by both together', LINEAR, lambda m: Net(LINEAR, 0, [s16(4)]).layer(rnd, s16(2), k=5).layer(rnd, s16(2), k=5).layer(rnd, s16(48), k=3, shuffle=4))


def sums(s):
    """arithmetic.md, section 5, one beyond what is allowed."""
    rnd = Random(6)

    def sixteen(m):
        net = Net(LINEAR, 0, [s16(4)]).layer(rnd, s16(1)).layer(rnd, s16(48), shuffle=4)
        net.layers[0].w, net.layers[0].bias = [[32767, -32767, 1, 0]], [32768 * 65535 - (1 << 31)]
        m.nets[m.nets.index(m.net(LINEAR))] = net

    s.change('sum-16', 'arithmetic 5: a sum of 2^31, s16', sixteen)

    def eight(to, largest, value):
        def change(m):
            net = Net(TRUNK, 0, [mixed(4, 4)]).layer(rnd, to).layer(rnd, s16(5))
            y = net.layers[1]
            y.w[0] = [127] + [0] * (len(y.w[0]) - 1)
            y.bias[0] = value - 127 * largest
            m.nets[m.nets.index(m.net(TRUNK))] = net
        return change

    s.change('sum-u8', 'arithmetic 5: a sum of 2^31, u8', eight(u8(3), 255, 1 << 31))
    s.change('sum-s8', 'arithmetic 5: a sum of 2^31, s8', eight(s8(3), 128, 1 << 31))
    s.change('sum-mixed', 'arithmetic 5: a sum of 2^31, mixed', eight(mixed(3, 1), 255, 1 << 31))

    def bias(m):
        m.net(TRUNK).layers[0].bias[0] = -1 << 31
    s.change('sum-bias', 'arithmetic 5: a bias of -2^31', bias)


def tables(s):
    """LATQ, LEVL, LADR, ZTAB."""
    def put(name, rule, change):
        s.change(name, rule, change)

    for key, values in ((0, (0, 32768)), (1, (0, 47))):
        for value in values:
            def change(m, key=key, value=value):
                m.latq[-1] = (value, m.latq[-1][1]) if key == 0 else (m.latq[-1][0], value)
            put(f'latq-{"ms"[key]}-{value}', f'LATQ: {"ms"[key]} {value}', change)
    for i, (name, values) in enumerate((('gs', (0, 17)), ('is', (0, 17)), ('zs', (17,)), ('zis', (0, 17)))):
        for value in values:
            def change(m, i=i, value=value):
                m.shifts = m.shifts[:i] + (value,) + m.shifts[i + 1:]
            put(f'levl-{name}-{value}', f'LEVL: {name} {value}', change)
    put('levl-rows-0', 'LEVL: no rows', lambda m: m.levels.clear())
    put('levl-rows-65', 'LEVL: 65 rows', lambda m: setattr(m, 'levels', m.levels * 16 + m.levels[:1]))
    put('levl-lambda', 'LEVL: lambda 2^20 + 1', lambda m: setattr(m.levels[1], 'lam', (1 << 20) + 1))
    put('levl-gain', 'LEVL: a gain of 0', lambda m: m.levels[3].gain.__setitem__(0, 0))
    put('levl-inv', 'LEVL: an inverse gain of 0', lambda m: m.levels[0].inv.__setitem__(3, 0))
    put('levl-ztab', 'LEVL: a table that does not exist', lambda m: m.levels[2].ztab.__setitem__(1, 2))

    def ladder(at, value, form='<B'):
        def change(m):
            sections = m.sections()
            b = bytearray(sections[5][1])
            struct.pack_into(form, b, at, value)
            sections[5][1] = bytes(b)
            return sections
        return change

    put('ladr-R', 'LADR: no rungs', ladder(0, 0))
    put('ladr-R-65', 'LADR: 65 rungs', lambda m: setattr(m, 'scalars', (m.scalars * 7)[:65]))
    put('ladr-T', 'LADR: T = R', ladder(1, 10))
    put('ladr-P', 'LADR: no pair codebooks', lambda m: (m.pairs.clear(), setattr(m, 'map', [[0] * 5] * 5)) and None)
    put('ladr-P-4097', 'LADR: 4097 pair codebooks', lambda m: setattr(m, 'pairs', [m.pairs[0]] * 4097))
    put('ladr-shift', 'LADR: shift 13', lambda m: setattr(m.scalars[9], 'shift', 13))
    put('ladr-scalar-reserved', 'LADR: reserved field of a scalar codebook', ladder(7, 1))

    def book(which, n, grow):
        def change(m):
            b = getattr(m, which)[n]
            grow(b)
        return change

    def sized(n, pair):
        def grow(b):
            b.value = [(0, 0)] * n if pair else list(range(n))
            b.freq = [1] * n + [32768 - n]
        return grow

    put('ladr-scalar-none', 'LADR: a scalar codebook without values', book('scalars', 2, sized(0, False)))
    put('ladr-scalar-1024', 'LADR: 1024 values', book('scalars', 2, sized(1024, False)))
    put('ladr-pair-none', 'LADR: a pair codebook without values', book('pairs', 1, sized(0, True)))
    put('ladr-pair-512', 'LADR: 512 pairs', book('pairs', 1, sized(512, True)))
    put('ladr-pair-value', 'LADR: a pair value of 8193', book('pairs', 2, lambda b: b.value.__setitem__(1, (0, 8193))))
    put('ladr-pair-value-minus', 'LADR: a pair value of -8193', book('pairs', 2, lambda b: b.value.__setitem__(1, (-8193, 0))))
    put('ladr-equal', 'LADR: two equal values', book('scalars', 0, lambda b: b.value.__setitem__(1, b.value[0])))
    put('ladr-descending', 'LADR: values that descend', book('scalars', 0, lambda b: b.value.reverse()))

    def freqs(name, pick):
        def add(n, value):
            def change(m):
                f = pick(m)
                f[n] += value
            return change

        def zero(m):
            f = pick(m)
            f[1] += f[0]
            f[0] = 0
        put(f'{name}-sum', f'{name.upper()}: frequencies of 32769', add(0, 1))
        put(f'{name}-sum-less', f'{name.upper()}: frequencies of 32767', add(max(range(2), key=lambda n: pick(s.plain)[n]), -1))
        put(f'{name}-frequency-0', f'{name.upper()}: a frequency of 0', zero)

    freqs('ladr-scalar', lambda m: m.scalars[3].freq)
    freqs('ladr-pair', lambda m: m.pairs[1].freq)
    freqs('ztab', lambda m: m.ztables[1])
    put('ladr-map', 'LADR: the map names a codebook that does not exist', lambda m: m.map[4].__setitem__(2, 3))
    put('ladr-map-unused', 'LADR: an entry with smaller > larger is not 0', lambda m: m.map[1].__setitem__(3, 1))
    put('ztab-none', 'ZTAB: no tables', lambda m: m.ztables.clear())
    put('ztab-257', 'ZTAB: 257 tables', lambda m: setattr(m, 'ztables', [m.ztables[0]] * 257))
    put('ztab-M', 'ZTAB: M 128', lambda m: m.ztables.__setitem__(0, [1] * 257 + [32768 - 257]))

    def reserved(m):
        sections = m.sections()
        sections[6][1] = sections[6][1][:3] + b'\1' + sections[6][1][4:]
        return sections
    put('ztab-reserved', 'ZTAB: reserved field', reserved)


ALL = (frame, arch, tensors_and_layers, networks, sums, tables)

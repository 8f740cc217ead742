"""spec/bitstream.md, section 10: pixel sections of arbitrary decisions."""
import struct

from coding import Decisions
from planes import below, sgn
from wire import varint, xxh64

MEMORY, MASK = 1, 2
STEPS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 24, 30, 38, 48, 60, 75, 95, 120, 160, 230, 399)
AROUND = ((-1, 0), (0, -1), (1, -1), (-1, -1), (-2, 0), (0, -2), (2, -1), (-2, -1), (1, -2), (-1, -2), (-3, 0), (3, -1))
NOTHING = [0] * 8


def pixel_tile(section):
    """A payload of pixels alone."""
    return b'\xff' + section


def mixed_tile(section, latents):
    """A payload of pixels and latents."""
    return b'\xfe' + varint(len(section)) + section + latents


class Exact:
    """Names as in the document. A pixel is a tuple of its values."""
    def __init__(self, w, h, gray, flags, choose):
        self.w, self.h, self.colours, self.flags = w, h, 1 if gray else 3, flags
        self.d = Decisions(255, choose)
        self.s, self.notes, self.bias = {}, {}, {}
        self.tables, self.first = ({}, {}, {}), {}

    def at(self, x, y):
        """The values of a pixel, outside the rectangle too."""
        if y < 0:
            return (0,) * self.colours
        if x < 0:
            return self.at(0, y - 1)
        return self.s[min(x, self.w - 1), y]

    def colour(self, v):
        """Of values."""
        return v[0] if self.colours == 1 else v[0] | v[0] + v[1] << 8 | v[0] + v[2] << 16

    def values(self, c):
        """Of a colour."""
        return (c,) if self.colours == 1 else (c & 255, (c >> 8 & 255) - (c & 255), (c >> 16) - (c & 255))

    @staticmethod
    def learn(entry, c):
        """entry: [colour, trust, check]"""
        if entry[1] and entry[0] == c:
            entry[1] = min(entry[1] + 1, 7)
        elif entry[1] > 1:
            entry[1] //= 2
        else:
            entry[:2] = c, 1

    def entries(self, colours):
        """E_0, E_1, E_2"""
        h, found = 0, {}
        for i, c in enumerate(colours):
            h = (h + c + 1) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
            table = {2: 2, 5: 1, 11: 0}.get(i)
            if table is not None:
                e = found[table] = self.tables[table].setdefault(h >> 48, [0, 0, 0])
                if e[2] != h >> 40 & 255:
                    e[:] = 0, 0, h >> 40 & 255
        return [found[i] for i in range(3)]

    def known(self, colours, e):
        """The values of a colour that can be expected, or None."""
        asked = set()
        for i in range(3):
            c, trust, other = e[i][0], e[i][1], e[(i + 1) % 3]
            if trust and c not in asked:
                asked.add(c)
                if self.d.bit('known', i, trust, 0 if not other[1] else 1 if other[0] == c else 2, (c == colours[0]) + 2 * (c == colours[1])):
                    return self.values(c)
        w, n, ne, nw = colours[:4]
        for i, c in enumerate((w, n, ne, nw)):
            if c not in asked:
                asked.add(c)
                if self.d.bit('near', i, (w == n) + 2 * (w == nw) + 4 * (n == ne)):
                    return self.values(c)
        return None

    def sample(self, x, y, k, first, state):
        """Value k; what it leaves. state: [before, s, t]"""
        d = self.d
        w, ww, n, nw, ne, nn, nne = (self.at(x + i, y + j)[k] for i, j in ((-1, 0), (-2, 0), (0, -1), (-1, -1), (1, -1), (0, -2), (1, -2)))
        lo = -first if k else 0
        hi = lo + 255
        hi2, lo2 = max(w, n), min(w, n)
        m = lo2 if nw >= hi2 else hi2 if nw <= lo2 else w + n - nw
        p = [8 * m, 4 * (w + n) + 2 * (ne - nw), 8 * (w + ne - n), 8 * (n + ne - nne), 8 * (2 * w - ww), 8 * ne, 8 * n + 4 * (n - nn)]
        p = [min(max(v, 8 * lo), 8 * hi) for v in p]
        near = [self.notes.get((x + i, y + j, k), NOTHING) for i, j in ((-1, -1), (0, -1), (0, -1), (1, -1), (-1, 0), (-1, 0), (-2, 0))]
        sums = [sum(v[i] for v in near) for i in range(8)]
        g = [1 + min((1 << 20) // (sums[i] + 2) ** 2, 1 << 17) for i in range(7)]
        fine = (sum(a * (b - 8 * lo) for a, b in zip(g, p)) + sum(g) // 2) // sum(g) + 8 * lo
        around = (3 * sums[7] + abs(w - nw) + abs(n - ne)) // 2
        q = fine >> 3
        key = k, below(STEPS, around) // 2, tuple(v > q for v in (w, n, nw, ne, ww, nn))
        b = self.bias.get(key, 0)
        fine = min(max(fine + (b + 32 >> 6), 8 * lo), 8 * hi)
        pred = fine + 4 >> 3
        lean = 0 if fine - 8 * pred < -1 else 2 if fine - 8 * pred > 1 else 1
        a, o = below(STEPS, around + 2 * state[0]), below((0, 2, 7), state[0]) if k else lean
        v = pred
        if not d.bit('zero', k, a, o):
            down = 1 if pred == hi else 0 if pred == lo else d.bit('negative', k, lean, state[1], state[2])
            v += (1, -1)[down] * d.number(('size', k, a), ('bits', k), pred - lo if down else hi - pred)
        self.bias[key] = b + (64 * (8 * v - fine) - b + 16 >> 5)
        state[:] = abs(v - pred), sgn(v - pred), state[1]
        return v, [min(abs(8 * v - c) >> 2, 255) for c in p] + [abs(v - pred)]

    def pixel(self, x, y):
        """Any pixel that is coded."""
        memory, got = self.flags & MEMORY, None
        if memory:
            colours = [self.colour(self.at(x + i, y + j)) for i, j in AROUND]
            e = self.entries(colours)
            got = self.known(colours, e)
        if got is None:
            state, v = [0, 1, 1], []
            for k in range(self.colours):
                value, note = self.sample(x, y, k, v[0] if k else 0, state)
                v.append(value)
                self.notes[x, y, k] = note
                s = self.first.get(value, [0, 0])
                if memory and self.colours == 3 and k == 0 and s[1] and self.d.bit('same_first', s[1]):
                    v = self.values(s[0])
                    break
            got = tuple(v)
        self.s[x, y] = got
        for entry in (e if memory else []):
            self.learn(entry, self.colour(got))
        if self.colours == 3:
            self.learn(self.first.setdefault(got[0], [0, 0]), self.colour(got))

    def section(self):
        """All of it."""
        bands, mask, blocks = b'', {}, -(-self.w // 16)
        groups = max(1, (1 << 18) // (16 * self.w * self.colours))
        for g in range(-(-self.h // 16)):
            for i in range(blocks):
                near = mask.get((i - 1, g), 0) + 2 * mask.get((i, g - 1), 0) + 4 * mask.get((i + 1, g - 1), 0)
                mask[i, g] = self.d.bit('block', near) if self.flags & MASK else 1
            for y in range(16 * g, min(16 * g + 16, self.h)):
                for x in range(self.w):
                    if mask[x // 16, g]:
                        self.pixel(x, y)
                    else:
                        self.s[x, y] = self.at(x - 1, y)
            if g % groups == groups - 1 or 16 * g + 16 >= self.h:
                bands += self.d.band()
        out = bytearray()
        for y in range(self.h):
            for x in range(self.w):
                v = self.s[x, y]
                out += bytes(v) if self.colours == 1 else bytes((v[0] + v[1], v[0], v[0] + v[2]))
        return bytes([self.flags]) + struct.pack('<I', xxh64(bytes(out)) & 0xffffffff) + bands

"""spec/bitstream.md, sections 2 and 3: latent payloads of arbitrary symbols."""
import struct
from dataclasses import dataclass

from coding import Decisions, Random, Stream, rans_words
from model import ANCHOR, FIRST, HEADS, HYPER_SYNTHESIS, TRUNK, Plane, clamp
from wire import varint, xxh64


@dataclass
class Payload:
    """Fields of a payload of layer 0."""
    level: int
    flags: int
    bias: list
    mask: int | None
    hash: int
    words: bytes
    raw: bytes
    unit: int | None = None         # rows of a step
    count: int | None = None        # number of words, where another one is said

    def to_bytes(self):
        """As in the file."""
        out = bytes((self.level, self.flags)) + struct.pack(f'<{len(self.bias)}b', *self.bias)
        if self.mask is not None:
            out += struct.pack('<H', self.mask)
        if self.unit is not None:
            out += bytes((self.unit,))
        count = len(self.words) // 2 if self.count is None else self.count
        return out + struct.pack('<I', self.hash) + varint(count) + self.words + self.raw


class Tile:
    """A decoder that chooses what it decodes. wild: codewords all equally often, escapes of any size; else as the tables say."""
    def __init__(self, model, w, h, level=0, seed=1, bias=None, mask=None, wild=False, escapes=0.02, unit=None):
        self.model, self.level, self.rnd, self.stream = model, model.levels[level], Random(seed), Stream()
        self.number, self.w, self.h = level, -(-w // 16), -(-h // 16)
        self.bias, self.mask, self.wild, self.escapes, self.unit = bias, mask, wild, escapes, unit
        self.steps = self._steps() if unit else None
        self.y = Plane(self.h, self.w, [[0] * model.C for _ in range(self.w * self.h)])
        hyper = self._hyper()
        start = 0
        for i, n in enumerate(model.slices):
            self._slice(i, start, n, hyper)
            start += n

    def payload(self, lanes=1):
        """The tile, coded with so many lanes."""
        flat = [v for p in self.y.v for v in p]
        digest = xxh64(struct.pack(f'<{len(flat)}h', *flat)) & 0xFFFFFFFF
        flags = {1: 0, 4: 2, 8: 3}[lanes] | (self.bias is not None) << 2 | (self.mask is not None) << 3 | (self.unit is not None) << 4
        return Payload(self.number, flags, self.bias or [], self.mask, digest, rans_words(self.stream.symbols, lanes), self.stream.raw(), self.unit)

    def _choose(self, freq):
        """A symbol; the last one is the escape."""
        if self.rnd.chance(self.escapes):
            k = len(freq) - 1
        elif self.wild:
            k = self.rnd.below(len(freq))
        else:
            v, k = self.rnd.below(32768), 0
            while v >= freq[k]:
                v, k = v - freq[k], k + 1
        self.stream.symbol(freq, k)
        return k

    def _steps(self):
        """Any steps."""
        h, w, out = -(-self.h // 2), -(-self.w // 2), []
        d = Decisions(50, lambda key, one: self.rnd.chance(0.9 if key[0] == 'More' else 0.5))
        for i in range(h * w):
            above = out[i - w] if i >= w else out[i - 1] if i else 0
            left = out[i - 1] if i % w else above
            near, s = min(abs(left - above), 2), left + above >> 1
            if d.bit('Other', near):
                sign = 1 if d.bit('Finer', near) else -1
                most = 8 - sign * s
                n = min(1, most)
                while 0 < n < most and d.bit('More', min(n, 4)):
                    n += 1
                s += sign * n
            out.append(s)
        self.stream.symbols += d.symbols
        return out

    def _row(self, p):
        """The level table's row of a position."""
        if not self.unit:
            return self.level
        step = self.steps[p // self.w // 2 * -(-self.w // 2) + p % self.w // 2]
        return self.model.levels[clamp(self.number + self.unit * step, 0, len(self.model.levels) - 1)]

    def _escape(self):
        e = self.rnd.magnitude(1 << 20 if self.wild else 20)
        self.stream.golomb(e)
        return e

    def _hyper(self):
        m, v = self.model, self.level
        h, w = -(-self.h // 4), -(-self.w // 4)
        plane = Plane(h, w, [[0] * m.Z + list(v.feat) for _ in range(h * w)])
        for c in range(m.Z):
            freq = m.ztables[v.ztab[c]]
            for p in plane.v:
                k = self._choose(freq)
                z = (self._escape() if k == len(freq) - 1 else k - (len(freq) - 2) // 2) + v.zoff[c]
                p[c] = clamp(z * v.zinv[c] + (1 << m.shifts[3] - 1) >> m.shifts[3], -128, 127)
        return m.net(HYPER_SYNTHESIS).run(plane)

    def _latq(self, c, y):
        m, s = self.model.latq[c]
        return clamp(y * m + (1 << s - 1) >> s, -128, 127)

    def _scalar(self, book):
        k = self._choose(book.freq)
        if k == len(book.value):
            return 256 * self._escape()
        if not book.shift:
            return book.value[k]
        u = self.rnd.below(1 << book.shift)
        self.stream.number(u, book.shift)
        return (book.value[k] << book.shift) + (u - (1 << book.shift - 1)) * 256

    def _pair(self, a, b):
        m = self.model
        if max(a, b) > m.top:
            return [self._scalar(m.scalars[a]), self._scalar(m.scalars[b])]
        book = m.pairs[m.map[max(a, b)][min(a, b)]]
        k = self._choose(book.freq)
        if k == len(book.value):
            return [256 * self._escape(), 256 * self._escape()]
        return list(book.value[k])[::-1 if a < b else 1]

    def _position(self, i, start, n, head, y, v):
        m = self.model
        coded, bias = self.mask is None or self.mask >> i & 1, self.bias[i] if self.bias else 0
        rung = [clamp(head[n + j] + v.loggain[start + j] + 256 * bias + 128 >> 8, 0, len(m.scalars) - 1) for j in range(n)]
        for j in range(0, n, 2):
            residual = self._pair(rung[j], rung[j + 1]) if coded else (0, 0)
            for c, r in ((j, residual[0]), (j + 1, residual[1])):
                add = r * v.inv[start + c] + (1 << m.shifts[1] - 1) >> m.shifts[1]
                y[start + c] = clamp(head[c] + add, -32768, 32767)

    def _slice(self, i, start, n, hyper):
        m, places = self.model, range(self.w * self.h)
        seen = [hyper.v[p // self.w * hyper.w + p % self.w] + [self._latq(c, self.y.v[p][c]) for c in range(start)] for p in places]
        trunk = m.net(TRUNK, i).run(Plane(self.h, self.w, seen))
        anchors = Plane(self.h, self.w, [[0] * n for _ in places])
        for odd in (0, 1):
            features = m.net(ANCHOR, i).run(anchors, trunk) if odd else m.net(FIRST, i).run(trunk)
            heads = m.net(HEADS, i).run(features)
            for p in places:
                if (p % self.w + p // self.w) % 2 == odd:
                    self._position(i, start, n, heads.v[p], self.y.v[p], self._row(p))
                    if not odd:
                        anchors.v[p] = [self._latq(start + j, self.y.v[p][start + j]) for j in range(n)]

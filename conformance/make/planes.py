"""spec/bitstream.md, sections 8 and 9: alpha and residual payloads of arbitrary decisions."""
from coding import Decisions


def sgn(v):
    """0, 1, 2 for negative, zero, positive."""
    return (v > 0) - (v < 0) + 1


def below(steps, v):
    """How many of the steps are below v."""
    return sum(s < v for s in steps)


def residual(w, h, step, gray, choose):
    """Payload of layer 1."""
    if step == 0:
        return b'\0'
    d, colours, out = Decisions(255, choose), 1 if gray else 3, bytes([step])
    value, coded, blocks = {}, {}, -(-w // 8)
    groups = max(1, (1 << 18) // (8 * w * colours))
    steps = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 40, 72, 136)

    def at(x, y, k):
        return value.get((x, y, k), 0)

    for g in range(-(-h // 8)):
        for i in range(blocks):
            around = coded.get((i - 1, g), 0) + 2 * coded.get((i, g - 1), 0) + 4 * coded.get((i + 1, g - 1), 0)
            coded[i, g] = d.bit('block', around)
        for y in range(8 * g, min(8 * g + 8, h)):
            for x in range(w):
                if not coded[x // 8, g]:
                    continue
                for k in range(colours):
                    left, up = at(x - 1, y, k), at(x, y - 1, k)
                    around = 3 * (abs(left) + abs(up)) + sum(abs(at(x + i, y + j, k)) for i, j in ((-1, -1), (1, -1), (-2, 0), (0, -2)))
                    a, o = below(steps, around), min(3, sum(abs(at(x, y, j)) for j in range(k)))
                    s, t = (sgn(at(x, y, k - 1)) if k > 0 else 1), (sgn(at(x, y, k - 2)) if k > 1 else 1)
                    if d.bit('zero', k, a, o):
                        continue
                    negative = d.bit('negative', k, sgn(left), sgn(up), s, t)
                    n = d.number(('size', k, a, o), ('bits', k), 511)
                    value[x, y, k] = -n if negative else n
        if g % groups == groups - 1 or 8 * g + 8 >= h:
            out += d.band()
    return out


class Alpha:
    """The coded method of layer 2; names as in the document."""
    def __init__(self, w, h, choose):
        self.w, self.h, self.d = w, h, Decisions(50, choose)
        self.s = {}
        self.e, self.cost = {}, {}
        self.memory = {}

    def sample(self, x, y):
        """s(x, y), outside the rectangle too."""
        if y < 0:
            return 0
        if x < 0:
            return self.sample(0, y - 1)
        return self.s[min(x, self.w - 1), y]

    @staticmethod
    def kind(v):
        """class(v)"""
        return 0 if v == 0 else 1 if v == 255 else 2

    def other(self, p, activity, lean_sign):
        """A sample that is not its prediction."""
        d = self.d
        if d.bit('extreme', self.kind(p), activity):
            return 255 if p == 0 else 0 if p == 255 else 255 * d.bit('white', activity)
        down = 0 if p == 0 else 1 if p == 255 else d.bit('negative', lean_sign)
        n = d.number(('distance', activity), ('distance_bits',), p if down else 255 - p)
        return p - n if down else p + n

    def note(self, x, y, v, pred, p):
        """What a sample leaves behind."""
        self.s[x, y] = v
        self.e[x, y] = v - pred
        self.cost[x, y] = [min(abs(8 * v - q) >> 2, 255) for q in p]

    def stretch(self, x, y):
        """From x on; returns the next x."""
        d, left, n = self.d, self.sample(x - 1, y), 1
        while x + n < self.w and self.sample(x + n, y - 1) == left and self.sample(x + n + 1, y - 1) == left:
            n += 1
        log, run = n.bit_length() - 1, n
        if not d.bit('whole', self.kind(left), log):
            half = n // 2
            if n == 1 or d.bit('from_end', log):
                run = n - d.number(('from', 1), ('from_bits', 1), n - half)
            else:
                run = d.number(('from', 0), ('from_bits', 0), half) - 1
        for i in range(run):
            self.s[x + i, y] = left
        if run < n:
            self.note(x + run, y, self.other(left, 0, 4), left, [8 * left] * 5)
            run += 1
        return x + run

    def one(self, x, y):
        """A sample of its own."""
        d, at = self.d, self.sample
        w, ww, n, nn = at(x - 1, y), at(x - 2, y), at(x, y - 1), at(x, y - 2)
        nw, ne, nee = at(x - 1, y - 1), at(x + 1, y - 1), at(x + 2, y - 1)
        hi, lo = max(w, n), min(w, n)
        m = lo if nw >= hi else hi if nw <= lo else w + n - nw
        p = [min(max(v, 0), 2040) for v in (8 * m, 4 * (w + n) + 2 * (ne - nw), 8 * (w + ne - n), 8 * (2 * n - nn), 8 * (2 * w - ww))]
        none = [0] * 5
        around = [self.cost.get(q, none) for q in ((x - 1, y - 1), (x, y - 1), (x + 1, y - 1), (x - 1, y), (x - 1, y))]
        g = [(1 << 24) // (sum(c[i] for c in around) + 2) ** 2 for i in range(5)]
        spread = max(w, n, nw, ne) - min(w, n, nw, ne)
        sharp = spread <= 2 or spread > 16
        fine = 8 * m if sharp else (sum(a * b for a, b in zip(g, p)) + sum(g) // 2) // sum(g)
        pred = fine + 4 >> 3
        rest = fine - 8 * pred
        lean = 0 if rest < -1 else 2 if rest > 1 else 1
        e = self.e.get
        activity = below((0, 1, 2, 4, 8, 16, 40, 100), sum(abs(e(q, 0)) for q in ((x - 1, y), (x - 1, y - 1), (x, y - 1), (x + 1, y - 1))))
        signs = sgn(w - nw) + 3 * sgn(n - nw) + 9 * sgn(ne - n) + 27 * sgn(ww - w) + 81 * sgn(nn - n)
        key = sum(v << 8 * i for i, v in enumerate((w, n, nw, ne, ww, nn, nee))) * 0x9E3779B97F4A7C15 >> 48 & 65535
        value, trust = self.memory.get(key, (0, 0))
        guess = sharp and trust > 0 and value != pred
        if guess and d.bit('guess', trust - 1, self.kind(value)):
            v = value
        else:
            if sharp:
                same = ('same_sharp', 4 if guess else trust, self.kind(pred), signs)
            elif pred in (0, 255):
                same = ('same_sharp', 0, self.kind(pred), signs)
            else:
                same = ('same_smooth', activity, lean)
            v = pred if d.bit(*same) else self.other(pred, activity, sgn(e((x - 1, y), 0)) + 3 * lean)
        if sharp:
            if trust and value == v:
                self.memory[key] = v, min(trust + 1, 3)
            elif trust > 1:
                self.memory[key] = value, trust - 1
            else:
                self.memory[key] = v, 1
        self.note(x, y, v, pred, p)

    def payload(self):
        """All bands, and the method before them."""
        out, band = b'\1', max(1, (1 << 18) // self.w)
        for y in range(self.h):
            x = 0
            while x < self.w:
                left = self.sample(x - 1, y)
                if left == self.sample(x, y - 1) == self.sample(x + 1, y - 1):
                    x = self.stretch(x, y)
                else:
                    self.one(x, y)
                    x += 1
            if y % band == band - 1 or y == self.h - 1:
                out += self.d.band()
        return out

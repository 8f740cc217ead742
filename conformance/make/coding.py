"""spec/bitstream.md, sections 4, 5 and 7, from the writer's side: symbols are chosen where a decoder would read them."""
import struct
from collections import defaultdict

from wire import varint

TOTAL, LOW = 1 << 15, 1 << 16


class Random:
    """A generator of our own, so that every Python makes the same vectors."""
    def __init__(self, seed):
        self.state = (seed * 2654435761 + 88172645463325252) & (1 << 64) - 1

    def below(self, n):
        """0..n-1"""
        s = self.state
        s ^= s << 13 & (1 << 64) - 1
        s ^= s >> 7
        s ^= s << 17 & (1 << 64) - 1
        self.state = s
        return (s >> 16) % n

    def between(self, lo, hi):
        """lo..hi"""
        return lo + self.below(hi - lo + 1)

    def chance(self, p):
        """True with probability p."""
        return self.below(1 << 20) < p * (1 << 20)

    def of(self, items):
        """One of them."""
        return items[self.below(len(items))]

    def magnitude(self, most):
        """-most..most, all sizes about equally often."""
        v = self.below(1 << self.below(most.bit_length() + 1))
        return min(v, most) * self.of((1, -1))


def rans_words(symbols, lanes):
    """16-bit words of (start, frequency) pairs."""
    states, out = [LOW] * lanes, []
    for i in range(len(symbols) - 1, -1, -1):
        start, freq = symbols[i]
        x = states[i % lanes]
        if x >= freq << 17:
            out.append(x & 65535)
            x >>= 16
        states[i % lanes] = (x // freq << 15) + start + x % freq
    words = [w for x in states for w in (x & 65535, x >> 16)] + out[::-1]
    return struct.pack(f'<{len(words)}H', *words)


class Stream:
    """Symbols and raw bits of a tile, in the order in which they are decoded."""
    def __init__(self):
        self.symbols, self.bits = [], []

    def symbol(self, freq, k):
        """Symbol k of a table."""
        self.symbols.append((sum(freq[:k]), freq[k]))

    def number(self, value, count):
        """Raw bits."""
        self.bits += [value >> i & 1 for i in range(count)]

    def golomb(self, e):
        """A signed exp-Golomb number."""
        u = 2 * e - 1 if e > 0 else -2 * e
        n = (u + 8).bit_length() - 1
        self.bits += [1] * (n - 3) + [0]
        self.number(u + 8 - (1 << n), n)

    def raw(self):
        """Bytes of the raw bits."""
        bits = self.bits + [0] * (-len(self.bits) % 8)
        return bytes(sum(b << i for i, b in enumerate(bits[k:k + 8])) for k in range(0, len(bits), 8))


class Decisions:
    """Binary decisions. choose(name, p) says whether a bit of that context's name, with probability p/32768 of a one, shall be one."""
    def __init__(self, limit, choose):
        self.limit, self.choose = limit, choose
        self.contexts = defaultdict(lambda: [1 << 30, 0])
        self.symbols = []

    def bit(self, *key):
        """One decision in the context of that name and indices."""
        q = self.contexts[key]
        one = min(max(q[0] >> 16, 1), TOTAL - 1)
        b = int(self.choose(key, one))
        self.symbols.append((TOTAL - one, one) if b else (0, TOTAL - one))
        q[0] += ((b << 31) - q[0]) * (131072 // (2 * q[1] + 3)) >> 16
        q[1] = min(q[1] + 1, self.limit)
        return b

    def number(self, a, b, most):
        """A number 1..most."""
        j, r = 0, 1
        while j < most.bit_length() - 1 and self.bit(*a, j):
            j += 1
        for _ in range(j):
            r = 2 * r + self.bit(*b, j, min(r, 15))
        return min(r, most)

    def band(self):
        """The bytes of the band that ends here."""
        words = rans_words(self.symbols, 1)
        self.symbols = []
        return varint(len(words) // 2) + words

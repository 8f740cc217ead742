"""The quantizer ladder: a predicted log-scale picks a rung, the rungs of two neighbouring channels pick a codebook.

Values are residuals in quantization steps. A rung pair (larger, smaller) whose larger rung is at most `top` uses a
two-dimensional codebook (values swapped so that the larger rung comes first); other channels use the scalar codebook of
their rung. A wide scalar codebook codes coarse values plus `shift` raw bits. Every codebook has an escape symbol followed
by exact integers, so a wrong scale costs bits and never quality.

A choice minimises squared error + lam * bits. The dict form (to_dict) holds what the export needs:
  scalar [(values [K,1], bits [K])] per rung, shift [int] per rung, pairs [(values [K,2], bits [K])],
  map [rungs, rungs] -> pair codebook, and the geometry step, low, top, lam.
"""
import math

import torch

ESCAPE_BITS = 13.0   # before counting: the escape symbol's own cost
CHUNK = 1 << 21      # distances computed at once
CELLS = 16           # lookup cells per step


def golomb_bits(e):
    """Length of the signed exp-Golomb code of order 3."""
    u = torch.where(e > 0, 2 * e - 1, -2 * e) + 8
    return 2 * torch.floor(torch.log2(u + 0.5)) - 2


def runs(key):
    """(value, positions) for every value that occurs in key."""
    order = torch.argsort(key)
    values, counts = torch.unique_consecutive(key[order], return_counts=True)
    return zip(values.tolist(), order.split(counts.tolist()))


def nearest(x, values, bits, lam):
    """Index of the codeword that minimises |x - value|^2 + lam * bits."""
    offset = values.square().sum(1) + lam * bits
    out = [torch.addmm(offset, part, values.T, alpha=-2).argmin(1) for part in x.split(max(1, CHUNK // len(values)))]
    return torch.cat(out)


class Books:
    """Codebooks of one dimension as one flat array of codewords. Codewords are named by their flat index."""

    def __init__(self, books, dim, device="cpu"):
        self.dim = dim
        self.sizes = [len(c) for c, _ in books]
        empty = [torch.zeros(0, dim)], [torch.zeros(0)]
        self.values = torch.cat([c for c, _ in books] or empty[0]).float().to(device)
        self.bits = torch.cat([b for _, b in books] or empty[1]).float().to(device)
        self.start = torch.tensor([0] + self.sizes, device=device).cumsum(0)
        self.grid = None        # index tables of prepare(), and per book: first entry, half extent, side

    def __len__(self):
        return len(self.sizes)

    def book(self, i):
        at = slice(int(self.start[i]), int(self.start[i + 1]))
        return self.values[at], self.bits[at]

    def search(self, x, book, lam):
        """x [N,dim], book [N] -> flat index of the cheapest codeword."""
        index = torch.zeros(len(x), dtype=torch.long, device=x.device)
        for i, at in runs(book):
            index[at] = self.start[i] + nearest(x[at], *self.book(i), lam)
        return index

    def prepare(self, lam):
        """Tables for lookup(): the choice at the centre of every cell of a grid around each book."""
        tables, first, half, sides, total = [], [], [], [], 0
        for i in range(len(self)):
            values, bits = self.book(i)
            extent = math.ceil(float(values.abs().max()) + 1.0)
            side = 2 * extent * CELLS
            axis = (torch.arange(side, device=values.device) + 0.5) / CELLS - extent
            points = torch.stack(torch.meshgrid(*[axis] * self.dim, indexing="ij"), -1).reshape(-1, self.dim)
            tables.append((self.start[i] + nearest(points, values, bits, lam)).int())
            first.append(total)
            half.append(extent)
            sides.append(side)
            total += len(points)
        device = self.values.device
        if tables:
            self.grid = (torch.cat(tables), torch.tensor(first, device=device),
                         torch.tensor(half, device=device), torch.tensor(sides, device=device))

    def lookup(self, x, book):
        """search() by the tables of prepare(): exact but for values within half a cell of a decision border."""
        table, first, half, sides = self.grid
        side = sides[book]
        cell = ((x + half[book][:, None]) * CELLS).long()
        cell = torch.minimum(cell.clamp_min(0), side[:, None] - 1)
        at = cell[:, 0] if self.dim == 1 else cell[:, 0] * side + cell[:, 1]
        return table[first[book] + at].long()


class Ladder:
    def __init__(self, geometry, scalar, shift, pairs, pair_map, device="cpu"):
        """geometry: dict with step, low, top, lam. See the module's description for the rest."""
        self.step, self.low, self.top, self.lam = (geometry[k] for k in ("step", "low", "top", "lam"))
        self.scalar = Books(scalar, 1, device)
        self.pairs = Books(pairs, 2, device)
        self.pair_map = pair_map.to(device)
        self.shift = torch.tensor(shift, device=device)
        self.extent = torch.tensor([float(c.abs().max()) for c, _ in scalar], device=device)
        self.counts = None      # uses of every scalar and pair codeword, see count()
        self.bits = 0.0

    # ---- geometry ----
    @property
    def rungs(self):
        return len(self.shift)

    def centre(self, rung):
        return self.low + rung * self.step

    def rung(self, ls):
        return torch.clamp(torch.round((ls - self.low) / self.step), 0, self.rungs - 1).long()

    # ---- storage ----
    def to_dict(self):
        def pack(books):
            return [tuple(t.cpu().clone() for t in books.book(i)) for i in range(len(books))]
        return dict(step=self.step, low=self.low, top=self.top, lam=self.lam, scalar=pack(self.scalar),
                    shift=self.shift.tolist(), pairs=pack(self.pairs), map=self.pair_map.cpu().clone())

    @staticmethod
    def from_dict(d, device="cpu"):
        geometry = dict(step=d.get("step", 0.2), low=d.get("low", -3.0), top=d.get("top", 17), lam=d.get("lam", 0.12))
        return Ladder(geometry, d["scalar"], d.get("shift", [0] * len(d["scalar"])), d["pairs"], d["map"], device)

    def prepare(self):
        """Makes choices by table lookup from now on: what training uses."""
        self.scalar.prepare(self.lam)
        self.pairs.prepare(self.lam)
        return self

    # ---- choice ----
    def count(self):
        """Starts counting the use of codewords."""
        self.counts = [torch.zeros(len(b.values), device=b.values.device) for b in (self.scalar, self.pairs)]
        self.bits = 0.0

    def _pick(self, kind, x, book):
        books = (self.scalar, self.pairs)[kind]
        return books.search(x, book, self.lam) if books.grid is None else books.lookup(x, book)

    def _tally(self, kind, index):
        if self.counts is not None:
            self.counts[kind] += torch.bincount(index, minlength=len(self.counts[kind]))

    def _escape(self, x, q, bits):
        """Replaces choices by the escape where that is cheaper; x, q [N,d], bits [N]."""
        err = (x - q).square().sum(1)
        far = (err + self.lam * bits > self.lam * ESCAPE_BITS).nonzero()[:, 0]
        e = torch.round(x[far])
        ebits = ESCAPE_BITS + golomb_bits(e).sum(1)
        better = (x[far] - e).square().sum(1) + self.lam * ebits < err[far] + self.lam * bits[far]
        at = far[better]
        q[at], bits[at] = e[better], ebits[better]
        return q, bits

    def choose_scalar(self, x, rung):
        """x, rung [N] -> values [N], bits [N]."""
        b = self.shift[rung]
        wide = b > 0
        scale = 2.0 ** b
        # A wide book holds floor((x + half) / 2^shift); the remainder follows in raw bits, so the value is the nearest
        # integer inside the book's reach. Its choice is not a matter of cost: bits hardly differ within a cell.
        extent = self.extent[rung]
        coarse = torch.floor((torch.round(x) + scale / 2) / scale)
        near = torch.minimum(torch.maximum(coarse, -extent), extent)
        k = self._pick(0, x[:, None], rung)
        k = torch.where(wide, self.scalar.start[rung] + (near + extent).long(), k)
        q = torch.where(wide, torch.where(near == coarse, torch.round(x), near * scale), self.scalar.values[k, 0])
        bits = self.scalar.bits[k] + b
        self._tally(0, k)
        q, bits = self._escape(x[:, None], q[:, None], bits)
        return q[:, 0], bits

    def choose_pairs(self, x, ls):
        """x, ls [N,2] (residuals in steps, log-scales) -> values [N,2], bits [N]."""
        r = self.rung(ls)
        high, low = torch.maximum(r[:, 0], r[:, 1]), torch.minimum(r[:, 0], r[:, 1])   # amax over two is slow
        paired = (high <= self.top) & (len(self.pairs) > 0)
        q, bits = torch.zeros_like(x), torch.zeros(len(x), device=x.device)
        at = paired.nonzero()[:, 0]
        if len(at):
            swap = (r[at, 0] < r[at, 1])[:, None]
            v = torch.where(swap, x[at].flip(1), x[at])
            k = self._pick(1, v, self.pair_map[high[at], low[at]])
            self._tally(1, k)
            c, b = self._escape(v, self.pairs.values[k], self.pairs.bits[k])
            q[at], bits[at] = torch.where(swap, c.flip(1), c), b
        at = (~paired).nonzero()[:, 0]
        if len(at):
            c, b = self.choose_scalar(x[at].reshape(-1), r[at].reshape(-1))
            q[at], bits[at] = c.reshape(-1, 2), b.reshape(-1, 2).sum(1)
        return q, bits

    @torch.no_grad()
    def __call__(self, r, ls, mask):
        """The quantizer of model.Codec: r, ls [B,c,h,w], mask [1,1,h,w] -> hard values, 0 outside the mask."""
        b, c, h, w = r.shape
        pos = mask.reshape(-1).nonzero()[:, 0]

        def pack(t):
            return t.float().reshape(b, c, h * w)[..., pos].permute(0, 2, 1).reshape(-1, 2)

        q, bits = self.choose_pairs(pack(r), pack(ls))
        self.bits = self.bits + bits.sum()
        out = torch.zeros(b, c, h * w, device=r.device)
        out[..., pos] = q.reshape(b, len(pos), c).permute(0, 2, 1)
        return out.reshape(b, c, h, w)


def use(books, counts):
    """Share of codewords used at all, and the mean over the used codebooks of exp(entropy) / size."""
    parts = [c for c in counts.cpu().split(books.sizes) if c.sum() > 0]
    if not parts:
        return 0.0, 0.0
    used = sum(int((c > 0).sum()) for c in parts) / sum(len(c) for c in parts)
    spread = []
    for c in parts:
        p = c[c > 0] / c.sum()
        spread.append(math.exp(float(-(p * p.log()).sum())) / len(c))
    return used, sum(spread) / len(spread)

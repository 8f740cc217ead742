"""The bytes of spec/container.md: numbers, checksums, chunks, HEAD, files. What is asked for is written, right or wrong."""
import struct
from dataclasses import dataclass, field, replace

SIGNATURE = b'\x89VQZ\r\n\x1a\n'
LATENTS, RESIDUAL, ALPHA = 0, 1, 2
MASK64 = (1 << 64) - 1


def varint(v, size=1):
    """A varint of at least `size` bytes."""
    out = bytearray()
    while v > 127 or len(out) + 1 < size:
        out.append(v & 127 | 128)
        v >>= 7
    return bytes(out + bytes([v]))


def slong(v):
    """A signed number."""
    return varint(2 * v if v >= 0 else -2 * v - 1)


def _crc_table():
    table = []
    for v in range(256):
        for _ in range(8):
            v = v >> 1 ^ (0x82F63B78 if v & 1 else 0)
        table.append(v)
    return table


CRC = _crc_table()


def crc32c(data):
    """CRC-32C."""
    crc = 0xFFFFFFFF
    for b in data:
        crc = crc >> 8 ^ CRC[(crc ^ b) & 255]
    return crc ^ 0xFFFFFFFF


def xxh64(data):
    """XXH64 with seed 0."""
    p1, p2, p3, p4, p5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5

    def rot(v, n):
        return (v << n | v >> (64 - n)) & MASK64

    def rnd(acc, v):
        return rot(acc + v * p2 & MASK64, 31) * p1 & MASK64

    n, at = len(data), 0
    if n >= 32:
        lanes = [(p1 + p2) & MASK64, p2, 0, -p1 & MASK64]
        while at + 32 <= n:
            lanes = [rnd(a, v) for a, v in zip(lanes, struct.unpack_from('<4Q', data, at))]
            at += 32
        h = sum(rot(a, r) for a, r in zip(lanes, (1, 7, 12, 18))) & MASK64
        for a in lanes:
            h = ((h ^ rnd(0, a)) * p1 + p4) & MASK64
    else:
        h = p5
    h = h + n & MASK64
    while at + 8 <= n:
        h = rot(h ^ rnd(0, struct.unpack_from('<Q', data, at)[0]), 27) * p1 + p4 & MASK64
        at += 8
    if at + 4 <= n:
        h = rot(h ^ struct.unpack_from('<I', data, at)[0] * p1 & MASK64, 23) * p2 + p3 & MASK64
        at += 4
    for b in data[at:]:
        h = rot(h ^ b * p5 & MASK64, 11) * p1 & MASK64
    h = (h ^ h >> 33) * p2 & MASK64
    h = (h ^ h >> 29) * p3 & MASK64
    return h ^ h >> 32


@dataclass
class Picture:
    """What HEAD says."""
    width: int
    height: int
    samples: int
    model: bytes
    tile: tuple = (1024, 1024)
    orientation: int = 1
    cicp: bytes = b''
    has_hash: bool = False
    has_residual: bool = False
    quality: int = 1200
    inters: bool = False           # frames may be inter frames
    reserved: int = 0              # flags above bit 9
    timing: tuple | None = None    # of a sequence: numerator and denominator of the timebase, number of frames

    def head(self, size=1):
        """Payload of HEAD; its numbers have at least `size` bytes."""
        flags = self.samples - 1 | self.orientation - 1 << 2 | bool(self.cicp) << 5 | self.has_hash << 6 | self.has_residual << 7
        flags |= (self.timing is not None) << 8 | self.inters << 9 | self.reserved << 10
        numbers = (flags, self.width - 1, self.height - 1, self.tile[0] // 64 - 1, self.tile[1] // 64 - 1, self.quality)
        times = (self.timing[0] - 1, self.timing[1] - 1, self.timing[2]) if self.timing else ()
        return b''.join(varint(v, size) for v in numbers) + self.model + self.cicp + b''.join(varint(v, size) for v in times)

    def axis(self, k):
        """Tiles along an axis: (start, length) each."""
        s, t = (self.width, self.height)[k], self.tile[k]
        n, r = divmod(s, t)
        n += n == 0 or 2 * r >= t
        return [(i * t, t if i < n - 1 else s - i * t) for i in range(n)]

    def tiles(self):
        """Rectangles (x, y, w, h), row by row."""
        return [(x, y, w, h) for y, h in self.axis(1) for x, w in self.axis(0)]

    def order(self):
        """(tile, layer) of the TILE chunks in the order of section 7."""
        nx, ny, out = len(self.axis(0)), len(self.axis(1)), []

        def residuals(row):
            return [(row * nx + x, RESIDUAL) for x in range(nx)] if self.has_residual and row >= 0 else []

        for row in range(ny):
            for x in range(nx):
                out += [(row * nx + x, layer) for layer in ((ALPHA, LATENTS) if self.samples % 2 == 0 else (LATENTS,))]
            out += residuals(row - 1)
        return out + residuals(ny - 1)


@dataclass
class Frame:
    """What FRAM says. quality None: that of HEAD."""
    pts: int
    duration: int = 1
    key: bool = True
    has_hash: bool = False
    has_residual: bool = False
    quality: int | None = None
    back: int = 0                  # of an inter frame: how much later it is than the one that it refers to
    more: int = 0                  # other flags

    def payload(self, size=1):
        """Payload of FRAM; its numbers have at least `size` bytes."""
        flags = self.key << 3 | self.has_hash << 4 | self.has_residual << 5 | (self.quality is not None) << 6 | (129 if self.back else 0) | self.more
        numbers = varint(flags, min(size, 5)) + varint(2 * self.pts if self.pts >= 0 else -2 * self.pts - 1, size) + varint(self.duration, size)
        numbers += b'' if self.quality is None else varint(self.quality, min(size, 5))
        return numbers + (varint(self.back - 1, size) if self.back else b'')


@dataclass
class Chunk:
    """One chunk. payload None: INDX, made when its place is known. length: said instead of the right one."""
    type: bytes
    payload: bytes | None
    length: int | None = None
    crc: int = 0                   # is xored to the right one
    frame: Frame | None = None     # what INDX says of a FRAM


@dataclass
class File:
    """A file as a list of chunks; `assemble` makes its bytes."""
    picture: Picture
    chunks: list = field(default_factory=list)
    major: int = 0
    minor: int = 0
    tail: bytes = b''
    entries: bool = True           # in the INDX of a sequence

    def copy(self):
        """Another one to change."""
        return replace(self, chunks=[replace(c) for c in self.chunks])

    def find(self, kind, n=0):
        """Place of the n-th chunk of a type."""
        return [i for i, c in enumerate(self.chunks) if c.type == kind][n]

    def index(self, places):
        """Payload of INDX. places: offsets of its chunks, and what FRAM says or None."""
        out, last, pts = b'', 0, None
        frames = [f for _, f in places if f]
        if frames:
            out = varint(len(frames)) + slong(frames[0].pts) + slong(frames[-1].pts + frames[-1].duration)
            pts = frames[0].pts
        for at, f in places if self.entries else ():
            out += varint(2 * (at - last) + f.key) + slong(f.pts - pts) if f else varint(at - last)
            last, pts = at, f and f.pts
        return out + struct.pack('<I', len(out) + 16)

    def assemble(self):
        """The bytes of the file."""
        out = bytearray(SIGNATURE + bytes((self.major, self.minor)))
        places, sequence = [], any(c.frame for c in self.chunks)
        for i, c in enumerate(self.chunks):
            if c.frame if sequence else c.type == b'TILE':
                places.append((len(out), c.frame))
            out += chunk_bytes(c.type, self.index(places) if c.payload is None else c.payload, c.length, c.crc, bytes(out) if i == 0 else b'')
        return bytes(out) + self.tail


def chunk_bytes(kind, payload, length=None, crc=0, before=b''):
    """A chunk by itself. before: what else its crc covers; crc: xored to the right one."""
    body = kind + struct.pack('<I', len(payload) if length is None else length) + payload
    return body + struct.pack('<I', crc32c(before + body) ^ crc)


def tile_chunk(tile, layer, payload, size=1):
    """A TILE chunk; its key has at least `size` bytes."""
    return Chunk(b'TILE', varint(4 * tile + layer, size) + payload)


def file_of(picture, payloads, meta=(), pixel_hash=None):
    """A whole file. payloads: by (tile, layer); meta: (type, payload) chunks before the tiles; pixel_hash: 8 bytes of PHSH."""
    chunks = [Chunk(b'HEAD', picture.head())] + [Chunk(*m) for m in meta]
    chunks += [tile_chunk(t, layer, payloads[t, layer]) for t, layer in picture.order()]
    if picture.has_hash:
        chunks.append(Chunk(b'PHSH', pixel_hash))
    if len(picture.tiles()) > 1:
        chunks.append(Chunk(b'INDX', None))
    return File(picture, chunks)


def sequence_of(picture, frames, meta=(), size=1):
    """A whole sequence. frames: (Frame, payloads, pixel hash or None) each."""
    chunks = [Chunk(b'HEAD', picture.head())] + [Chunk(*m) for m in meta]
    for frame, payloads, pixel_hash in frames:
        chunks.append(Chunk(b'FRAM', frame.payload(size), frame=frame))
        chunks += [tile_chunk(t, layer, payloads[t, layer]) for t, layer in replace(picture, has_residual=frame.has_residual).order()]
        if frame.has_hash:
            chunks.append(Chunk(b'PHSH', pixel_hash))
    return File(picture, chunks + [Chunk(b'INDX', None)])


def parse(data):
    """A File from the bytes of a valid one (HEAD's fields are left in its payload)."""
    out, at = File(None, major=data[8], minor=data[9]), 10
    while at < len(data):
        n = struct.unpack_from('<I', data, at + 4)[0]
        out.chunks.append(Chunk(data[at:at + 4], data[at + 8:at + 8 + n]))
        at += n + 12
    return out

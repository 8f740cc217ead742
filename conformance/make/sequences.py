"""Sequences (container.md, section 14): valid ones, damaged ones, and those that break a rule."""
import struct
from dataclasses import replace

from wire import ALPHA, RESIDUAL, Chunk, Frame, chunk_bytes, file_of, sequence_of, slong, tile_chunk, varint, xxh64

LAST = (1 << 61) - 1


def frames_of(s, p, times, **more):
    """Frames of arbitrary symbols, all different. times: Frames."""
    out = []
    for n, frame in enumerate(times):
        payloads = {k: bytes((0, 100 + 9 * n)) if k[1] == ALPHA else v for k, v in s.tiles('plain', p, wild=n % 2 == 1, escapes=0.01 * (n + 1), level=n % 3, **more).items()}
        pixel_hash = None
        if frame.has_hash:
            still = replace(p, timing=None, has_hash=False, has_residual=frame.has_residual)
            pixel_hash = struct.pack('<Q', xxh64(s.decode(file_of(still, payloads).assemble(), 'plain')))
        out.append((frame, payloads, pixel_hash))
    return out


def film(s, times, w=40, h=30, samples=3, meta=(), size=1, timing=(1, 25, 0), **more):
    """A sequence."""
    p = s.picture('plain', w, h, samples, timing=timing, **more)
    return sequence_of(p, frames_of(s, p, times), meta, size)


def steady(n, **more):
    """n frames, one after the other."""
    return [Frame(i, **more) for i in range(n)]


TILES = {'w': 140, 'h': 100, 'tile': (64, 64)}


def valid(s):
    """What every decoder must read; the picture is that of all frames, one PAM behind the other."""
    def put(name, about, f):
        s.add(f'sequence-{name}', f if isinstance(f, bytes) else f.assemble(), 'plain', 'sequence: ' + about)

    put('three', 'three frames', film(s, steady(3), timing=(1, 25, 3)))
    put('one', 'one frame', film(s, steady(1)))
    put('five-gray', 'five gray frames, number not known', film(s, steady(5), samples=1, w=17, h=9))
    put('tiles', 'two frames of tiles', film(s, steady(2), **TILES))
    put('alpha', 'alpha', film(s, steady(2), samples=4, **TILES))
    f = film(s, steady(3))
    f.entries = False
    put('no-entries', 'INDX without entries', f)
    put('times', 'frames of different durations, with gaps and overlaps, one not known',
        film(s, [Frame(-3003, 1000), Frame(0, 6000), Frame(3003, 0), Frame(100000, 1)], timing=(1, 90000, 4)))
    put('hours', 'times of ten hours and more at 1/90000', film(s, [Frame(36000 * 90000, 3600), Frame(1 << 40, 3600)], timing=(1, 90000, 0)))
    put('ends-of-time', 'the first and the last time that can be said, the largest timebase',
        film(s, [Frame(-LAST - 1, LAST), Frame(0, LAST), Frame(LAST, 0)], timing=((1 << 31) - 1, (1 << 31) - 1, 3)))
    put('hashes', 'pixel hashes of some frames', film(s, [Frame(0, has_hash=True), Frame(1), Frame(2, has_hash=True)], has_hash=True))
    put('residuals', 'residuals in some frames, among tiles', film(s, [Frame(0), Frame(1, has_residual=True), Frame(2)], has_residual=True, **TILES))
    put('qualities', 'qualities of frames, key frames and others', film(s, [Frame(0, quality=0), Frame(1, key=False, quality=1600), Frame(2, key=False)]))
    put('long-numbers', 'numbers of FRAM in longer forms', film(s, [Frame(0), Frame(5, 7, quality=80)], size=9))
    put('turned', 'orientation and CICP', film(s, steady(2), orientation=6, cicp=bytes((1, 13, 6, 1))))
    f = film(s, steady(2), meta=((b'eXIf', b'\0x'), (b'xMPd', b'\0y')), has_hash=True)
    for i in range(len(f.chunks) - 1, 0, -1):
        f.chunks.insert(i, Chunk(b'abCd', bytes(range(i))))
    put('unknown-ancillary', 'metadata, and unknown ancillary chunks everywhere', f)
    put('tail', 'another file behind INDX', film(s, steady(2)).assemble() + film(s, steady(1)).assemble())
    put('program', 'made by the program', s.encode.film(s.paths['plain'], 'smooth', 40, 30, 3, 3, '-q', 20, '--fps', '30000/1001'))
    put('program-tiles', 'made by the program: tiles, alpha, residuals, pixel hashes',
        s.encode.film(s.paths['plain'], 'smooth', 150, 140, 4, 2, '-q', 90, '--tile-size', 128, '--pixel-hash'))
    for name, samples, options in (('', 3, ('-q', 20)), ('-gray', 1, ('-q', 60)), ('-tiles', 3, ('-q', 50, '--tile-size', 128, '--pixel-hash')),
                                   ('-residuals', 4, ('-q', 90, '--tile-size', 128, '--pixel-hash'))):
        put(f'inter{name}', 'inter frames, made by the program' + (': ' + name[1:] if name else ''),
            s.encode.film(s.paths['plain'], 'smooth', 200 if 'tile' in str(options) else 75, 70, samples, 4, *options, '--key-interval', 3))
    s.add('sequence-inter-photo', s.encode.film(None, 'smooth', 90, 70, 3, 4, '-q', 35, '--key-interval', 10), 'base', 'sequence: inter frames, trained model')


def partial(s):
    """Damaged ones: (name, bytes, model, status, about)."""
    out = []

    def put(name, status, about, f, change):
        f = change(f) or f
        out.append((f'sequence-{name}', f if isinstance(f, bytes) else f.assemble(), status, 'sequence: ' + about))

    def spoil(n, **more):
        def change(f):
            f.chunks[n] = replace(f.chunks[n], **more)
        return change

    put('damaged', 'CHECKSUM', 'the second of three frames is damaged, and left out', film(s, steady(3)), spoil(4, crc=1))
    put('damaged-tile', 'CHECKSUM', 'a tile of the second frame is damaged, and left out', film(s, steady(3), **TILES), spoil(7, crc=1))
    put('damaged-frame', 'CHECKSUM', 'the second FRAM is damaged: what follows belongs to no frame', film(s, steady(3)), spoil(3, crc=1))
    put('damaged-type', 'CORRUPT', 'the second FRAM has another type', film(s, steady(3)), spoil(3, type=b'FR4M'))
    put('damaged-length', 'CHECKSUM', "the second frame's TILE says that it holds the third frame, too", film(s, steady(3)),
        lambda f: spoil(4, length=len(f.chunks[4].payload) + 40)(f))
    put('cut', 'TRUNCATED', 'the file ends in the third frame', film(s, steady(4), **TILES), lambda f: cut_in(f, 3))
    put('cut-before-index', 'TRUNCATED', 'everything but INDX', film(s, steady(2)), lambda f: f.chunks.pop() and None)
    put('frame-missing', 'CORRUPT', 'FRAM of the second frame is missing', film(s, steady(3)), lambda f: f.chunks.pop(3) and None)
    return out


def cut_in(f, n):
    """The file up to the second TILE of its n-th frame."""
    g = f.copy()
    del g.chunks[[i for i, c in enumerate(g.chunks) if c.type == b'FRAM'][n - 1] + 3:]
    return g.assemble()[:-5]


def refusals(r):
    """One broken rule each."""
    def spoilt(name, status, rule, change, times=None, **more):
        f = film(r.valid, times or steady(2), **more)
        f = change(f) or f
        r.add(f'sequence-{name}', f if isinstance(f, bytes) else f.assemble(), status, '14: ' + rule)

    def head(change, **timing):
        def apply(f):
            f.chunks[0].payload = change(replace(f.picture, **timing).head())
        return apply

    def frame(n=1, payload=None, **fields):
        """Another FRAM at chunk n; INDX says what FRAM says, unless the payload is given."""
        def apply(f):
            made = replace(f.chunks[n].frame, **fields)
            f.chunks[n] = Chunk(b'FRAM', made.payload() if payload is None else payload, frame=made)
        return apply

    def drop(n):
        return lambda f: f.chunks.pop(n) and None

    def insert(n, *chunk, **more):
        return lambda f: f.chunks.insert(n if n >= 0 else len(f.chunks) + n + 1, Chunk(*chunk, **more))

    def whole(p):
        return p

    spoilt('timebase-numerator', 'CORRUPT', 'numerator 2^31', head(whole, timing=(1 << 31, 25, 0)))
    spoilt('timebase-denominator', 'CORRUPT', 'denominator 2^31', head(whole, timing=(1, 1 << 31, 0)))
    spoilt('head-short', 'CORRUPT', 'HEAD ends before the number of frames', head(lambda p: p[:-1]))
    spoilt('head-no-timing', 'CORRUPT', 'HEAD without timebase', head(lambda p: p[:-3]))
    spoilt('head-more', 'VERSION', 'HEAD has more fields', head(lambda p: p + b'\0'))
    spoilt('frames-fewer', 'CORRUPT', 'HEAD says one frame more', head(whole, timing=(1, 25, 3)))
    spoilt('frames-more', 'CORRUPT', 'HEAD says one frame less', head(whole, timing=(1, 25, 1)))
    spoilt('still-with-frame', 'CORRUPT', 'FRAM in a still', head(lambda p: bytes((p[0] & 127,)) + p[2:-3]))

    spoilt('frame-empty', 'CORRUPT', 'FRAM of no bytes', frame(payload=b''))
    spoilt('frame-short', 'CORRUPT', 'FRAM without duration', frame(payload=b'\x08\0'))
    spoilt('frame-no-quality', 'CORRUPT', 'a quality is announced and not there', frame(payload=b'\x48\0\1'))
    spoilt('frame-more', 'VERSION', 'FRAM has more fields', frame(payload=b'\x08\0\1\0'))
    for t in (1, 2, 7):
        spoilt(f'frame-type-{t}', 'VERSION', f'a frame of type {t}', frame(3, more=t))
    for bit in (10, 31):
        spoilt(f'frame-flag-{bit}', 'VERSION', f'flag {bit} of FRAM', frame(3, more=1 << bit))
    spoilt('inter-not-announced', 'VERSION', 'an inter frame that HEAD does not announce', frame(3, key=False, back=1))
    spoilt('inter-other', 'REFERENCE', 'an inter frame that refers to another frame than the one before', frame(3, key=False, back=2), inters=True)
    spoilt('inter-key', 'CORRUPT', 'an inter frame that is a key frame', frame(3, back=1), inters=True)
    spoilt('inter-references', 'CORRUPT', 'an inter frame with three references', frame(3, key=False, back=1, more=1 << 8), inters=True)
    spoilt('inter-short', 'CORRUPT', 'an inter frame that does not say what it refers to', frame(3, payload=b'\x81\1\2\1'), inters=True)
    spoilt('inter-past', 'CORRUPT', 'an inter frame that refers to a time that cannot be said', frame(3, key=False, back=(1 << 61) + 3), inters=True)
    for bit in (7, 9):
        spoilt(f'frame-references-{bit}', 'CORRUPT', 'an intra frame with references', frame(3, more=1 << bit))
    spoilt('frame-order-type', 'VERSION', 'an unknown type goes before missing fields', frame(3, payload=b'\x09'))
    spoilt('frame-order-range', 'CORRUPT', 'a field out of its range goes before more bytes', frame(payload=b'\x48\0\1' + varint(1601) + b'\0'))
    spoilt('frame-quality', 'CORRUPT', 'quality 100 1/16', frame(quality=1601))
    spoilt('frame-late', 'CORRUPT', 'pts 2^61', frame(3, pts=LAST + 1, duration=0))
    spoilt('frame-early', 'CORRUPT', 'pts -2^61 - 1', frame(pts=-LAST - 2))
    spoilt('frame-end', 'CORRUPT', 'pts + duration is 2^61', frame(3, pts=5, duration=LAST - 4))
    spoilt('frame-duration', 'CORRUPT', 'duration 2^63 - 1', frame(3, duration=(1 << 63) - 1))
    spoilt('frame-number-10', 'CORRUPT', 'a number of 10 bytes', frame(payload=b'\x08' + b'\x80' * 9 + b'\0\1'))
    spoilt('frame-same-time', 'CORRUPT', 'two frames at the same time', frame(3, pts=0))
    spoilt('frame-back', 'CORRUPT', 'a frame before the one before', frame(3, pts=-1))
    spoilt('frame-no-key', 'CORRUPT', 'the first frame has no key', frame(key=False))
    spoilt('frame-hash', 'CORRUPT', 'FRAM announces a hash, HEAD does not', frame(has_hash=True))
    spoilt('frame-residual', 'CORRUPT', 'FRAM announces residuals, HEAD does not', frame(has_residual=True))
    spoilt('frame-crc', 'CHECKSUM', 'crc of FRAM', lambda f: setattr(f.chunks[3], 'crc', 1))
    spoilt('frame-length', 'CORRUPT', 'FRAM says 65 bytes', insert(3, b'FRAM', b'', length=65))
    spoilt('unknown-length', 'CORRUPT', 'an unknown chunk of more than 2^20 bytes', insert(3, b'anCi', b'', length=(1 << 20) + 1))
    spoilt('index-length', 'CORRUPT', 'INDX says more than 2^26 bytes', insert(-2, b'INDX', b'', length=(1 << 26) + 1))
    spoilt('critical-unknown', 'VERSION', 'an unknown critical chunk between frames', insert(3, b'ABcd', b'x'))
    spoilt('critical-unknown-first', 'VERSION', 'an unknown critical chunk before the first frame', insert(1, b'ABcd', b'x'))
    spoilt('critical-unknown-crc', 'CHECKSUM', 'an unknown critical chunk with a wrong crc: it may be a damaged one', insert(3, b'ABcd', b'x', crc=1))

    spoilt('tile-first', 'CORRUPT', 'a TILE before FRAM', drop(1))
    spoilt('tile-missing', 'CORRUPT', "the first frame's tile is missing", drop(2))
    spoilt('tile-missing-last', 'CORRUPT', "the last frame's tile is missing", drop(4))
    spoilt('tile-one-more', 'CORRUPT', 'a tile too many', lambda f: f.chunks.insert(3, f.chunks[2]))
    spoilt('tile-swapped', 'CORRUPT', 'two tiles in the wrong order', lambda f: f.chunks.insert(9, f.chunks.pop(8)), **TILES)
    spoilt('residual-unannounced', 'CORRUPT', 'a residual that FRAM does not announce', insert(3, *vars(tile_chunk(0, RESIDUAL, b'\0')).values()), has_residual=True)
    spoilt('residual-missing', 'CORRUPT', 'a residual that FRAM announces', drop(3), times=[Frame(0, has_residual=True), Frame(1)], has_residual=True)
    spoilt('latents', 'HASH', 'latents of the second frame in the first one, with another hash',
           lambda f: setattr(f.chunks[2], 'payload', f.chunks[2].payload[:3] + f.chunks[4].payload[3:7] + f.chunks[2].payload[7:]))
    hashes = {'times': steady(2, has_hash=True), 'has_hash': True}
    spoilt('hash-wrong', 'HASH', 'the second frame has another hash', lambda f: setattr(f.chunks[6], 'payload', bytes(8)), **hashes)
    spoilt('hash-missing', 'CORRUPT', 'PHSH is announced by FRAM and missing', drop(3), **hashes)
    spoilt('hash-missing-last', 'CORRUPT', 'PHSH of the last frame is missing', drop(6), **hashes)
    spoilt('hash-twice', 'CORRUPT', 'PHSH twice', lambda f: f.chunks.insert(4, f.chunks[3]), **hashes)
    spoilt('hash-unannounced', 'CORRUPT', 'PHSH that FRAM does not announce', insert(3, b'PHSH', bytes(8)), has_hash=True)
    spoilt('meta-late', 'CORRUPT', 'metadata behind FRAM', insert(3, b'eXIf', b'\0x'))
    spoilt('head-twice', 'CORRUPT', 'a second HEAD', lambda f: f.chunks.insert(3, f.chunks[0]))

    spoilt('no-frames', 'CORRUPT', 'INDX before the first FRAM', lambda f: f.chunks.__delitem__(slice(1, 5)) or setattr(f.chunks[1], 'payload', b'\0\0\0\x13\0\0\0'))
    spoilt('cut-frame', 'TRUNCATED', 'the file ends in FRAM', lambda f: f.chunks.__delitem__(slice(4, 9)) or f.assemble()[:-2])
    spoilt('cut-tile', 'TRUNCATED', 'the file ends in a tile of the second frame', lambda f: f.chunks.pop() and f.assemble()[:-9])
    spoilt('cut-index', 'TRUNCATED', 'the file ends inside INDX', lambda f: f.assemble()[:-1])

    def index(make):
        def apply(f):
            data = f.assemble()
            n = struct.unpack('<I', data[-8:-4])[0]
            return data[:-n] + chunk_bytes(b'INDX', make(data[-n + 8:-n + 11], data[-n + 11:-8]))       # its first numbers have a byte each
        return apply

    def sized(summary, entries, size=None):
        body = summary + entries
        return body + struct.pack('<I', len(body) + 16 if size is None else size)

    spoilt('index-frames', 'CORRUPT', 'INDX says another number of frames', index(lambda a, e: sized(b'\3' + a[1:], e)))
    spoilt('index-start', 'CORRUPT', 'INDX says another start', index(lambda a, e: sized(a[:1] + b'\2' + a[2:], e)))
    spoilt('index-end', 'CORRUPT', 'INDX says another end', index(lambda a, e: sized(a[:2] + b'\2', e)))
    spoilt('index-place', 'CORRUPT', 'INDX says another place of the first FRAM', index(lambda a, e: sized(a, bytes((e[0] ^ 2,)) + e[1:])))
    spoilt('index-key', 'CORRUPT', 'INDX says that the first frame is not a key', index(lambda a, e: sized(a, bytes((e[0] ^ 1,)) + e[1:])))
    spoilt('index-step', 'CORRUPT', 'INDX says another time of the second frame', index(lambda a, e: sized(a, e[:-1] + b'\4')))
    spoilt('index-fewer', 'CORRUPT', 'INDX ends within an entry', index(lambda a, e: sized(a, e[:-1])))
    spoilt('index-more', 'CORRUPT', 'INDX has a byte too many', index(lambda a, e: sized(a, e + b'\0')))
    spoilt('index-long-number', 'CORRUPT', 'INDX has a number in a longer form', index(lambda a, e: sized(a, e[:-1] + bytes((e[-1] | 128, 0)))))
    spoilt('index-long-summary', 'CORRUPT', 'the number of frames in a longer form', index(lambda a, e: sized(b'\x82\0' + a[1:], e)))
    spoilt('index-size', 'CORRUPT', 'INDX says another size', index(lambda a, e: sized(a, e, 17)))
    spoilt('index-size-only', 'CORRUPT', 'INDX without its numbers', index(lambda a, e: sized(b'', b'')))
    spoilt('index-crc', 'CHECKSUM', 'crc of INDX', lambda f: setattr(f.chunks[-1], 'crc', 1))

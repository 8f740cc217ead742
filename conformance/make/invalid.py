"""Files that every decoder must refuse, by the rules of spec/container.md and spec/bitstream.md."""
import struct

from latents import Tile
from exact import MASK, Exact, mixed_tile, pixel_tile
from planes import Alpha, residual
from valid import raw_frame, rle_frame
from wire import ALPHA, LATENTS, RESIDUAL, SIGNATURE, Chunk, chunk_bytes, file_of, tile_chunk, varint


class Refusals:
    """Invalid files by name: (bytes, model, status names that are allowed, rule)."""
    def __init__(self, valid):
        self.valid, self.files = valid, {}

    def add(self, name, data, status, rule, model='plain'):
        """One more."""
        assert name not in self.files, name
        self.files[name] = data, model, status, rule

    def base(self, w=30, h=20, samples=3, **more):
        """A small valid file to spoil."""
        p = self.valid.picture('plain', w, h, samples, **more)
        f = file_of(p, self.valid.tiles('plain', p), pixel_hash=bytes(8))
        return self.valid.with_hash(f, 'plain') if p.has_hash else f

    def spoilt(self, name, status, rule, change, **more):
        """A small file after `change`, which may return what to use instead."""
        f = self.base(**more)
        f = change(f) or f
        self.add(name, f if isinstance(f, bytes) else f.assemble(), status, rule)


def preamble(r):
    """container.md, sections 3, 4 (crc) and 11 (truncation)."""
    whole = r.base().assemble()
    r.add('empty', b'', 'TRUNCATED', '3: an empty file')
    for i, what in ((0, 'first byte'), (3, 'letter'), (4, 'CR'), (5, 'LF'), (7, 'last byte')):
        r.add(f'signature-{i}', whole[:i] + b'x' + whole[i + 1:], 'SIGNATURE', f'3: signature, {what}')
    r.add('signature-line-ends', SIGNATURE.replace(b'\r\n', b'\n') + whole[8:], 'SIGNATURE', '3: line ends were changed in transfer')
    r.add('signature-short', b'\x89VX', 'SIGNATURE', '11: known from the first wrong byte on')
    r.spoilt('major', 'VERSION', '3: major version 1', lambda f: setattr(f, 'major', 1))
    r.spoilt('minor-unprotected', 'CHECKSUM', "4: HEAD's crc covers the preamble", lambda f: f.assemble()[:9] + b'\1' + f.assemble()[10:])
    places = {'signature': 5, 'preamble': 9, 'head-length': 15, 'head-payload': 30, 'head-crc': 49, 'behind-head': 51, 'tile-type': 53, 'tile-payload': 70}
    for name, n in places.items():
        r.add(f'cut-{name}', whole[:n], 'TRUNCATED', f'2: the file ends in {name.replace("-", " ")}')
    r.add('cut-last-byte', whole[:-1], 'TRUNCATED', '2: the last byte is missing')
    many = r.base(w=140, tile=(64, 64), has_hash=True)
    parts = many.assemble()
    r.add('cut-index', parts[:-3], 'TRUNCATED', '2: the file ends inside INDX')
    del many.chunks[-1]
    r.add('cut-before-index', many.assemble(), 'TRUNCATED', '2: INDX is missing')
    del many.chunks[-1]
    r.add('cut-before-hash', many.assemble(), 'TRUNCATED', '2: PHSH and INDX are missing')
    one = r.base(has_hash=True)
    del one.chunks[-1]
    r.add('cut-before-hash-1', one.assemble(), 'TRUNCATED', '2: PHSH is missing behind a single tile')


def chunks(r):
    """container.md, sections 2, 4 and 11."""
    many = {'w': 140, 'tile': (64, 64), 'has_hash': True}

    def crc_of(kind):
        def change(f):
            f.chunks.insert(1, Chunk(b'eXIf', b'\0x'))
            f.chunks.insert(1, Chunk(b'anCi', b'x'))
            f.chunks[f.find(kind)].crc = 1 << 31
        return change

    for kind in (b'HEAD', b'eXIf', b'anCi', b'TILE', b'PHSH', b'INDX'):
        r.spoilt(f'crc-{kind.decode()}', 'CHECKSUM', f'4: crc of {kind.decode()}', crc_of(kind), **many)

    def insert(at, *chunk, **more):
        return lambda f: f.chunks.insert(at if at >= 0 else len(f.chunks) + at + 1, Chunk(*chunk, **more))

    r.spoilt('critical-unknown', 'VERSION', '4: an unknown critical chunk', insert(1, b'ABcd', b'x'))
    r.spoilt('critical-unknown-late', 'VERSION', '4: an unknown critical chunk between tiles', insert(2, b'Tile', b'x'), **many)
    r.spoilt('type-digit', 'CORRUPT', '4: a type with a digit', insert(1, b'ab1d', b'x'))
    r.spoilt('type-at', 'CORRUPT', '4: a type with the byte before A', insert(1, b'ab@d', b'x'))
    r.spoilt('type-zero', 'CORRUPT', '4: a type of zeros', insert(1, bytes(4), b''))
    r.spoilt('type-brace', 'CORRUPT', '4: a type with the byte behind z', insert(1, b'{bcd', b'x'))
    r.spoilt('type-eighth-bit', 'CORRUPT', '4: a type with the eighth bit', insert(1, b'\xe1bcd', b'x'))
    limits = ((b'HEAD', 65), (b'TILE', 16 * 600 + 4096 + 6), (b'PHSH', 9), (b'iCCP', (1 << 22) + 2), (b'eXIf', 1 << 31), (b'xMPd', (1 << 22) + 2), (b'anCi', (1 << 26) + 1))
    for kind, n in limits:
        r.spoilt(f'length-{kind.decode()}', 'CORRUPT', f'4: {kind.decode()} says {n} bytes', insert(0 if kind == b'HEAD' else 1, kind, b'', length=n))
    r.spoilt('length-INDX', 'CORRUPT', '4: INDX says more bytes than it can have', insert(-2, b'INDX', b'', length=5 * 3 + 5), **many)
    for kind in (b'TILE', b'anCi', b'INDX', b'eXIf', b'PHSH', b'ABcd'):
        r.spoilt(f'first-{kind.decode()}', 'CORRUPT', f'4: {kind.decode()} is the first chunk', insert(0, kind, b'12345678'))

    def again(f):
        f.chunks.insert(1, Chunk(b'HEAD', f.chunks[0].payload))

    r.spoilt('head-twice', 'CORRUPT', '2: a second HEAD', again)


def head(r):
    """container.md, section 5."""
    def with_head(**fields):
        def change(f):
            p = f.picture
            for name, value in fields.items():
                setattr(p, name, value)
            f.chunks[0].payload = p.head()
        return change

    def payload(make):
        def change(f):
            f.chunks[0].payload = make(f.chunks[0].payload)
        return change

    for bit in (0, 21):
        r.spoilt(f'head-flag-{bit + 10}', 'VERSION', f'5: flag {bit + 10}', with_head(reserved=1 << bit))
    r.spoilt('head-inter', 'CORRUPT', '5: inter frames in a still', with_head(inters=True))
    r.spoilt('head-width', 'LIMIT', '5: width 2^18 + 1', with_head(width=(1 << 18) + 1, height=1, tile=(1024, 1024)))
    r.spoilt('head-height', 'LIMIT', '5: height 2^18 + 1', with_head(height=(1 << 18) + 1, width=1))
    r.spoilt('head-width-largest', 'LIMIT', '5: width 2^32', with_head(width=1 << 32))
    r.spoilt('head-pixels', 'LIMIT', '5: 2^28 + 2^14 pixels', with_head(width=1 << 14, height=(1 << 14) + 1))
    r.spoilt('head-tile-width', 'CORRUPT', '5: tile width beyond 4096 x 64', with_head(tile=(4097 * 64, 64)))
    r.spoilt('head-tile-height', 'CORRUPT', '5: tile height beyond 4096 x 64', with_head(tile=(64, 4097 * 64)))
    r.spoilt('head-tile-area', 'CORRUPT', '5: a tile of more than 1536 x 1536 pixels', with_head(tile=(1600, 1600), width=1600, height=1600))
    r.spoilt('head-tile-merged', 'CORRUPT', '5: a last tile of more than 1536 x 1536 pixels', with_head(tile=(1088, 1088), width=1631 + 1088, height=1631 + 1088))
    r.spoilt('head-quality', 'CORRUPT', '5: quality 100 1/16', with_head(quality=1601))
    r.spoilt('head-cicp-zero', 'CORRUPT', '5: cicp is present and 0', with_head(cicp=bytes(4)))
    r.spoilt('head-short', 'CORRUPT', '5: the last byte is missing', payload(lambda p: p[:-1]))
    r.spoilt('head-no-cicp', 'CORRUPT', '5: cicp is announced and not there', payload(lambda p: bytes([p[0] | 32]) + p[1:]))
    r.spoilt('head-empty', 'CORRUPT', '5: HEAD of no bytes', payload(lambda p: b''))
    r.spoilt('head-more', 'VERSION', '5: HEAD has more fields', payload(lambda p: p + b'\0'))
    r.spoilt('head-number-6', 'CORRUPT', '1: a number of 6 bytes', payload(lambda p: p[:1] + b'\x9d\x80\x80\x80\x80\0' + p[2:]))
    r.spoilt('head-number-33', 'CORRUPT', '1: a number of 33 bits', payload(lambda p: p[:1] + b'\xff\xff\xff\xff\x1f' + p[2:]))
    r.spoilt('head-order-flags', 'VERSION', '5: a reserved flag goes before a field out of its range', with_head(reserved=1, quality=1601))
    r.spoilt('head-order-range', 'CORRUPT', '5: a field out of its range goes before more bytes', payload(lambda p: p[:-18] + varint(1601) + p[-16:] + b'\0'))
    r.spoilt('head-order-more', 'VERSION', '5: more bytes go before the size of the picture',
             lambda f: with_head(width=1 << 20)(f) or payload(lambda p: p + b'\0')(f))
    r.spoilt('head-order-limit', 'LIMIT', '5: the size of the picture goes before that of a tile', with_head(width=1 << 19, height=1600, tile=(1600, 1600)))
    r.spoilt('model-unknown', 'MODEL_UNKNOWN', '5: another model', with_head(model=bytes(16)))


def metadata(r):
    """container.md, section 10."""
    def meta(*payloads, kind=b'iCCP'):
        def change(f):
            f.chunks[1:1] = [Chunk(kind, p) for p in payloads]
        return change

    text = bytes(range(50))
    for kind in (b'iCCP', b'eXIf', b'xMPd'):
        r.spoilt(f'meta-twice-{kind.decode()}', 'CORRUPT', f'2: {kind.decode()} twice', meta(b'\0a', b'\0b', kind=kind))
        r.spoilt(f'meta-late-{kind.decode()}', 'CORRUPT', f'2: {kind.decode()} behind a tile',
                 lambda f, kind=kind: f.chunks.insert(2, Chunk(kind, b'\0a')), w=140, tile=(64, 64))
    r.spoilt('meta-method', 'VERSION', '10: method 2', meta(b'\2abc'))
    r.spoilt('meta-nothing', 'CORRUPT', '10: no method', meta(b''))
    r.spoilt('meta-empty', 'CORRUPT', '10: data of 0 bytes', meta(b'\0'))
    r.spoilt('meta-size-0', 'CORRUPT', '10: a size of 0', meta(b'\1\0' + raw_frame(b'')))
    r.spoilt('meta-size-large', 'CORRUPT', '10: a size beyond 2^22', meta(b'\1' + varint((1 << 22) + 1) + raw_frame(text)))
    r.spoilt('meta-size-cut', 'CORRUPT', '10: the size is cut', meta(b'\1\xff'))
    r.spoilt('meta-packed-empty', 'CORRUPT', '10: packed data of 0 bytes', meta(b'\1' + varint(50)))
    broken = (('magic', b'x' + raw_frame(text)[1:]), ('short', raw_frame(text)[:-1]), ('two', raw_frame(text[:25]) * 2), ('more', raw_frame(text) + b'x'),
              ('skippable', b'\x50\x2a\x4d\x18\0\0\0\0' + raw_frame(text)), ('larger', raw_frame(text + b'x')), ('smaller', raw_frame(text[:-1])), ('bomb', rle_frame(1, 100000)))
    for name, frame in broken:
        r.spoilt(f'meta-frame-{name}', 'CORRUPT,OK', f'10: {name}: not exactly one zstd frame of the size that is said; who has no use for it may let it pass',
                 meta(b'\1' + varint(50) + frame))


def tiles(r):
    """container.md, section 7."""
    many = {'w': 140, 'h': 70, 'tile': (64, 64)}

    def swap(a, b):
        def change(f):
            f.chunks[a], f.chunks[b] = f.chunks[b], f.chunks[a]
        return change

    def drop(n):
        def change(f):
            del f.chunks[n]
        return change

    def put(n, tile, layer, payload, size=1):
        def change(f):
            f.chunks[n] = tile_chunk(tile, layer, payload, size)
        return change

    r.spoilt('tile-layer-3', 'VERSION', '7: the reserved layer', put(1, 0, 3, bytes(20)))
    r.spoilt('tile-beyond', 'CORRUPT', '7: a tile that does not exist', put(1, 1, LATENTS, bytes(20)))
    r.spoilt('tile-beyond-far', 'CORRUPT', '7: tile 2^30 - 1', put(1, (1 << 30) - 1, LATENTS, bytes(20)))
    r.spoilt('tile-no-key', 'CORRUPT', '7: no key', lambda f: f.chunks.__setitem__(1, Chunk(b'TILE', b'')))
    r.spoilt('tile-key-cut', 'CORRUPT', '7: the key is cut', lambda f: f.chunks.__setitem__(1, Chunk(b'TILE', b'\x80\x80')))
    r.spoilt('tile-key-33', 'CORRUPT', '1: a key of 33 bits', lambda f: f.chunks.__setitem__(1, Chunk(b'TILE', b'\x80\x80\x80\x80\x10' + f.chunks[1].payload[1:])))
    r.spoilt('tile-swapped', 'CORRUPT', '7: two tiles in the wrong order', swap(1, 2), **many)
    r.spoilt('tile-twice', 'CORRUPT', '7: a tile twice', lambda f: f.chunks.insert(1, f.chunks[1]), **many)
    r.spoilt('tile-missing', 'CORRUPT', '7: a tile is missing', drop(2), **many)
    r.spoilt('tile-missing-last', 'CORRUPT', '7: the last tile is missing', drop(-2), **many)
    r.spoilt('tile-one-more', 'CORRUPT', '7: a tile too many', lambda f: f.chunks.insert(-1, f.chunks[-2]), **many)
    r.spoilt('alpha-swapped', 'CORRUPT', '7: latents before alpha', swap(1, 2), samples=4)
    r.spoilt('alpha-missing', 'CORRUPT', '7: alpha is missing', drop(1), samples=2)
    r.spoilt('alpha-unannounced', 'CORRUPT', '7: alpha in a picture without', lambda f: f.chunks.insert(1, tile_chunk(0, ALPHA, b'\0\1')))
    r.spoilt('residual-unannounced', 'CORRUPT', '7: a residual that HEAD does not announce', lambda f: f.chunks.insert(1, tile_chunk(0, RESIDUAL, b'\0')))
    r.spoilt('residual-early', 'CORRUPT', '7: the residual before the latents', swap(1, 2), has_residual=True)
    r.spoilt('residual-missing', 'TRUNCATED', '2: the residual is missing', drop(2), has_residual=True)
    r.spoilt('residual-order', 'CORRUPT', '7: residuals of a row before the latents of the next one', swap(4, 2), w=70, h=140, tile=(64, 64), has_residual=True)
    r.spoilt('latents-7', 'CORRUPT', '7: latents of 7 bytes', put(1, 0, LATENTS, bytes(7)))
    r.spoilt('alpha-0', 'CORRUPT', '7: alpha of 0 bytes', put(1, 0, ALPHA, b''), samples=2)
    r.spoilt('residual-0', 'CORRUPT', '7: a residual of 0 bytes', put(2, 0, RESIDUAL, b''), has_residual=True)
    small = {'w': 64 + 32, 'h': 32, 'tile': (64, 64)}
    r.spoilt('latents-too-long', 'CORRUPT', '7: longer than its tile allows, but not than the largest one does',
             lambda f: f.chunks.__setitem__(2, Chunk(b'TILE', f.chunks[2].payload + bytes(16 * 32 * 32 + 4097))), **small)
    r.spoilt('latents-longest', 'CORRUPT', '7: one byte more than the largest tile allows', put(1, 0, LATENTS, bytes(16 * 600 + 4097)))


def ends(r):
    """container.md, sections 8 and 9."""
    many = {'w': 140, 'h': 20, 'tile': (64, 64), 'has_hash': True}

    def at(kind, make):
        def change(f):
            i = f.find(kind)
            f.chunks[i] = make(f, f.chunks[i])
        return change

    def move(kind, to):
        def change(f):
            c = f.chunks.pop(f.find(kind))
            f.chunks.insert(to, c)
        return change

    def index(make):
        def change(f):
            data = f.assemble()
            n = struct.unpack('<I', data[-8:-4])[0]
            return data[:-n] + chunk_bytes(b'INDX', make(data[-n + 8:-8]))
        return change

    r.spoilt('hash-wrong', 'HASH', '8: the picture has another hash', at(b'PHSH', lambda f, c: Chunk(b'PHSH', bytes([c.payload[0] ^ 1]) + c.payload[1:])), **many)
    r.spoilt('hash-wrong-last', 'HASH', '8: its last bit', at(b'PHSH', lambda f, c: Chunk(b'PHSH', c.payload[:7] + bytes([c.payload[7] ^ 128]))), has_hash=True)
    r.spoilt('hash-7', 'CORRUPT', '8: 7 bytes', at(b'PHSH', lambda f, c: Chunk(b'PHSH', c.payload[:7])), has_hash=True)
    r.spoilt('hash-0', 'CORRUPT', '8: 0 bytes', at(b'PHSH', lambda f, c: Chunk(b'PHSH', b'')), **many)
    r.spoilt('hash-early', 'CORRUPT', '2: PHSH before the last tile', move(b'PHSH', 2), **many)
    r.spoilt('hash-late', 'CORRUPT', '2: PHSH behind INDX', move(b'PHSH', 5), **many)
    r.spoilt('hash-twice', 'CORRUPT', '2: PHSH twice', lambda f: f.chunks.insert(-1, f.chunks[-2]), **many)
    r.spoilt('hash-missing', 'CORRUPT', '2: PHSH is announced and missing before INDX', lambda f: f.chunks.__delitem__(-2), **many)
    r.spoilt('hash-unannounced', 'CORRUPT', '2: PHSH that HEAD does not announce', lambda f: f.chunks.insert(-1, Chunk(b'PHSH', bytes(8))), w=140, tile=(64, 64))
    r.spoilt('index-single', 'CORRUPT', '2: INDX in a picture of one tile', lambda f: f.chunks.insert(1, Chunk(b'INDX', b'\x31\x12\0\0\0')))
    r.spoilt('index-early', 'CORRUPT', '2: INDX before the last tile', move(b'INDX', 3), **many)
    r.spoilt('index-distance', 'CORRUPT', '9: a wrong distance', index(lambda p: bytes([p[0], p[1] ^ 1]) + p[2:]), **many)
    r.spoilt('index-first', 'CORRUPT', '9: a wrong offset of the first tile', index(lambda p: bytes([p[0] ^ 1]) + p[1:]), **many)
    r.spoilt('index-long-number', 'CORRUPT', '9: a number that is not the shortest', index(lambda p: bytes([p[0] | 128, 0]) + p[1:-4] + struct.pack('<I', 13 + len(p))), **many)
    r.spoilt('index-size', 'CORRUPT', '9: a wrong size', index(lambda p: p[:-4] + struct.pack('<I', 11 + len(p))), **many)
    r.spoilt('index-fewer', 'CORRUPT', '9: an entry is missing', index(lambda p: p[1:-4] + struct.pack('<I', 11 + len(p))), **many)
    r.spoilt('index-more', 'CORRUPT', '9: an entry too many', index(lambda p: p[:-4] + b'\1' + struct.pack('<I', 13 + len(p))), **many)
    r.spoilt('index-empty', 'CORRUPT', '9: no entries, no size', index(lambda p: b''), **many)


def latents(r):
    """bitstream.md, sections 2 to 5."""
    def spoil(name, rule, change, status='CORRUPT', model='plain', lanes=1, w=64, h=48, **how):
        tile = Tile(r.valid.made[model], w, h, seed=99, **how)
        p = tile.payload(lanes)
        data = change(p, tile)
        data = data if isinstance(data, bytes) else p.to_bytes()
        f = file_of(r.valid.picture(model, w, h), {(0, LATENTS): data})
        r.add(f'latents-{name}', f.assemble(), status, 'bitstream ' + rule, model)

    def field(name, value):
        return lambda p, t: setattr(p, name, value)

    spoil('level', '2: level N', field('level', 4))
    spoil('level-255', '2: level 255', field('level', 255))
    spoil('lanes', '2: lanes 1', field('flags', 1))
    for bit in (5, 6, 7):
        spoil(f'flag-{bit}', f'2: flag {bit}', field('flags', 1 << bit))
    spoil('unit', '2: steps of no rows', field('unit', 0), unit=1)
    spoil('mask', '2: a mask bit beyond the slices', lambda p, t: setattr(p, 'mask', 3 | 4), mask=3)
    spoil('mask-high', '2: mask bit 15', lambda p, t: setattr(p, 'mask', 3 | 0x8000), mask=3)
    spoil('hash', '2: another hash', lambda p, t: setattr(p, 'hash', p.hash ^ 1), 'HASH')
    spoil('hash-high', '2: another hash, highest bit', lambda p, t: setattr(p, 'hash', p.hash ^ 1 << 31), 'HASH')
    spoil('head-cut', '2: the payload ends in the number of words', lambda p, t: bytes((0, 4, 0, 0)) + bytes(4) + b'\xff')
    spoil('head-number', '1: a number of words of 6 bytes', lambda p, t: bytes(6) + b'\x82\x80\x80\x80\x80\0' + bytes(20))
    spoil('words-beyond', '2: more words than bytes', field('count', 60000))
    spoil('words-most', '2: 2^32 - 1 words', field('count', (1 << 32) - 1))
    spoil('words-one-less', '4: a word less than there are', lambda p, t: setattr(p, 'count', len(p.words) // 2 - 1))
    spoil('words-few', '4: fewer words than states', lambda p, t: setattr(p, 'count', 15), lanes=8)
    spoil('words-none', '4: no words', lambda p, t: setattr(p, 'words', b''))
    spoil('words-missing', '4: the last word is missing', lambda p, t: setattr(p, 'words', p.words[:-2]))
    spoil('words-more', '4: a word too many', lambda p, t: setattr(p, 'words', p.words + b'\0\0'))
    spoil('state-low', '4: an initial state below 65536', lambda p, t: setattr(p, 'words', p.words[:2] + b'\0\0' + p.words[4:]))
    spoil('state-low-lane', '4: the initial state of the last lane', lambda p, t: setattr(p, 'words', p.words[:30] + b'\0\0' + p.words[32:]), lanes=8)

    spoil('state-final', '4: a final state that is not 65536', lambda p, t: setattr(p, 'words', ends_otherwise(t.stream.symbols)))

    def raw(make):
        return lambda p, t: setattr(p, 'raw', make(p.raw))

    spoil('raw-more', '5: a byte too many', raw(lambda b: b + b'\0'), escapes=0.2)
    spoil('raw-more-none', '5: raw bits where none are needed', raw(lambda b: b + b'\0'), escapes=0.0, w=16, h=16, mask=0)
    spoil('raw-missing', '5: a byte is missing', raw(lambda b: b[:-1]), escapes=0.3)
    spoil('raw-none', '5: all are missing', raw(lambda b: b''), escapes=0.3)
    with_room = next(e for e in (0.2, 0.21, 0.22, 0.23, 0.24, 0.25) if len(Tile(r.valid.made['plain'], 64, 48, seed=99, escapes=e).stream.bits) % 8)
    spoil('raw-not-zero', '5: a bit behind the last one is 1', raw(lambda b: b[:-1] + bytes([b[-1] | 128])), escapes=with_room)

    def first_escape(bits):
        def change(p, t):
            rest = t.stream.bits[golomb_length(t.stream.bits):]
            t.stream.bits = bits + rest
            p.raw = t.stream.raw()
        return change

    def number(u):
        n = u.bit_length() - 1
        return [1] * (n - 3) + [0] + [u >> i & 1 for i in range(n)]

    everything = {'escapes': 1.0, 'w': 16, 'h': 16}
    spoil('golomb-25', '5: 25 one bits', first_escape([1] * 25 + [0] + [0] * 28), **everything)
    spoil('golomb-all', '5: one bits without end', lambda p, t: setattr(p, 'raw', b'\xff' * 40), **everything)
    spoil('golomb-plus', '5: e = 2^20 + 1', first_escape(number(2 * ((1 << 20) + 1) - 1 + 8)), **everything)
    spoil('golomb-minus', '5: e = -2^20 - 1', first_escape(number(2 * ((1 << 20) + 1) + 8)), **everything)
    spoil('golomb-large', '5: e beyond 2^24', first_escape(number((1 << 26) + 8)), **everything)


def golomb_length(bits):
    """Bits of the signed exp-Golomb number that they begin with."""
    m = bits.index(0)
    return 2 * m + 4


def ends_otherwise(symbols):
    """Words of one lane that decode to these symbols and leave another state: the coder begins with that."""
    x, out = 65537, []
    for start, freq in reversed(symbols):
        if x >= freq << 17:
            out.append(x & 65535)
            x >>= 16
        x = (x // freq << 15) + start + x % freq
    words = [x & 65535, x >> 16] + out[::-1]
    return struct.pack(f'<{len(words)}H', *words)


def planes(r):
    """bitstream.md, sections 7 to 9."""
    def half(key, one):
        return key[0] in ('same_sharp', 'block') or one > 16384

    w, h = 40, 20
    bands = {ALPHA: Alpha(w, h, half).payload(), RESIDUAL: residual(w, h, 7, True, half)}

    def put(name, layer, rule, payload, status='CORRUPT'):
        p = r.valid.picture('plain', w, h, 2, has_residual=layer == RESIDUAL)
        payloads = r.valid.tiles('plain', p)
        payloads[0, layer] = payload
        r.add(name, file_of(p, payloads).assemble(), status, 'bitstream ' + rule)

    put('alpha-method', ALPHA, '8: method 3', b'\3\0')
    put('alpha-method-255', ALPHA, '8: method 255', b'\xff')
    put('alpha-constant-none', ALPHA, '8: constant without a value', b'\0')
    put('alpha-constant-more', ALPHA, '8: constant with two values', b'\0\1\2')
    put('alpha-stored-less', ALPHA, '8: a stored sample is missing', b'\2' + bytes(w * h - 1))
    put('alpha-stored-more', ALPHA, '8: a stored sample too many', b'\2' + bytes(w * h + 1))
    put('alpha-stored-none', ALPHA, '8: stored without samples', b'\2')
    put('residual-zero-more', RESIDUAL, '9: step 0 is followed by bytes', b'\0\0')
    for layer, name, section in ((ALPHA, 'alpha', 8), (RESIDUAL, 'residual', 9)):
        head, at = bands[layer][:1], 2 if bands[layer][1] < 128 else 3       # behind the number of words
        body = bands[layer][at:]
        count = len(body) // 2
        put(f'{name}-no-band', layer, f'{section}: no band', head)
        put(f'{name}-band-head', layer, '7: the number of words is cut', head + b'\x80')
        put(f'{name}-band-beyond', layer, '7: more words than bytes', head + varint(count + 1) + body)
        put(f'{name}-band-most', layer, '7: 2^32 - 1 words', head + varint((1 << 32) - 1) + body)
        put(f'{name}-band-less', layer, '7: the last word is missing', head + varint(count - 1) + body[:-2])
        put(f'{name}-band-more', layer, '7: a word too many', head + varint(count + 1) + body + b'\0\0')
        put(f'{name}-band-states', layer, '7: fewer words than a state', head + varint(1) + body[:2])
        put(f'{name}-band-state', layer, '7: an initial state below 65536', head + varint(count) + body[:2] + b'\0\0' + body[4:])
        put(f'{name}-bytes-behind', layer, f'{section}: bytes behind the last band', bands[layer] + b'\0')
        put(f'{name}-band-twice', layer, f'{section}: a band too many', bands[layer] + bands[layer][1:])
    final = []

    class Recorder(Alpha):
        """Keeps the symbols of its only band."""
        def payload(self):
            band = self.d.band
            self.d.band = lambda: final.append(list(self.d.symbols)) or band()
            return super().payload()

    Recorder(w, h, half).payload()
    data = ends_otherwise(final[0])
    put('alpha-band-final', ALPHA, '7: a final state that is not 65536', b'\1' + varint(len(data) // 2) + data)


def exact(r):
    """bitstream.md, section 10."""
    w, h = 40, 20

    def section(flags):
        return Exact(w, h, False, flags, lambda key, one: key[0] == 'block' or one > 16384).section()

    plain, masked = section(0), section(MASK)
    picture = r.valid.picture('plain', w, h)
    latents = r.valid.tiles('plain', picture)[0, LATENTS]

    def put(name, rule, payload, status='CORRUPT'):
        r.add(name, file_of(picture, {(0, LATENTS): payload}).assemble(), status, 'bitstream ' + rule)

    body = plain[5:]
    at = 1 if body[0] < 128 else 2
    count = len(body[at:]) // 2
    put('exact-flags', '10: flag bit 2', pixel_tile(bytes([4]) + plain[1:]))
    put('exact-masked', '10: a mask in a tile without latents', pixel_tile(masked))
    put('exact-not-masked', '10: no mask in a tile with latents', mixed_tile(plain, latents))
    put('exact-mixed-flags', '10: flag bit 2 beside latents', mixed_tile(bytes([6]) + masked[1:], latents))
    put('exact-hash', '10: another hash', pixel_tile(plain[:1] + bytes([plain[1] ^ 1]) + plain[2:]), 'HASH')
    put('exact-mixed-hash', '10: another hash beside latents', mixed_tile(masked[:4] + bytes([masked[4] ^ 128]) + masked[5:], latents), 'HASH')
    put('exact-no-band', '10: no band', pixel_tile(plain[:5] + b'\x80\x80\x80'))
    put('exact-band-beyond', '7: more words than bytes', pixel_tile(plain[:5] + varint(count + 1) + body[at:]))
    put('exact-band-less', '7: the last word is missing', pixel_tile(plain[:5] + varint(count - 1) + body[at:-2]))
    put('exact-band-more', '7: a word too many', pixel_tile(plain[:5] + varint(count + 1) + body[at:] + b'\0\0'))
    put('exact-band-state', '7: an initial state below 65536', pixel_tile(plain[:5] + varint(count) + body[at:at + 2] + b'\0\0' + body[at + 4:]))
    put('exact-bytes-behind', '10: bytes behind the last band', pixel_tile(plain + b'\0'))
    put('exact-band-twice', '10: a band too many', pixel_tile(plain + body))
    put('exact-mixed-none', '10: a pixel section of 0 bytes', b'\xfe\0' + latents)
    put('exact-mixed-beyond', '10: a pixel section longer than the payload', b'\xfe' + varint(len(masked) + len(latents) + 1) + masked + latents)
    put('exact-mixed-less', '10: the last byte of the pixel section is missing', mixed_tile(masked[:-1], latents))
    put('exact-mixed-more', '10: a byte behind the pixel section', mixed_tile(masked + b'\0', latents))
    put('exact-mixed-no-latents', '10: no latents behind the pixel section', mixed_tile(masked, b''))
    put('exact-mixed-twice', '10: pixels where latents should be', mixed_tile(masked, mixed_tile(masked, latents)))
    put('exact-mixed-level', '2: a level of 253', mixed_tile(masked, b'\xfd' + latents[1:]))
    put('exact-mixed-latents', '2: the latents beside pixels are damaged', mixed_tile(masked, latents + b'\1'))


ALL = (preamble, chunks, head, metadata, tiles, ends, latents, planes, exact)

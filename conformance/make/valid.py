"""Files that every decoder must read."""
import struct
from dataclasses import replace

from coding import Random
from latents import Tile
from exact import MASK, MEMORY, Exact, mixed_tile, pixel_tile
from planes import Alpha, residual
from wire import ALPHA, LATENTS, RESIDUAL, Chunk, Picture, file_of, parse, tile_chunk, varint, xxh64


class Set:
    """Valid files by name: (bytes, name of the model, what it is about). `made`, `ids`, `paths`: the models, by name; `encode`, `decode`: programs."""
    def __init__(self, made, ids, paths, encode, decode):
        self.files, self.made, self.ids, self.paths, self.encode, self.decode = {}, made, ids, paths, encode, decode

    def add(self, name, data, model, about):
        """One more."""
        assert name not in self.files, name
        self.files[name] = data, model, about

    def encoded(self, name, model, about, kind, w, h, samples, *options):
        """A file of the program."""
        self.add(name, self.encode(self.paths[model], kind, w, h, samples, *options), model, about)

    def with_hash(self, f, model):
        """The file with the right PHSH, found by decoding it without."""
        bare = f.copy()
        bare.chunks[0].payload = replace(f.picture, has_hash=False).head()
        del bare.chunks[bare.find(b'PHSH')]
        f.chunks[f.find(b'PHSH')].payload = struct.pack('<Q', xxh64(self.decode(bare.assemble(), model)))
        return f

    def picture(self, model, w, h, samples=3, **more):
        """A HEAD for one of the models."""
        return Picture(w, h, samples, self.ids[model], **more)

    def tiles(self, model, picture, lanes=1, **how):
        """Latent payloads for all tiles, and the simplest of the other layers."""
        out = {}
        for i, (_, _, w, h) in enumerate(picture.tiles()):
            out[i, LATENTS] = Tile(self.made[model], w, h, seed=w * 31 + h * 7 + i, **how).payload(lanes).to_bytes()
            out[i, ALPHA] = bytes((0, 200 - i % 100))
            out[i, RESIDUAL] = b'\0'
        return out

    def drawn(self, name, model, about, w, h, samples=3, lanes=1, tile=(1024, 1024), **how):
        """A file of arbitrary symbols."""
        p = self.picture(model, w, h, samples, tile=tile)
        self.add(name, file_of(p, self.tiles(model, p, lanes, **how)).assemble(), model, about)


def programs(s):
    """Ordinary files, as the program makes them: with the trained model, then with a small one."""
    s.encoded('photo-low', 'base', 'trained model, quality 10', 'smooth', 200, 140, 3, '-q', 10)
    s.encoded('photo-middle', 'base', 'trained model, quality 55', 'smooth', 150, 150, 3, '-q', 55)
    s.encoded('photo-residual', 'base', 'trained model, quality 93, residuals', 'noise', 90, 64, 3, '-q', 93)
    s.encoded('photo-tiles', 'base', 'trained model, four tiles, alpha, pixel hash', 'smooth', 280, 270, 4, '-q', 40, '--tile-size', 128, '--pixel-hash')
    s.encoded('photo-gray', 'base', 'trained model, gray', 'smooth', 130, 97, 1, '-q', 70)
    s.encoded('photo-psnr', 'psnr', 'the other trained model, quality 35', 'smooth', 150, 100, 3, '-q', 35, '--tune', 'psnr')
    s.encoded('exact-photo', 'base', 'trained model, lossless: no latents', 'smooth', 150, 90, 3, '--lossless')
    s.encoded('exact-screen', 'base', 'trained model, lossless, memory, pixel hash', 'sharp', 150, 90, 3, '--lossless', '--pixel-hash')
    s.encoded('screen', 'base', 'trained model: pixels instead of latents', 'flat', 150, 90, 3, '-q', 40)
    names = ('gray', 'gray-alpha', 'rgb', 'rgb-alpha')
    for samples in (1, 2, 3, 4):
        s.encoded(f'exact-{names[samples - 1]}', 'plain', f'lossless, {names[samples - 1]}, tiles', 'noise', 150, 140, samples, '--lossless', '--tile-size', 128)
    for samples in (1, 2, 3, 4):
        for w, h in ((1, 1), (1, 33), (16, 16), (47, 1), (65, 63)):
            s.encoded(f'{names[samples - 1]}-{w}x{h}', 'plain', f'{names[samples - 1]}, {w} x {h}', 'flat' if w == 65 else 'smooth', w, h, samples, '-q', 30)
    for q in (0, 25, 50, 75, 84, 92, 97, 100):
        s.encoded(f'quality-{q}', 'plain', f'quality {q}', 'smooth', 40, 37, 3, '-q', q)
    s.encoded('tiles-3x2', 'plain', 'six tiles, the last ones larger', 'smooth', 430, 300, 3, '-q', 20, '--tile-size', 128)
    s.encoded('tiles-1x4', 'plain', 'a column of tiles', 'smooth', 20, 520, 1, '-q', 20, '--tile-size', 128)
    s.encoded('tiles-4x1', 'plain', 'a row of tiles', 'smooth', 520, 20, 2, '-q', 20, '--tile-size', 128)
    s.encoded('tiles-residual', 'plain', 'three rows of tiles with residuals and alpha', 'flat', 200, 350, 4, '-q', 90, '--tile-size', 128, '--pixel-hash')
    s.encoded('tiles-residual-2', 'plain', 'two rows of tiles with residuals', 'flat', 140, 260, 3, '-q', 86, '--tile-size', 128)
    for kind in ('noise', 'flat', 'sharp'):
        s.encoded(f'alpha-{kind}', 'plain', f'alpha: {kind}', kind, 70, 51, 2, '-q', 0)
        s.encoded(f'residual-{kind}', 'plain', f'residual: {kind}', kind, 33, 29, 3, '-q', 100)
    s.encoded('alpha-bands', 'plain', 'alpha of more than one band', 'smooth', 610, 440, 2, '-q', 0)


def symbols(s):
    """Arbitrary symbols, beyond what encoders choose."""
    for model in ('plain', 'odd', 'wide', 'many'):
        s.drawn(f'symbols-{model}', model, f'model {model}: symbols as the tables say', 100, 70, level=1)
        s.drawn(f'wild-{model}', model, f'model {model}: any symbol, large escapes', 79, 90, level=1, lanes=4, wild=True, escapes=0.1)
        s.drawn(f'tiles-{model}', model, f'model {model}: tiles of 64 x 64', 200, 160, level=0, lanes=8, tile=(64, 64), samples=4, wild=True)
    s.drawn('lanes-4', 'plain', 'four lanes', 90, 30, lanes=4)
    s.drawn('lanes-8', 'plain', 'eight lanes', 90, 30, lanes=8)
    s.drawn('lanes-more-than-symbols', 'plain', 'more lanes than symbols', 1, 1, lanes=8, mask=0)
    s.drawn('bias', 'plain', 'rung biases', 64, 64, level=2, bias=[-3, 4], wild=True)
    s.drawn('bias-extreme', 'plain', 'rung biases at both ends', 64, 48, level=3, bias=[-128, 127], wild=True)
    s.drawn('bias-many', 'many', 'sixteen biases and a mask', 64, 48, level=63, bias=list(range(-8, 8)), mask=0xA5F0, lanes=4)
    s.drawn('mask-none', 'plain', 'no slice is coded', 64, 48, mask=0)
    s.drawn('mask-some', 'many', 'some slices are coded', 64, 48, mask=0x1248)
    s.drawn('mask-all', 'many', 'a mask of all slices', 20, 20, mask=0xFFFF)
    s.drawn('steps', 'plain', 'steps of one row', 150, 110, level=1, unit=1, lanes=4)
    s.drawn('steps-many', 'many', 'steps of seven rows, biases and a mask', 65, 33, level=30, unit=7, bias=list(range(-8, 8)), mask=0xA5F0, lanes=8)
    s.drawn('steps-beyond', 'odd', 'steps of 255 rows: first row or last', 300, 64, level=1, unit=255, tile=(128, 64), wild=True)
    s.drawn('escapes', 'wide', 'every symbol is an escape', 33, 17, escapes=1.0, wild=True)
    s.drawn('tile-wide', 'plain', 'a tile of 4096 x 64', 4000, 20, tile=(4096, 64), samples=1)
    s.drawn('tile-uneven', 'odd', 'tiles of 128 x 64, a remainder of half a tile, one of less', 64 + 256, 64 * 3 + 31, tile=(128, 64), wild=True)


def planes(s):
    """Arbitrary decisions of alpha and residual, and every method."""
    def draw(name, seed, w, h, samples, alpha=None, step=None, p=None, tile=(1024, 1024)):
        rnd = Random(seed)

        def choose(key, one):
            if p and key[0] in p:
                return rnd.chance(p[key[0]])
            return rnd.below(32768) < min(max(one, 1200), 31500)

        picture = s.picture('plain', w, h, samples, has_residual=step is not None, tile=tile)
        payloads = s.tiles('plain', picture)
        for i, (_, _, tw, th) in enumerate(picture.tiles()):
            if alpha:
                payloads[i, ALPHA] = alpha(tw, th, choose)
            if step is not None:
                payloads[i, RESIDUAL] = residual(tw, th, step, samples < 3, choose)
        s.add(name, file_of(picture, payloads).assemble(), 'plain', about)

    def coded(w, h, choose):
        return Alpha(w, h, choose).payload()

    about = 'alpha: arbitrary decisions'
    draw('alpha-decisions', 1, 90, 70, 2, coded)
    draw('alpha-decisions-tiles', 2, 130, 200, 4, coded, tile=(64, 64))
    draw('alpha-decisions-even', 3, 60, 60, 4, coded, p={'same_sharp': 0.2, 'same_smooth': 0.2, 'guess': 0.2, 'whole': 0.3, 'extreme': 0.5, 'white': 0.5})
    draw('alpha-decisions-long', 4, 700, 9, 2, coded, p={'whole': 0.5, 'from_end': 0.5, 'same_sharp': 0.9, 'from': 0.7})
    draw('alpha-column', 5, 1, 90, 2, coded)
    draw('alpha-far', 6, 64, 40, 2, coded, p={'same_sharp': 0.05, 'same_smooth': 0.05, 'distance': 0.9, 'distance_bits': 0.6, 'guess': 0.1, 'extreme': 0.05})
    about = 'alpha: stored, constant'
    draw('alpha-stored', 7, 21, 13, 2, lambda w, h, choose: b'\2' + bytes(range(w * h % 251)) + bytes(w * h - w * h % 251))
    draw('alpha-constant', 8, 21, 13, 4, lambda w, h, choose: b'\0\0')
    for step in (1, 2, 3, 4, 5, 17, 255):
        about = f'residual: arbitrary decisions, step {step}'
        draw(f'residual-decisions-{step}', 10 + step, 45, 30, 3 if step != 3 else 4, None, step)
    about = 'residual: gray, arbitrary decisions'
    draw('residual-decisions-gray', 30, 75, 50, 1, None, 2)
    about = 'residual: large values'
    draw('residual-decisions-large', 31, 40, 17, 3, None, 1, p={'zero': 0.2, 'size': 0.95, 'bits': 0.9})
    about = 'residual: nothing is added'
    draw('residual-none', 32, 30, 30, 3, None, 0)
    about = 'residual: more than one band'
    draw('residual-bands', 33, 450, 230, 3, None, 1, p={'block': 0.01, 'zero': 0.9})
    about = 'residual: tiles'
    draw('residual-tiles', 34, 150, 210, 4, coded, 9, tile=(64, 64), p={'block': 0.3})


def exact(s):
    """Arbitrary decisions of pixel sections."""
    def draw(name, about, seed, w, h, samples, flags, p=None, tile=(1024, 1024), step=None):
        rnd = Random(seed)

        def choose(key, one):
            if p and key[0] in p:
                return rnd.chance(p[key[0]])
            return rnd.below(32768) < min(max(one, 1200), 31500)

        picture = s.picture('plain', w, h, samples, tile=tile, has_residual=step is not None)
        payloads = s.tiles('plain', picture)
        for i, (_, _, tw, th) in enumerate(picture.tiles()):
            section = Exact(tw, th, samples < 3, flags, choose).section()
            payloads[i, LATENTS] = mixed_tile(section, payloads[i, LATENTS]) if flags & MASK else pixel_tile(section)
            if step is not None:
                payloads[i, RESIDUAL] = residual(tw, th, step, samples < 3, choose)
        s.add(name, file_of(picture, payloads).assemble(), 'plain', about)

    about = 'pixels: arbitrary decisions'
    draw('exact-decisions', about, 1, 60, 45, 3, 0)
    draw('exact-decisions-gray', about, 2, 60, 45, 1, 0)
    draw('exact-decisions-memory', about + ', memory', 3, 60, 45, 3, MEMORY, {'near': 0.3})
    draw('exact-decisions-memory-gray', about + ', memory', 4, 60, 45, 2, MEMORY, {'near': 0.3})
    draw('exact-decisions-known', about + ', colours come again', 5, 70, 40, 4, MEMORY, {'near': 0.2, 'known': 0.7, 'same_first': 0.5})
    draw('exact-decisions-far', about + ', large errors', 6, 50, 40, 3, 0, {'zero': 0.1, 'size': 0.9, 'bits': 0.7})
    draw('exact-decisions-exact', about + ', small errors', 7, 50, 40, 3, 0, {'zero': 0.9, 'size': 0.1})
    draw('exact-mixed', 'pixels beside latents', 8, 90, 75, 3, MASK | MEMORY, {'block': 0.5, 'near': 0.2})
    draw('exact-mixed-photo', 'pixels beside latents, no memory', 9, 90, 75, 4, MASK, {'block': 0.5})
    draw('exact-mixed-none', 'pixels of no blocks', 10, 40, 40, 3, MASK, {'block': 0})
    draw('exact-mixed-all', 'pixels of all blocks', 11, 40, 40, 3, MASK, {'block': 1})
    draw('exact-residual', 'residuals on top of pixels', 12, 60, 50, 3, MASK, {'block': 0.5}, step=5)
    draw('exact-residual-all', 'residuals on top of pixels, gray', 13, 60, 50, 1, 0, None, step=1)
    draw('exact-tiles', 'pixels, tiles of 64 x 64', 14, 150, 140, 3, MEMORY, {'near': 0.5}, (64, 64))
    draw('exact-column', 'pixels, one column', 15, 1, 70, 3, MEMORY)
    draw('exact-row', 'pixels, one row', 16, 70, 1, 3, 0)
    draw('exact-bands', 'pixels: more than one band', 17, 2100, 20, 3, MASK | MEMORY, {'block': 0.01, 'near': 0.5})
    picture = s.picture('plain', 200, 70, tile=(64, 64))
    payloads = s.tiles('plain', picture)
    for i in (0, 2):
        payloads[i, LATENTS] = pixel_tile(Exact(*picture.tiles()[i][2:], False, i // 2, lambda key, one: key[0] in ('near', 'zero') or one > 20000).section())
    s.add('exact-beside', file_of(picture, payloads).assemble(), 'plain', 'tiles of pixels beside tiles of latents, which see zeros there')


def raw_frame(data):
    """zstd frame: one segment with its size, one raw block."""
    return b'\x28\xb5\x2f\xfd\x20' + bytes([len(data)]) + struct.pack('<I', 1 | len(data) << 3)[:3] + data


def rle_frame(byte, n):
    """zstd frame of a window, without its size: a repeated byte."""
    return b'\x28\xb5\x2f\xfd\x00\x58' + struct.pack('<I', 1 | 1 << 1 | n << 3)[:3] + bytes([byte])


def containers(s):
    """Forms of the container."""
    def simple(about, **more):
        p = s.picture('plain', 30, 20, **more)
        return file_of(p, s.tiles('plain', p), pixel_hash=b''), about

    def put(name, f, about):
        s.add(name, f if isinstance(f, bytes) else f.assemble(), 'plain', about)

    for turn in range(2, 9):
        f, about = simple(f'orientation {turn}: pixels are compared as they are stored', orientation=turn)
        put(f'orientation-{turn}', f, about)
    put('cicp', *simple('CICP', cicp=bytes((9, 16, 9, 1))))
    put('quality-limit', *simple('the largest quality', quality=1600))
    f, about = simple('another minor version')
    f.minor = 255
    put('minor-version', f, about)
    f, about = simple('bytes behind the last chunk are no part of the file')
    f.tail = b'more'
    put('tail', f, about)
    put('two-files', f.assemble()[:-4] * 2, 'a second file behind the first one')
    f, about = simple('numbers in longer forms')
    f.chunks[0].payload, f.chunks[1] = f.picture.head(5), tile_chunk(0, LATENTS, f.chunks[1].payload[1:], 5)
    put('long-numbers', f, about)
    blobs = (('iccp', b'iCCP'), ('exif', b'eXIf'), ('xmp', b'xMPd'))
    for name, kind in blobs:
        f, about = simple(f'{kind.decode()}, as it is')
        f.chunks.insert(1, Chunk(kind, b'\0' + bytes(range(100))))
        put(f'meta-{name}', f, about)
    f, about = simple('all metadata, packed in several ways')
    f.chunks[1:1] = [Chunk(b'xMPd', b'\1' + varint(60) + raw_frame(bytes(range(60)))), Chunk(b'iCCP', b'\1' + varint(100000) + rle_frame(7, 100000)),
                     Chunk(b'eXIf', b'\0x')]
    put('meta-packed', f, about)
    f, about = simple('the largest metadata')
    f.chunks.insert(1, Chunk(b'iCCP', b'\1' + varint(1 << 22) + b'\x28\xb5\x2f\xfd\x00\x58' + b''.join(
        struct.pack('<I', (i == 31) | 1 << 1 | 131072 << 3)[:3] + b'\5' for i in range(32))))
    put('meta-largest', f, about)
    p = s.picture('plain', 140, 70, tile=(64, 64), has_hash=True)
    f = file_of(p, s.tiles('plain', p), pixel_hash=bytes(8))
    for i in range(len(f.chunks) - 1, 0, -1):
        f.chunks.insert(i, Chunk(b'abCd', bytes(range(i))))
    put('unknown-ancillary', s.with_hash(f, 'plain'), 'unknown ancillary chunks everywhere, pixel hash')
    f, about = simple('an unknown chunk without payload')
    f.chunks.insert(1, Chunk(b'zzZZ', b''))
    put('unknown-empty', f, about)


def partial(s):
    """Whole files of which parts are taken away: (name, bytes, model, status, about)."""
    out = []
    data = s.encode(s.paths['plain'], 'smooth', 300, 400, 4, '-q', 20, '--tile-size', 128)
    f = parse(data)
    ends, at = [], 10
    for c in f.chunks:
        at += len(c.payload) + 12
        ends.append(at)
    out.append(('cut-in-row', data[:ends[7] + 9], 'TRUNCATED', 'the file ends inside the second row of tiles'))
    out.append(('cut-behind-head', data[:ends[0]], 'TRUNCATED', 'nothing but HEAD'))
    out.append(('cut-before-index', data[:ends[-2]], 'TRUNCATED', 'everything but INDX'))
    spoilt = f.copy()
    spoilt.chunks[4].crc = 1
    out.append(('crc-of-latents', spoilt.assemble(), 'CHECKSUM', 'one tile of latents has a wrong crc'))
    spoilt = f.copy()
    spoilt.chunks[5].payload = spoilt.chunks[5].payload[:2] + b'\1\2\3'
    out.append(('contents-of-alpha', spoilt.assemble(), 'CORRUPT', 'the alpha of one tile has impossible contents'))
    spoilt = f.copy()
    del spoilt.chunks[3:7]
    out.append(('tiles-missing', spoilt.assemble(), 'CORRUPT', 'two tiles are not there'))
    broken = bytearray(data)
    broken[ends[3] + 4:ends[3] + 8] = b'\xff\xff\xff\x7f'
    out.append(('length', bytes(broken), 'CORRUPT', 'a chunk says an impossible length; the next TILE is looked for'))
    data = s.encode(s.paths['plain'], 'flat', 140, 300, 3, '-q', 90, '--tile-size', 128)
    f = parse(data)
    place = [i for i, c in enumerate(f.chunks) if c.type == b'TILE' and c.payload[0] % 4 == RESIDUAL][0]
    f.chunks[place].crc = 1
    out.append(('crc-of-residual', f.assemble(), 'CHECKSUM', 'the residual of one tile has a wrong crc'))
    return out

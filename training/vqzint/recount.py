"""New frequencies for a model file from the symbols of real files, the codebooks unchanged.

python -m vqzint.recount MODEL -o OUT [--photos DIR] [--count 64] [--per-row 16] [--build DIR]

Codes crops of photos with the C encoder, `--per-row` of them at every row of the level table, lets vqz-count decode the files, and makes
the ladder's frequencies from what it counted. Every row weighs as much as the next, however large its files: the tables serve all
rows, and a percent is a percent at each of them. Lines of vqz-count, in any order; those about the same thing add up:
    S rung count...            symbols of a scalar codebook, escape last
    P number count...          symbols of a pair codebook, escape last
    Z row channel z count      hyper-latents: z as it is (the offset included)
The hyper-latents' tables stay: the export made them from every photo at every row, and z does not depend on the encoder's choices.
"""
import argparse
import pathlib
import subprocess
import tempfile

import numpy as np
from PIL import Image

from . import hyper, ladder, modelfile, photos

SIDE = 512                                # of a crop
ROOT = pathlib.Path(__file__).resolve().parents[2]


def read(lines, model):
    """({('S'|'P', number): counts}, histograms [rows,Z,2*REACH+1])."""
    counts, hist = {}, hyper.Histograms(len(model.levels.lam), model.z).counts
    sizes = {('S', i): len(b.freq) for i, b in enumerate(model.ladder.scalars)}
    sizes.update({('P', i): len(b.freq) for i, b in enumerate(model.ladder.pairs)})
    for number, line in enumerate(lines, 1):
        kind, *v = line.split()
        v = [int(x) for x in v]
        if kind == 'Z' and len(v) == 4:
            hist[v[0], v[1], min(max(v[2], -hyper.REACH), hyper.REACH) + hyper.REACH] += v[3]
        elif kind in ('S', 'P') and sizes.get((kind, v[0])) == len(v) - 1:
            counts[kind, v[0]] = counts.get((kind, v[0]), 0) + np.array(v[1:])
        else:
            raise ValueError(f'line {number}: not a count of this model')
    return counts, hist


def bits(lad, counts):
    """Bits of counted symbols under a ladder."""
    books = {'S': lad.scalars, 'P': lad.pairs}
    return sum(float((n * ladder.costs(books[kind][i].freq).numpy()).sum()) for (kind, i), n in counts.items())


def programs(build=None):
    """Paths of vqz and vqz-count: those of a build folder, else freshly built ones."""
    if build is None:
        build = ROOT / 'build-training'
        subprocess.run([ROOT / 'tools/build.sh', build, '-DCMAKE_BUILD_TYPE=Release', '-DVQZ_BUILD_TRAINING=ON'], check=True)
    return [pathlib.Path(build).absolute() / name for name in ('vqz', 'vqz-count')]


def coded(build, path, pictures, quality, *options):
    """Lines of vqz-count for the pictures (files), coded by the model file `path`; options: more of `vqz encode`."""
    vqz, counter = build
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([vqz, 'encode', '--quiet', '-j', '1', '--model', path, '-q', f'{quality:.4f}', *options, '-o', out + '/', *pictures], check=True)
        return subprocess.run([counter, path, *sorted(pathlib.Path(out).iterdir())], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def count_rows(build, path, model, pictures, per_row, *options):
    """Counts of every row. A picture meets rows from all of the table; qualities lie up to half a row beside the row's own."""
    rows, out = len(model.levels.lam), []
    for row in range(rows):
        chosen = [pictures[(row * per_row + i) % len(pictures)] for i in range(min(per_row, len(pictures)))]
        beside = row * .618 % 1 - .5
        quality = min(max((row + .99 * beside) / max(rows - 1, 1), 0.), 1.) * 100
        out.append(read(coded(build, path, chosen, quality, *options), model)[0])
    return out


def weighted(counts, sizes):
    """Sum of counts, each divided by its size relative to the mean."""
    total = {}
    for c, size in zip(counts, sizes):
        for key, n in c.items():
            total[key] = total.get(key, 0) + n * (np.mean(sizes) / size)
    return total


def main():
    """Command line."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('model')
    a.add_argument('-o', '--output', required=True)
    a.add_argument('--photos', default=ROOT.parent / 'shared/train')
    a.add_argument('--count', type=int, default=64, help='photos')
    a.add_argument('--per-row', type=int, default=16, help='photos at each row of the level table')
    a.add_argument('--tune', default='visual', help='what the pictures are coded for: visual or psnr')
    a.add_argument('--build', help='folder with vqz and vqz-count; default: they are built')
    args = a.parse_args()
    build, model = programs(args.build), modelfile.load(args.model)
    with tempfile.TemporaryDirectory() as folder:
        pictures = []
        for i, crop in enumerate(photos.crops(args.count, SIDE, data=str(args.photos))):
            pictures.append(pathlib.Path(folder) / f'{i}.ppm')
            Image.fromarray(crop.permute(1, 2, 0).numpy()).save(pictures[-1])
        counts = count_rows(build, args.model, model, pictures, args.per_row, '--tune', args.tune)
    before = [max(bits(model.ladder, c), 1.) for c in counts]      # a row may have no coded slice at all
    model.ladder = ladder.recount(model.ladder, weighted(counts, before))
    after = [max(bits(model.ladder, c), 1.) for c in counts]
    print(f'{len(pictures)} photos, {sum(before) / 8e6:.1f} MB of symbols: {(np.mean(np.divide(after, before)) - 1) * 100:+.3f} % with the new tables, mean of the rows')
    print(*modelfile.save(model, args.output))


if __name__ == '__main__':
    main()

"""What each integer network costs: Kodak figures of an exported model with groups of networks replaced by their float graphs.

python -m vqzint.diagnose CKPT MODEL --kodak DIR --baselines CSV [export's calibration options must be the defaults]
"""
import argparse
import glob

import torch

from . import evaluate, export, modelfile, photos, quantize
from .codec import Codec
from .ladder import Quantizer

GROUPS = {'integer': (), 'analysis': (0, 1), 'hyper': (2, 3), 'context': (4, 5, 6, 7), 'synthesis': (8, 9), 'float': tuple(range(10))}


class FloatNet:
    """A float graph behind the interface of IntNet: integers (or fractions of them) in and out, nothing rounded or clamped."""
    def __init__(self, graph, units):
        self.graph = graph
        self.unit = [torch.from_numpy(n.unit if n.unit is not None else units[n.name])[None, :, None, None].float() for n in graph.nodes]

    @torch.no_grad()
    def run(self, *inputs, trace=None):
        """As IntNet.run."""
        out = self.graph.run(*(x.float() * u for x, u in zip(inputs, self.unit)))
        return out / self.unit[self.graph.ops[-1].dst]


def replaced(model, graphs, units, roles, smooth):
    """A Codec whose networks of some roles are float; smooth: LATQ and the hyper input are not rounded either."""
    codec = Codec(model)
    for key, g in graphs.items():
        if key[0] in roles:
            codec.nets[key] = FloatNet(g, units)
    if smooth:
        m, s = (torch.from_numpy(a.astype('f8'))[None, :, None, None] for a in (model.latq_m, model.latq_s))
        codec.latq = lambda y, channels=slice(None): (y.double() * (m * 2 ** -s)[:, channels]).float()
    return codec


def main():
    """Command line."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('checkpoint')
    a.add_argument('model')
    a.add_argument('--photos', default=None)
    a.add_argument('--kodak', default='data/kodak')
    a.add_argument('--baselines', default='data/kodak_baselines.csv')
    a.add_argument('--every', type=int, default=4)
    a.add_argument('--groups', default=','.join(GROUPS))
    args = a.parse_args()
    torch.set_num_threads(1)
    model = modelfile.load(args.model)
    calibration = photos.crops(export.CALIBRATION, data=args.photos)
    sd, steps, wide = export.load_checkpoint(args.checkpoint)
    _, graphs, units = export.quantized(sd, calibration, .12, wide, steps=steps)
    files, rows, base = sorted(glob.glob(args.kodak + '/*.png'))[::args.every], list(quantize.trained_rows(len(model.levels.lam))), None
    for name in args.groups.split(','):
        codec = replaced(model, graphs, units, GROUPS[name], name == 'float')
        c = evaluate.curve(codec, files, rows, Quantizer(model.ladder))
        base = c if base is None else base
        print(f'{name:10s} float: bits at equal PSNR {evaluate.bd_rate(c[:, [0, 2]], base[:, [0, 2]])[0]:+.2f} % | '
              + ' '.join(f'{b:.4f}/{p:.2f}' for b, _, p in c), flush=True)


if __name__ == '__main__':
    main()

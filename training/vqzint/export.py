"""Float checkpoint to integer model file, in one command.

python -m vqzint.export CKPT -o models/base.vqzm [--photos DIR] [--ladder WARM_LADDER]

Calibrates activations, quantizes the networks, fits the ladder and the hyper-latent tables with the integer networks in the loop.
"""
import argparse
import time

import numpy as np
import torch

from . import calibrate, graph, ladder, modelfile, photos, quantize, tables

CALIBRATION = 66                          # photos for the activation ranges


def quantized(sd, record_photos, lam, wide=False, alpha=.5, margin=1.1, edge=1, steps=None):
    """steps: those that stage D trained with. (model with quantized networks and levels, without tables; float graphs; units of their tensors)."""
    builder = graph.GraphBuilder(sd, wide, edge)
    graphs, shape = builder.build(), builder.shape
    record = calibrate.collect(calibrate.FloatCodec(graphs, sd, shape), record_photos)
    units = calibrate.units(graphs, record, sd['zgain'].double().numpy(), shape, alpha, margin)
    if steps:
        units.update(calibrate.trained(sd, shape, steps))
    nets = [quantize.network(g, units, None if steps else record) for g in graphs.values()]
    levels = quantize.levels(sd['loggain'].double().numpy(), sd['zgain'].double().numpy(), units['zq'][:shape.z], lam)
    latq = quantize.latq(units['latq'], builder.nrm.double().numpy())
    empty = modelfile.Ladder(ladder.TOP, [modelfile.Codebook(np.zeros(1, np.int16), ladder.frequencies([1, 1]))] * ladder.RUNGS, [], np.zeros((1, 1), np.uint16))
    return modelfile.Model({}, shape.z, shape.levels, shape.hyper, shape.slices, nets, *latq, levels, empty), graphs, units


def load_checkpoint(path):
    """State dictionary in float32, the steps that it was trained with or None, and whether stage D trained it with a wide synthesis."""
    state = torch.load(path, map_location='cpu', weights_only=False)
    return {k: v.float() for k, v in state['m'].items()}, state.get('steps'), bool((state.get('config') or {}).get('qat', {}).get('wide'))


def main():
    """Command line."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('checkpoint')
    a.add_argument('-o', '--output', required=True)
    a.add_argument('--photos', default=None, help='folder of training photos (default: VQZ_PHOTOS or data/photos)')
    a.add_argument('--ladder', default=None, help="prototype's ladder file: convert it instead of fitting")
    a.add_argument('--count', type=int, default=120, help='photos for the tables')
    a.add_argument('--crop', type=int, default=384, help='side of the crops for the tables')
    a.add_argument('--passes', type=int, default=3, help='rows coded per photo')
    a.add_argument('--calibration', type=int, default=CALIBRATION, help='photos for the activation ranges')
    a.add_argument('--lam', type=float, default=.095, help='cost of a bit in squared steps: what encoders use')
    a.add_argument('--fit-lam', type=float, default=.12, help='the same for the fitting of codebooks (more than --lam: fewer codewords)')
    a.add_argument('--alpha', type=float, default=.5, help='channel scaling of activations: 0 per tensor .. 1 per channel; not after stage D')
    a.add_argument('--zero-padding', action='store_true', help='analysis and synthesis were trained with zeros at picture borders (the warm start)')
    a.add_argument('--name', default='base')
    a.add_argument('--version', default='0.1')
    a.add_argument('--threads', type=int, default=1)
    args = a.parse_args()
    torch.set_num_threads(args.threads)
    start = time.time()
    say = lambda text: print(f'{time.time() - start:6.1f} s {text}', flush=True)
    sd, steps, wide = load_checkpoint(args.checkpoint)
    model, _, _ = quantized(sd, photos.crops(args.calibration, data=args.photos), args.lam, wide, args.alpha, edge=int(not args.zero_padding), steps=steps)
    say('networks quantized')
    pictures = photos.crops(args.count, args.crop, data=args.photos)
    codec = tables.Codec(model)
    batches = tables.latents_of(codec, pictures)
    tables.set_z_tables(model, tables.z_histograms(codec, batches).counts)
    say(f'{len(pictures)} photos, {len(model.ztables)} hyper-latent tables')
    if args.ladder:
        model.ladder = ladder.from_float(torch.load(args.ladder))
    else:
        tables.fit_ladder(model, batches, args.fit_lam, per_photo=args.passes, say=say)
    model.info = dict(name=args.name, version=args.version, licence='Apache-2.0', provenance='trained on freely licensed photos (training/DATA.md)')
    name, size = modelfile.save(model, args.output)
    say(f'{args.output}: id {name}, {size} bytes')


if __name__ == '__main__':
    main()

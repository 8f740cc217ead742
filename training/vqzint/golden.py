"""Golden tensors: what every layer of every network gives on one small picture, for the C test.

python -m vqzint.golden MODEL -o ../tests/data/golden.bin [--photos DIR]

Format, little-endian:
    "VQZG"  u16 version (1)  u16 zero  u8 model_id[16]  u32 records
    record: u8 role, u8 index, u8 kind, u8 number, u8 type, u8 row, u16 zero, u32 h, u32 w, u32 c, payload
kind 0  input tensor `number` of a network: elements follow, order h, w, c
kind 1  output of layer `number` (after its shuffle): u32 CRC-32 (zlib) of the stored elements, order h, w, c
kind 2  output of the network (number 0): elements follow
kind 3  values beside the networks, role 255: number 0 the picture (u8, c = 3); 1 latents y (s16); 2 hyper-latents z (s16);
        3 decoded latents (s16)
type is the tensor's (0 u8, 1 s8, 2 s16, 3 mixed); elements are stored as in spec/arithmetic.md section 1 (s8 with zero point 128; a mixed
tensor's first H channels, those of the context trunk's hyper features, without it). `row` is the quality level's row.
A network's records stand together: its inputs, its layers, its output. Networks that are run more than once come more than once.
"""
import argparse
import struct
import zlib

import numpy as np

from . import modelfile as mf
from . import photos
from .codec import Codec
from .ladder import Quantizer


def stored(x, tensor):
    """Bytes of a tensor [1,c,h,w] as a C program stores it."""
    v = x[0].permute(1, 2, 0).contiguous().numpy()
    if tensor.type == mf.S16:
        return v.astype('<i2').tobytes()
    if tensor.type == mf.S8:
        v = v + 128
    elif tensor.type == mf.MIXED:
        v = np.concatenate([v[..., :tensor.zsplit], v[..., tensor.zsplit:] + 128], 2)
    return v.astype(np.uint8).tobytes()


class Recorder:
    """A Codec whose network runs are written down."""
    def __init__(self, model):
        self.codec, self.records, self.row = Codec(model), [], 0
        self.codec.run = self.run

    def add(self, role, index, kind, number, x, tensor, payload=None):
        """One record."""
        _, c, h, w = x.shape
        self.records.append(struct.pack('<6BH3I', role, index, kind, number, tensor.type, self.row, 0, h, w, c) + (payload or stored(x, tensor)))

    def run(self, role, *inputs, index=0):
        """Stands in for Codec.run."""
        net = self.codec.nets[role, index]
        for i, x in enumerate(inputs):
            self.add(role, index, 0, i, x, net.net.tensors[i])
        trace = []
        out = net.run(*inputs, trace=trace)
        for i, (x, y) in enumerate(zip(trace, net.net.layers)):
            tensor = net.net.tensors[y.dst]
            self.add(role, index, 1, i, x, tensor, struct.pack('<I', zlib.crc32(stored(x, tensor))))
        self.add(role, index, 2, 0, out, net.net.tensors[net.net.layers[-1].dst])
        return out


def make(model, picture, rows):
    """Bytes of the golden file for a picture [1,3,H,W] uint8 coded at the given rows."""
    s16, rec = mf.Tensor(mf.S16, 0), Recorder(model)
    rec.add(255, 0, 3, 0, picture, mf.Tensor(mf.U8, 3))
    y = rec.codec.analyse(picture)
    rec.add(255, 0, 3, 1, y, s16)
    for rec.row in rows:
        rec.add(255, 0, 3, 2, rec.codec.hyper_latent(y, np.array([rec.row])), s16)
        latents, _ = rec.codec.encode(y, [rec.row], Quantizer(model.ladder))
        rec.add(255, 0, 3, 3, latents, s16)
        rec.codec.synthesise(latents)
    head = b'VQZG' + struct.pack('<HH', 1, 0) + bytes.fromhex(mf.model_id(mf.to_bytes(model))) + struct.pack('<I', len(rec.records))
    return head + b''.join(rec.records)


def main():
    """Command line."""
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('model')
    a.add_argument('-o', '--output', required=True)
    a.add_argument('--photos', default=None)
    args = a.parse_args()
    model = mf.load(args.model)
    rows = len(model.levels.lam)
    data = make(model, photos.crops(1, 128, seed=7, data=args.photos)[:, :, 20:84, 10:106], (rows // 4, rows - 2))
    with open(args.output, 'wb') as f:
        f.write(data)
    print(f'{args.output}: {len(data)} bytes')


if __name__ == '__main__':
    main()

"""Pictures by formula, as PAM files, and the program that encodes them."""
import os
import subprocess

from coding import Random

TYPES = ('GRAYSCALE', 'GRAYSCALE_ALPHA', 'RGB', 'RGB_ALPHA')


def wave(x, period):
    """A triangle between 0 and 255."""
    v = x % period * 510 // period
    return v if v < 256 else 510 - v


def picture(kind, w, h, samples):
    """The bytes of a PAM file. smooth: slopes and a soft hole; noise; flat: patches; sharp: letters-like edges and hard holes."""
    rnd, out = Random(w * 7 + h), bytearray()
    for y in range(h):
        for x in range(w):
            for k in range(samples):
                alpha = samples % 2 == 0 and k == samples - 1
                if kind == 'noise':
                    v = rnd.below(256)
                elif kind == 'flat':
                    v = (x // 7 + y // 5) % 3 * (127 if alpha else 30 + 20 * k)
                elif kind == 'sharp':
                    v = 255 * ((x * x + y * (3 + k)) // 97 % 3 == 0) if alpha else 255 * ((x // 3 ^ y // 4) % 5 == k)
                elif alpha:
                    v = min(max(((x - w // 2) ** 2 + (y - h // 2) ** 2) * 3000 // (w * w + h * h) - 100, 0), 255)
                else:
                    v = (wave(x * 3 + y + 40 * k, 190) + wave(y * 2, 120 + 30 * k)) // 2
                out.append(v)
    return f'P7\nWIDTH {w}\nHEIGHT {h}\nDEPTH {samples}\nMAXVAL 255\nTUPLTYPE {TYPES[samples - 1]}\nENDHDR\n'.encode() + bytes(out)


class Encoder:
    """`vqz encode` with pictures from memory."""
    def __init__(self, vqz, folder):
        self.vqz, self.folder = vqz, folder

    def __call__(self, model, kind, w, h, samples, *options):
        """The file that it makes. model: path, or None for the built-in one."""
        source, target = f'{self.folder}/in.pam', f'{self.folder}/out.vqz'
        with open(source, 'wb') as f:
            f.write(picture(kind, w, h, samples))
        command = [self.vqz, 'encode', '--quiet', '-f', '-o', target, *(['--model', model] if model else []), *map(str, options), source]
        subprocess.run(command, check=True)
        with open(target, 'rb') as f:
            return f.read()

    def film(self, model, kind, w, h, samples, frames, *options):
        """The same of a sequence, whose frames get wider waves."""
        target = f'{self.folder}/out.vqz'
        for n in range(frames):
            whole = picture(kind, w + 3 * n, h, samples).split(b'ENDHDR\n', 1)[1]
            rows = [whole[y * (w + 3 * n) * samples:][:w * samples] for y in range(h)]
            with open(f'{self.folder}/film{n}.pam', 'wb') as f:
                f.write(picture(kind, w, h, samples).split(b'ENDHDR\n', 1)[0] + b'ENDHDR\n' + b''.join(rows))
        command = [self.vqz, 'encode', '--quiet', '-f', '-o', target, *(['--model', model] if model else []), *map(str, options), f'{self.folder}/film%d.pam']
        subprocess.run(command, check=True)
        for n in range(frames):
            os.remove(f'{self.folder}/film{n}.pam')
        with open(target, 'rb') as f:
            return f.read()

"""Start of stage A: the linear paths, the scaling and the first guess of the scales from the KLT of training patches."""
import torch

from .model import blocks

SCALE = 4.76   # orthonormal units of 0..1 pixels to quantization steps at the middle level


@torch.no_grad()
def start(model, patches, scale=SCALE):
    """patches [N,3,16,16] in -0.5..0.5."""
    v = blocks(patches).reshape(len(patches), 768).double()
    mean = v.mean(0)
    e, u = torch.linalg.eigh((v - mean).T @ (v - mean) / len(v))
    u = u.flip(1)[:, :model.channels].float()
    sd = e.flip(0)[:model.channels].clamp_min(1e-12).float().sqrt() * scale
    mean = mean.float()
    model.la.weight.copy_((u.T * scale)[:, :, None, None])
    model.la.bias.copy_(-(u.T @ mean) * scale)
    model.ls.weight.copy_((u / scale)[:, :, None, None])
    model.ls.bias.copy_(mean)
    model.nrm.copy_((sd ** -0.5)[None, :, None, None])
    for q, b in zip(model.hls, (torch.log(sd) - 0.5).split(list(model.slices))):
        q.bias.copy_(b)


def patches_of(batches):
    """Every second 16 x 16 patch of some batches."""
    x = torch.cat(list(batches)).float()
    x = x.unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5)
    return x.reshape(-1, 3, 16, 16)[::2]

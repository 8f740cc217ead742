"""Multi-scale structural similarity, differentiable, in fp32."""
import torch
import torch.nn.functional as F

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
C1, C2 = 0.01 ** 2, 0.03 ** 2


def _blur(x, kernel):
    c = x.shape[1]
    x = F.conv2d(x, kernel.view(1, 1, -1, 1).expand(c, 1, -1, 1), groups=c)
    return F.conv2d(x, kernel.view(1, 1, 1, -1).expand(c, 1, 1, -1), groups=c)


def msssim(a, b):
    """a, b [B,C,H,W] in a range of 1, at least 176 a side -> [B]."""
    t = torch.arange(11, device=a.device, dtype=torch.float32) - 5
    kernel = torch.exp(-t * t / (2 * 1.5 ** 2))
    kernel = kernel / kernel.sum()
    out = 1.0
    for i, w in enumerate(WEIGHTS):
        ma, mb = _blur(a, kernel), _blur(b, kernel)
        va, vb = _blur(a * a, kernel) - ma * ma, _blur(b * b, kernel) - mb * mb
        cov = _blur(a * b, kernel) - ma * mb
        s = (2 * cov + C2) / (va + vb + C2)
        if i == len(WEIGHTS) - 1:
            s = s * (2 * ma * mb + C1) / (ma * ma + mb * mb + C1)
        out = out * s.mean((1, 2, 3)).clamp_min(1e-4) ** w
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return out

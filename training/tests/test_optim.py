"""The optimiser, and the 1x1 convolution with derivatives in bfloat16."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from vqztrain.layers import Conv
from vqztrain.optim import Muon, is_matrix, orthogonal


def test_orthogonal_levels_the_singular_values():
    torch.manual_seed(0)
    for shape in ((24, 80), (80, 24), (32, 32)):
        g = torch.randn(shape) * torch.logspace(0, -0.5, shape[1])
        u, _, v = torch.linalg.svd(g, full_matrices=False)
        out = orthogonal(g)
        s = torch.linalg.svdvals(out)
        assert s.median() > 0.6 and s.max() < 1.3
        assert F.cosine_similarity(out.flatten(), (u @ v).flatten(), dim=0) > 0.9


def test_each_parameter_gets_its_method():
    codec = nn.Sequential(nn.Conv2d(20, 24, 3), nn.Conv2d(24, 4, 1))
    assert [is_matrix(p) for p in codec.parameters()] == [True, False, False, False]
    opt = Muon([dict(params=list(codec.parameters()))], lr=1e-2)
    before = [p.detach().clone() for p in codec.parameters()]
    codec(torch.randn(2, 20, 8, 8)).square().mean().backward()
    opt.step()
    for p, old in zip(codec.parameters(), before):
        assert ("exp_avg_sq" in opt.state[p]) != is_matrix(p)
        step = (p - old).square().mean().sqrt() / 1e-2
        assert 0.05 < step < (0.3 if is_matrix(p) else 1.01)   # Adam's first step is the sign


def test_muon_fits_an_ill_conditioned_map():
    torch.manual_seed(0)
    x = torch.randn(512, 32, 1, 1) * torch.logspace(0, -1.5, 32)[None, :, None, None]
    target = nn.Conv2d(32, 24, 1)(x).detach()

    def error(make):
        torch.manual_seed(1)
        net = nn.Conv2d(32, 24, 1)
        opt = make([dict(params=list(net.parameters()))])
        for i in range(200):
            for g in opt.param_groups:
                g["lr"] = 0.05 * (1 - i / 200)
            loss = F.mse_loss(net(x), target)
            opt.zero_grad()
            loss.backward()
            opt.step()
        return loss.item()

    assert error(lambda g: Muon(g, 0.05)) < 0.01 * error(lambda g: torch.optim.SGD(g, 0.05))


def test_product_is_the_convolution():
    torch.manual_seed(0)
    conv = Conv(40, 24)
    x = torch.randn(2, 40, 6, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    g = torch.randn(2, 24, 6, 5)
    want = F.conv2d(x, conv.weight, conv.bias)
    exact = torch.autograd.grad(want, (x, conv.weight, conv.bias), g)
    got = conv(x)
    assert torch.allclose(got, want, atol=1e-5)
    for a, b in zip(torch.autograd.grad(got, (x, conv.weight, conv.bias), g), exact):
        assert a.dtype == b.dtype and (a - b).norm() < 0.01 * b.norm()

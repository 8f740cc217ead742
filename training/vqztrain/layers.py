"""Building blocks: a convolution that fake quantization can hook into, and the two residual blocks."""
import torch
import torch.nn as nn
import torch.nn.functional as F

LEAK = 0.125   # slope of the leaky ReLU: a shift by 3 in integers


class Product(torch.autograd.Function):
    """A 1x1 convolution with full precision forward, as one matrix product over channels-last data, and derivatives in bfloat16:
    gradients are noisier than that by far, and this is several times faster on a CPU."""

    @staticmethod
    def forward(ctx, x, w, b):
        x = x.permute(0, 2, 3, 1)
        ctx.save_for_backward(x, w)
        return F.linear(x, w[:, :, 0, 0], b).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        g = g.permute(0, 2, 3, 1).reshape(-1, len(w))
        low = g.bfloat16()
        dx = dw = None
        if ctx.needs_input_grad[0]:
            dx = (low @ w[:, :, 0, 0].bfloat16()).to(x.dtype).view(x.shape).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[1]:
            dw = (low.T @ x.reshape(-1, x.shape[-1]).bfloat16()).to(w.dtype)[:, :, None, None]
        return dx, dw, g.sum(0)


class Window(torch.autograd.Function):
    """The same for larger kernels: x is padded, or pad says with how many zeros it shall be."""

    @staticmethod
    def forward(ctx, x, w, b, stride, pad):
        ctx.save_for_backward(x, w)
        ctx.where = stride, pad
        return F.conv2d(x, w, b, stride, pad)

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        stride, pad = ctx.where
        wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[1], False
        dx, dw, _ = torch.ops.aten.convolution_backward(g.bfloat16(), x.bfloat16(), w.bfloat16(), None, stride, pad, (1, 1), False, (0, 0), 1, wanted)
        return dx if dx is None else dx.to(x.dtype), dw if dw is None else dw.to(w.dtype), g.sum((0, 2, 3)), None, None


class Conv(nn.Conv2d):
    """Conv2d of odd kernel with "same" padding. `edge` repeats the border, as at the picture's border in the decoder.

    `fake`, when set (qat.py), quantizes its input (`fake.act`) and weights (`fake.weight`).
    """

    def __init__(self, cin, cout, k=1, stride=1, edge=False):
        super().__init__(cin, cout, k, stride=stride, padding=k // 2,
                         padding_mode="replicate" if edge and k > 1 else "zeros")
        self.fake = None

    def narrow(self, x):
        """x as this layer sees it."""
        return x if self.fake is None else self.fake.act(x)

    def forward(self, x):
        w = self.weight if self.fake is None else self.fake.weight(self.weight)
        x = self.narrow(x)
        if x.dtype != torch.float32 or torch.is_autocast_enabled(x.device.type):
            return self._conv_forward(x, w, self.bias)
        if self.kernel_size == (1, 1):
            return Product.apply(x, w, self.bias)
        if self.padding_mode == "zeros":
            return Window.apply(x, w, self.bias, self.stride, self.padding)
        x = F.pad(x, self._reversed_padding_repeated_twice, mode=self.padding_mode)
        return Window.apply(x, w, self.bias, self.stride, (0, 0))


class Res(nn.Module):
    """Residual block: linear trunk, activation only inside. `b` starts at zero."""

    def __init__(self, c, leak=LEAK):
        super().__init__()
        self.leak = leak
        self.a = Conv(c, c, 3, edge=True)
        self.b = Conv(c, c, 3, edge=True)

    def forward(self, x):
        x = self.a.narrow(x)   # the integer trunk has the width of the layer that reads it
        return x + self.b(F.leaky_relu(self.a(x), self.leak))


class Bott(nn.Module):
    """Bottleneck residual block 1x1, 3x3, 1x1. `c` starts at zero."""

    def __init__(self, channels, mid):
        super().__init__()
        self.a = Conv(channels, mid)
        self.b = Conv(mid, mid, 3, edge=True)
        self.c = Conv(mid, channels)
        self.wide = False

    def forward(self, x):
        if not self.wide:
            x = self.a.narrow(x)
        return x + self.c(F.relu(self.b(F.relu(self.a(x)))))

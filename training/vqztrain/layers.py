"""Building blocks: a convolution that fake quantization can hook into, and the two residual blocks."""
import torch.nn as nn
import torch.nn.functional as F

LEAK = 0.125   # slope of the leaky ReLU: a shift by 3 in integers


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
        return self._conv_forward(self.narrow(x), w, self.bias)


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

    def forward(self, x):
        x = self.a.narrow(x)
        return x + self.c(F.relu(self.b(F.relu(self.a(x)))))

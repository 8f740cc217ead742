"""What stage D trains with is what the export makes."""
import numpy as np
import pytest
import torch

from vqzint import calibrate, export, graph, modelfile
from vqzint.codec import Codec
from vqztrain import data, qat, stages


@pytest.fixture(params=[False, True], ids=["narrow", "wide"])
def trained(tiny, request):
    """(float codec with fake quantization, its weights, steps, pictures, whether synthesis is wide)."""
    torch.manual_seed(5)
    tiny.qat.wide = request.param
    tiny.data.synthetic = tiny.data.synthetic_count = 0
    crops = data.Crops(data.load(tiny.data), tiny.data, tiny.seed)
    run = stages.Run(tiny, "", crops)
    codec = run.codec()
    with torch.no_grad():      # residual branches and both networks start at zero: give them something to say
        for name in ("ga.2.b", "gs.2.c", "ga.7", "gs.5.c", "gs.6"):
            codec.get_submodule(name).weight.normal_(0, .1)
    x = crops.batch(0, 4)
    steps = qat.calibrate(codec, tiny.qat, [x, crops.batch(1, 4)], tiny.model.levels)
    codec.eval()
    return codec, {k: v.clone() for k, v in codec.state_dict().items()}, steps, x, request.param


@torch.no_grad()
def test_the_integer_networks_are_the_fake_ones(trained):
    codec, sd, steps, x, wide = trained
    pixels = ((x + .5) * 255).round().to(torch.uint8)
    fake = codec.analyse(pixels / 255 - .5)
    picture = (codec.synth(fake) + .5) * 255

    def distances(steps):
        model, _, units = export.quantized(sd, pixels, .1, wide, steps=steps)
        integer = Codec(model)
        y = integer.analyse(pixels).double() / 256
        out = integer.synthesise(torch.round(fake.double() * 256)).double()
        return float((y - fake).abs().mean()), float((out - picture.clamp(0, 255)).abs().mean()), units
    latents, pixels_off, units = distances(steps)
    other_latents, other_pixels, _ = distances(None)
    assert latents < 2 / 256 and latents < .5 * other_latents, (latents, other_latents)
    assert pixels_off < .3 and pixels_off < other_pixels, (pixels_off, other_pixels)
    assert np.array_equal(units["own.1"], steps["latq"][4:12].double().numpy())


def test_every_calibrated_tensor_has_a_trained_step(trained):
    _, sd, steps, _, wide = trained
    shape = graph.shape_of(sd)
    units = calibrate.trained(sd, shape, steps)
    for g in graph.GraphBuilder(sd, wide).build().values():
        for n in g.nodes:
            if n.unit is None and n.type != modelfile.S16:             # 16 bits: no step is trained
                assert len(units[n.name]) == n.channels, n.name

"""Configuration: dataclasses with defaults, filled from a JSON file. An unknown key is an error."""
import dataclasses
import json
from dataclasses import dataclass, field


@dataclass
class ModelConfig:
    """Shape of the networks; see model.Codec."""
    enc: tuple = (64, 128, 192)
    dec: tuple = (64, 128)
    nenc: tuple = (1, 1, 2)
    ndec: tuple = (2, 2)
    slices: tuple = (16, 32, 48, 96, 128)
    hyper: int = 48
    h: int = 128
    levels: int = 11
    lambda0: float = 0.0008      # level k trades bits for squared error at lambda0 * lambda_ratio^k
    lambda_ratio: float = 2.0


@dataclass
class DataConfig:
    """Where the images are and how crops are taken from them."""
    folder: str = "../shared/train"
    cache: str = ".cache/train"
    crop: int = 256
    max_side: int = 2600
    copies: int = 1              # downscaled copies of every image, by a random factor
    scale_min: float = 0.5
    scale_max: float = 0.9
    area_power: float = 0.75     # an image is drawn with probability ~ pixels^area_power
    gray: float = 0.03
    transpose: float = 0.1
    synthetic: float = 0.08      # share of crops taken from generated pictures
    synthetic_count: int = 96    # generated pictures in the pool
    holdout: int = 40            # every n-th image is kept for held-out measurements; 0: none
    limit: int = 0               # use only the first n images; 0: all


@dataclass
class TrainConfig:
    """Optimisation, shared by the gradient stages; stages override single fields."""
    batch: int = 8
    lr: float = 7e-4
    warmup: int = 200
    slow: float = 0.45           # learning-rate factor of the transforms
    clip: float = 10.0
    ema: float = 0.999
    ema_every: int = 5
    minutes: float = 60.0        # length by the clock ...
    steps: int = 0               # ... or, if not 0, by steps
    decay: bool = False          # rate falls linearly to 1 % over the stage; otherwise constant after warm-up
    commitment: float = 0.0      # weight of |residual - codeword|^2
    refit_every: int = 0         # stage C: steps between refits of the ladder
    z_free: int = 0              # first steps without a rate on the hyper-latent
    msssim: float = 0.0          # share of 1 - MS-SSIM in the distortion
    relative: float = 0.0        # if not 0: train on the logarithm of a crop's cost / sqrt(lambda) + this
    seam: float = 0.0            # weight of steps of the error at block borders in flat areas
    log_every: int = 100
    probe_every: int = 500       # dead units, rung use, held-out loss
    save_minutes: float = 3.0
    max_bad: int = 20            # stop after so many steps in a row with a non-finite gradient
    bf16: bool = True
    compile: bool = False


@dataclass
class LadderConfig:
    """Geometry of the quantizer ladder and how it is fitted; see ladder.Ladder."""
    step: float = 0.2
    low: float = -3.0
    rungs: int = 48
    top: int = 17                # pairs whose larger rung is at most this use pair codebooks
    kmax: int = 256
    lam: float = 0.12            # cost of one bit in squared steps
    photos: int = 160
    iterations: int = 15
    per_book: int = 60000        # most samples per codebook
    min_pair: int = 2500         # rung pairs with fewer samples borrow the nearest codebook


@dataclass
class QatConfig:
    """Fake quantization of stage D; see qat."""
    weight_bits: int = 8
    act_bits: int = 8
    calibration: int = 24        # batches
    freeze_encoder: bool = False
    wide: bool = False           # synthesis reads latents as they are and has residual trunks of 16 bits


@dataclass
class Config:
    name: str = "base"
    seed: int = 11
    init: str = ""               # checkpoint to start stage A from; empty: KLT
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    ladder: LadderConfig = field(default_factory=LadderConfig)
    qat: QatConfig = field(default_factory=QatConfig)
    stages: dict = field(default_factory=dict)   # stage name -> fields of TrainConfig that differ

    def stage(self, name):
        """The training options of one stage."""
        return _fill(TrainConfig, self.stages.get(name, {}), f"stages.{name}", self.train)

    def lambdas(self):
        m = self.model
        return [m.lambda0 * m.lambda_ratio ** k for k in range(m.levels)]


def _fill(cls, values, where, base=None):
    known = {f.name: f for f in dataclasses.fields(cls)}
    unknown = set(values) - set(known)
    if unknown:
        raise ValueError(f"configuration: unknown key {where}.{sorted(unknown)[0]}")
    out = {}
    for name, value in values.items():
        sub = known[name].default_factory
        if dataclasses.is_dataclass(sub):
            value = _fill(sub, value, f"{where}.{name}")
        out[name] = tuple(value) if isinstance(value, list) else value
    return dataclasses.replace(base, **out) if base is not None else cls(**out)


def from_dict(values):
    config = _fill(Config, values, "config")
    for name in config.stages:
        config.stage(name)
    return config


def load(path):
    with open(path, encoding="utf-8") as f:
        return from_dict(json.load(f))


def to_dict(config):
    return dataclasses.asdict(config)

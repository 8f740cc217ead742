"""Changes the number of quality levels of a checkpoint."""
import torch

LOG_STEP = 0.34657359   # ln(2)/2: doubling lambda halves the squared step


def widen(state, levels):
    """State dict with more levels: gains extrapolated upwards, everything else copied from the last level."""
    have = state["loggain"].shape[0]
    if have == levels:
        return state
    if have > levels:
        raise ValueError(f"checkpoint has {have} levels, the configuration only {levels}")
    out = dict(state)
    more = torch.arange(1, levels - have + 1, dtype=torch.float32)[:, None]
    out["loggain"] = torch.cat([state["loggain"], state["loggain"][-1:] + LOG_STEP * more])
    slope = (state["zgain"][-1:] - state["zgain"][-2:-1]).clamp(0, 0.3)
    out["zgain"] = torch.cat([state["zgain"], state["zgain"][-1:] + slope * more])
    for name in ("zscale", "zmean"):
        out[name] = torch.cat([state[name], state[name][-1:].repeat(len(more), 1)])
    first = state["hs.0.weight"]   # the level's one-hot features are the last input channels
    out["hs.0.weight"] = torch.cat([first, first[:, -1:].repeat(1, len(more), 1, 1)], 1)
    return out

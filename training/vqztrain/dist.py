"""One process or several (torchrun): rank, start and end, values agreed on by all."""
import datetime
import os

import torch
import torch.distributed as td


def start(device):
    """Joins the group that torchrun describes, if any. -> device of this process."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not td.is_initialized():
        backend = "nccl" if device == "cuda" else "gloo"
        td.init_process_group(backend, timeout=datetime.timedelta(minutes=30))
    if device == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        torch.cuda.set_device(local)
        return torch.device("cuda", local)
    return torch.device(device)


def stop():
    if td.is_initialized():
        td.destroy_process_group()


def world():
    return td.get_world_size() if td.is_initialized() else 1


def rank():
    return td.get_rank() if td.is_initialized() else 0


def main():
    return rank() == 0


def barrier():
    if td.is_initialized():
        td.barrier()


def agree(value):
    """The main process's value, whatever picklable thing it is."""
    if not td.is_initialized():
        return value
    box = [value]
    td.broadcast_object_list(box, 0)
    return box[0]


def agree_number(value, device):
    """The main process's number; cheap enough for every step."""
    if not td.is_initialized():
        return value
    t = torch.tensor(value, dtype=torch.float64, device=device)
    td.broadcast(t, 0)
    return float(t)


def check_same(value, what, device):
    """Raises where a process has another number than the main one: the processes have drifted apart."""
    if agree_number(float(value), device) != float(value):
        raise RuntimeError(f"process {rank()}: {what} differs from the main process's")

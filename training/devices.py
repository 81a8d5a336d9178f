"""Which device to use, said before anything is loaded onto it."""

from __future__ import annotations

import torch


def usable_device(name: str) -> torch.device:
    """The device of that name, in torch's words. Raises ValueError where it cannot be used here."""
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:  # an unknown name; torch without CUDA; no such GPU
        raise ValueError(f"--device {name!r} cannot be used: {str(error).splitlines()[0]}") from error

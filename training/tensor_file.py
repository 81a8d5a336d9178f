"""A file of `torch.save`, which may be anything: nothing in it is executed, and what is wrong with it is told."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch


def read_tensors(path: Path) -> Any:
    """Its tensors and plain values, on the CPU. Raises ValueError that says why it is none, FileNotFoundError,
    IsADirectoryError, PermissionError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch's, on files of its old format
            return torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (RuntimeError, EOFError, OSError) as error:  # of an archive that is cut off
        raise ValueError((str(error).splitlines() or [type(error).__name__])[0]) from error
    except Exception as error:  # bytes that are no pickle may mean anything to its reader: KeyError, IndexError…
        raise ValueError("it holds other objects than tensors and plain values, or is no file of torch.save") from error

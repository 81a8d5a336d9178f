"""HRNet's structure and checkpoint names; its weights have to come from their authors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.pose.estimators import load_estimator
from training.pose.hrnet import HRNetPose, _our_name, load_hrnet


@pytest.fixture(scope="module")
def w32() -> HRNetPose:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return HRNetPose(32).eval()


@pytest.fixture(scope="module")
def official(w32: HRNetPose) -> dict[str, Tensor]:
    """The names of the authors' pose_hrnet_w32: the trunk's bare, the head `final_layer`."""
    return {name.removeprefix("trunk."): tensor for name, tensor in w32.state_dict().items()}


def test_w48_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in HRNetPose(48).parameters()) == 63_595_745


def test_heat_maps(w32: HRNetPose) -> None:
    heatmaps = w32(torch.randint(0, 256, (2, 3, 64, 32), dtype=torch.uint8))
    assert heatmaps.shape == (2, 17, 16, 8)
    assert heatmaps.min() >= 0
    assert heatmaps.max() <= 1
    with pytest.raises(ValueError, match="multiples of 32"):
        w32(torch.zeros(1, 3, 64, 30))


PUBLISHERS = {
    "HRNet's authors": ("", ""),
    "from several GPUs": ("module.", "module."),
    "MMPose 0.x": ("backbone.", "keypoint_head."),
    "MMPose 1.x": ("backbone.", "head."),
}


@pytest.mark.parametrize("publisher", PUBLISHERS)
def test_names_of_every_publisher(w32: HRNetPose, official: dict[str, Tensor], publisher: str) -> None:
    trunk, head = PUBLISHERS[publisher]
    theirs = [(head if name.startswith("final_layer") else trunk) + name for name in official]
    assert [_our_name(name) for name in theirs] == list(w32.state_dict())


def test_a_checkpoint_file(tmp_path: Path, w32: HRNetPose, official: dict[str, Tensor]) -> None:
    """As MMPose wraps it; without the batch counters that older files lack."""
    state = {f"backbone.{n}": t for n, t in official.items() if not n.endswith("num_batches_tracked")}
    state |= {f"head.{n}": state.pop(f"backbone.{n}") for n in ("final_layer.weight", "final_layer.bias")}
    torch.save({"meta": {"epoch": 210}, "state_dict": state}, tmp_path / "mmpose.pth")
    image = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(load_hrnet(32, tmp_path / "mmpose.pth")(image), w32(image), atol=1e-5, rtol=0)


def test_official_names(w32: HRNetPose) -> None:
    """Spot checks of the names in the authors' files, so that a change in timm shows."""
    names = set(w32.state_dict())
    for name in (
        "conv1.weight",
        "layer1.0.downsample.0.weight",
        "transition1.1.0.0.weight",
        "transition3.3.0.0.weight",
        "stage2.0.branches.1.3.bn2.running_var",
        "stage3.3.fuse_layers.2.0.1.0.weight",
        "stage4.2.fuse_layers.0.3.1.bias",
    ):
        assert f"trunk.{name}" in names
    assert "trunk.stage4.2.fuse_layers.1.0.0.0.weight" not in names
    assert {"final_layer.weight", "final_layer.bias"} <= names


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    torch.save({"final_layer.weight": torch.zeros(14, 32, 1, 1)}, file)
    with pytest.raises(ValueError, match=r"final_layer.weight \(14, 32, 1, 1\) instead of \(17, 32, 1, 1\)"):
        load_hrnet(32, file)
    torch.save({"conv1.weight": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match=r"no HRNet-W32 .* it lacks"):
        load_hrnet(32, file)
    torch.save([1, 2], file)
    with pytest.raises(ValueError, match="holds no state dict"):
        load_hrnet(32, file)
    file.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="cannot be read as a checkpoint"):
        load_hrnet(32, file)


def test_estimators_by_name() -> None:
    assert load_estimator("movenet").label.startswith("MoveNet Thunder (")
    with pytest.raises(ValueError, match="hrnet-w48 needs --weights FILE"):
        load_estimator("hrnet-w48")
    with pytest.raises(ValueError, match="'openpose'; allowed: movenet, hrnet-w32, hrnet-w48"):
        load_estimator("openpose")  # type: ignore[arg-type]

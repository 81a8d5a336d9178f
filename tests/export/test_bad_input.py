"""Whatever is wrong: one clear line, a non-zero exit status, and no file left behind."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch
from PIL import Image

from export.__main__ import main
from export.command import export_model
from export.request import Request
from export.verify import VerificationFailed
from tests.export.tiny import write_calibration_of
from training.checkpoint import load_checkpoint, save_checkpoint


@pytest.fixture
def failing(tmp_path, capsys):
    """Runs a command that must fail; returns what it says. The output folder must stay empty."""
    folder = tmp_path / "out"
    folder.mkdir()

    def run(*arguments: object, out: object = None) -> str:
        assert main([str(arguments[0]), str(out or folder / "model.onnx"), *map(str, arguments[1:])]) == 1
        assert list(folder.iterdir()) == []
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("error: ")
        return said

    return run


def test_no_such_checkpoint(failing, tmp_path):
    assert "nothing.pt" in failing(tmp_path / "nothing.pt")


def test_a_truncated_checkpoint(failing, checkpoint, tmp_path):
    short = tmp_path / "short.pt"
    short.write_bytes(checkpoint.read_bytes()[:5000])
    assert "short.pt is not a checkpoint" in failing(short)


def test_a_checkpoint_of_another_architecture(failing, checkpoint, tmp_path):
    loaded = load_checkpoint(checkpoint)
    model = dataclasses.replace(loaded.config.model, backbone="test_efficientnet")
    other = tmp_path / "other.pt"
    save_checkpoint(other, dataclasses.replace(loaded, config=dataclasses.replace(loaded.config, model=model)))
    assert "other.pt, of test_efficientnet: the checkpoint's weights are not those of its network" in failing(other)


def test_a_checkpoint_whose_weights_are_no_dictionary(failing, checkpoint, tmp_path):
    other = tmp_path / "other.pt"
    save_checkpoint(other, dataclasses.replace(load_checkpoint(checkpoint), weights=[torch.zeros(3)]))
    assert "other.pt, of test_resnet: the checkpoint's weights are not those" in failing(other)


def test_an_unknown_backbone(failing):
    assert "timm knows no model 'resnet5000'" in failing("timm:resnet5000")


def test_weights_that_timm_has_not(failing):
    assert "timm cannot make 'resnet50.foo' with weights 'none'" in failing("timm:resnet50.foo", "--weights", "none")


def test_a_backbone_of_another_kind(failing):
    said = failing("timm:vit_tiny_patch16_224", "--weights", "none")
    assert "'vit_tiny_patch16_224' takes no 256×256 image" in said
    assert "needed: a convolutional model" in said


@pytest.mark.parametrize("size", ["250x128", "256x100", "256", "256x0", "axb", "256x128x3"])
def test_a_size_that_does_not_fit(failing, size):
    assert "divisible by 16" in failing("timm:test_resnet", "--size", size)


def test_size_is_the_checkpoints_own(failing, checkpoint):
    assert "--size and --weights are for timm:NAME" in failing(checkpoint, "--size", "256x128")


def test_weights_that_are_no_file(failing):
    assert "weights is 'mine.pth'" in failing("timm:test_resnet", "--weights", "mine.pth")


@pytest.mark.parametrize("name", ["short.pth", "short.safetensors"])
def test_truncated_weights(failing, checkpoint, tmp_path, name):
    short, whole = tmp_path / name, checkpoint.read_bytes()
    short.write_bytes(whole[: len(whole) // 2])
    assert f"{name} holds no weights" in failing("timm:test_resnet", "--weights", short)


def test_int8_without_crops(failing, checkpoint):
    assert "--calibration DIR" in failing(checkpoint, "--precision", "int8")


def test_an_empty_calibration_folder(failing, checkpoint, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "where no image lies" in failing(checkpoint, "--precision", "int8", "--calibration", empty)


def test_a_calibration_folder_that_is_none(failing, checkpoint, tmp_path):
    assert "is not a folder" in failing(checkpoint, "--calibration", tmp_path / "nowhere")


def test_too_few_calibration_images(failing, checkpoint, tmp_path):
    folder = tmp_path / "crops"
    folder.mkdir()
    for number in range(39):
        Image.new("RGB", (32, 64), (number, 0, 0)).save(folder / f"{number}.png")
    said = failing(checkpoint, "--precision", "int8", "--calibration", folder)
    assert "with 39 images; allowed for int8: 40 or more" in said


def test_the_place_of_a_report_is_taken(failing, checkpoint, tmp_path):
    (tmp_path / "out.report.json").mkdir()
    assert "out.report.json is a folder" in failing(checkpoint, out=tmp_path / "out.onnx")
    assert not (tmp_path / "out.report.md").exists()


def test_an_unreadable_calibration_image(failing, checkpoint, tmp_path):
    folder = tmp_path / "crops"
    folder.mkdir()
    Image.new("RGB", (32, 64)).save(folder / "good.png")
    (folder / "bad.jpg").write_bytes(b"not an image")
    assert "bad.jpg" in failing(checkpoint, "--precision", "int8", "--calibration", folder)


def test_a_data_set_without_its_place(failing, checkpoint):
    assert "go together" in failing(checkpoint, "--dataset", "market1501")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--max-loss", "0.2"], "--max-loss is 0.2, but nothing is measured"),
        (["--identities", "20"], "--identities is 20, but nothing is measured"),
        (["--calibration", "x", "--dataset", "synthetic", "--data", "y"], "--calibration is x, but nothing would look"),
        (["--reduce-range"], "--reduce-range is for --precision int8; the precision is fp32"),
        (["--no-reduce-range", "--precision", "fp16"], "--no-reduce-range is for --precision int8; the precision is"),
    ],
)
def test_an_option_that_would_do_nothing(failing, checkpoint, options, said):
    assert said in failing(checkpoint, *options)


@pytest.mark.parametrize("points", ["nan", "-1", "inf"])
def test_a_loss_that_would_switch_the_check_off(failing, checkpoint, drawn_people, points):
    said = failing(checkpoint, "--dataset", "synthetic", "--data", drawn_people, "--max-loss", points)
    assert f"--max-loss is {float(points)}; allowed: 0 to 100" in said


def test_a_match_calibration_that_is_none(failing, checkpoint, tmp_path):
    file = tmp_path / "calibration.json"
    file.write_text('{"scores": [0, 1]}')
    assert "calibration.json is not a calibration" in failing(checkpoint, "--match-calibration", file)


@pytest.mark.parametrize("model", ["tf_efficientnet_lite0-fp32-2b9802018283", "last"])  # of a file, of a checkpoint
def test_a_match_calibration_of_another_model(failing, tmp_path, model):
    file = write_calibration_of(model, tmp_path / "calibration.json")
    said = failing("timm:test_resnet", "--weights", "none", "--size", "64x32", "--match-calibration", file)
    assert f"calibration.json was fitted on {model!r}, but the file would be 'test_resnet-fp32-" in said


def test_an_output_of_another_kind(failing, tmp_path):
    assert "ends in .onnx" in failing("timm:test_resnet", out=tmp_path / "model.pt")


def test_an_output_folder_that_is_not_there(failing, tmp_path):
    assert "does not exist" in failing("timm:test_resnet", out=tmp_path / "nowhere" / "model.onnx")


def test_a_file_that_is_not_good_enough_is_not_written(checkpoint, drawn_people, tmp_path):
    """An impossible demand: mAP must rise by 100 points. The file that was there before stays."""
    out = tmp_path / "model.onnx"
    out.write_bytes(b"before")
    request = Request(str(checkpoint), out, dataset="synthetic", data=drawn_people, allowed_loss=-100)
    with pytest.raises(VerificationFailed, match=r"mAP loses -?0\.\d\d points, .*allowed: -100"):
        export_model(request)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    assert out.read_bytes() == b"before"


def test_when_no_way_to_int8_is_good_enough_every_one_is_named(checkpoint, drawn_people, tmp_path):
    request = Request(
        str(checkpoint),
        tmp_path / "model.onnx",
        precision="int8",
        dataset="synthetic",
        data=drawn_people,
        allowed_loss=-100,
    )
    with pytest.raises(VerificationFailed) as failed:
        export_model(request)
    said = str(failed.value).splitlines()
    assert len(said) == 1 + 3 + 4
    assert "in fp32: nothing" in said[1]
    assert "main.backbone." in said[-1]
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from export.__main__ import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_leaves_nothing_half_written(checkpoint, tmp_path):
    out = tmp_path / "model.onnx"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(checkpoint), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "could not be written: File too large" in done.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []

"""The compose files: valid by the Compose specification, as closed as the documentation says, settings that exist."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from service.settings import Settings

DOCKER = Path(__file__).resolve().parents[2] / "docker"
FILES = sorted(DOCKER.glob("compose*.yaml"))
SCHEMA = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text())
    return content


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_is_valid(file: Path) -> None:
    jsonschema.validate(load(file.name), SCHEMA)


def test_the_schema_refuses_what_is_wrong() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"reid": {"prots": ["8000:8000"]}}}, SCHEMA)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_files_that_are_mounted_or_built_from_exist(file: Path) -> None:
    content = load(file.name)
    for service in content["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DOCKER / source).is_file() if source.startswith(".") else source in content["volumes"], volume
        if arguments := service.get("build", {}).get("args"):
            assert (DOCKER / arguments["REQUIREMENTS"]).is_file()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_setting_is_one(file: Path) -> None:
    given = load(file.name)["services"].get("reid", {}).get("environment", {})
    assert {name.removeprefix("REID_").lower() for name in given} <= set(Settings.model_fields)
    named_in_comments = re.findall(r"\bREID_[A-Z_]+", " ".join(re.findall(r"#(.*)", file.read_text())))
    known = {f"REID_{field.upper()}" for field in Settings.model_fields} | {"REID_PUBLISH"}
    assert set(named_in_comments) <= known


def test_the_guide_s_commands_meet_what_compose_made() -> None:
    """Another volume's name, and the backup of `docker run -v reid-data:…` is an empty one, without an error."""
    guide = (DOCKER.parent / "docs" / "deploy.md").read_text()
    content = load("compose.yaml")
    assert f"-v {content['volumes']['data']['name']}:/data:ro" in guide
    assert f"docker stop --time 40 {content['services']['reid']['container_name']}" in guide


def test_what_the_guide_sets_is_passed_on() -> None:
    given = load("compose.yaml")["services"]["reid"]["environment"]
    for name in ("REID_API_KEY", "REID_ALLOWED_HOSTS"):
        assert given[name] is None


def test_the_service_is_closed() -> None:
    service = load("compose.yaml")["services"]["reid"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ports"][0].startswith("${REID_PUBLISH:-127.0.0.1:")
    assert "privileged" not in service


def test_stopping_waits_for_the_drain() -> None:
    grace = int(load("compose.yaml")["services"]["reid"]["stop_grace_period"].removesuffix("s"))
    drain = Settings.model_fields["drain_timeout_s"].default + Settings.model_fields["drain_notice_s"].default
    assert grace > drain


def test_no_image_is_a_moving_target() -> None:
    for file in FILES:
        for service in load(file.name)["services"].values():
            if not service.get("image", "pgfl-kd-reid").startswith("pgfl-kd-reid"):
                assert re.search(r":(v?\d+\.\d+\.\d+|\$\{\w+:-v?\d+\.\d+\.\d+\})$", service["image"]), service["image"]

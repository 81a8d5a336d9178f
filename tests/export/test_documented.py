"""Everything the command line takes is explained where people look for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.__main__ import _export_parser, main

DOCS = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
OPTIONS = [
    option for action in _export_parser()._actions for option in action.option_strings if option.startswith("--")
]


@pytest.mark.parametrize("option", [option for option in OPTIONS if option != "--help"])
def test_every_option_is_in_the_documentation(option):
    assert f"`{option}" in DOCS or f" {option} " in DOCS


def test_help_says_how_to_inspect(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "python -m export inspect FILE" in capsys.readouterr().out

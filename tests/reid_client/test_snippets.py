"""The C++ and Go of docs/service.md, compiled and run against the service, where there is a compiler."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reid_client import Client
from reid_client.wire import png
from service.app import create_app
from service.settings import Settings
from tests.service.fakes import DIM, FakeEncoder, MemoryGalleries
from tests.service.live import served

DOCS = Path(__file__).resolve().parents[2] / "docs" / "service.md"
ADDRESS = "http://127.0.0.1:8000/embed"

CPP = """
#include <cstdint>
#include <cstdio>
#include <curl/curl.h>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

int main(int count, char** names) {
  std::vector<std::string> crops;
  for (int i = 1; i < count; i++) {
    std::stringstream bytes;
    bytes << std::ifstream(names[i], std::ios::binary).rdbuf();
    crops.push_back(bytes.str());
  }
  SNIPPET
  std::fwrite(first, sizeof(float), dim * crops.size(), stdout);
}
"""

GO = """
package main

import (
	"bytes"
	"encoding/binary"
	"log"
	"net/http"
	"os"
	"strconv"
)

func main() {
	var crops [][]byte
	for _, name := range os.Args[1:] {
		crop, _ := os.ReadFile(name)
		crops = append(crops, crop)
	}
	SNIPPET
	if err != nil {
		log.Fatal(err)
	}
	binary.Write(os.Stdout, binary.LittleEndian, rows)
}
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = create_app(Settings(threads=1), encoder=FakeEncoder(), galleries=MemoryGalleries())
    with served(app) as address:
        yield address


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    pixels = np.random.default_rng(8).integers(0, 256, (3, 40, 20, 3), np.uint8)
    paths = [tmp_path / f"{i}.png" for i in range(len(pixels))]
    for path, crop in zip(paths, pixels, strict=True):
        path.write_bytes(png(crop))
    return paths


def written(language: str, frame: str, url: str) -> str:
    """The snippet as the docs have it, in a program around it, for the service that runs."""
    (snippet,) = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert snippet.count(ADDRESS) == 1
    return frame.replace("SNIPPET", snippet.replace(ADDRESS, f"{url}/embed"))


def run(program: Path, files: list[Path]) -> np.ndarray:
    done = subprocess.run([program, *files], capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, "<f4").reshape(-1, DIM)


def refused(program: Path, files: list[Path]) -> bool:
    """A crop that is no image: the program says so, and does not take the error's text for numbers."""
    files[1].write_bytes(b"junk")
    done = subprocess.run([program, *files], capture_output=True, check=False, timeout=30)
    said = b"422" in done.stderr or b"HTTP response code said error" in done.stderr
    return done.returncode != 0 and not done.stdout and said


def compiled(source: Path, compiler: list[str], libraries: tuple[str, ...] = ()) -> Path:
    program = source.with_suffix(".out")
    environment = os.environ | {"GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOFLAGS": ""}
    command = [*compiler, "-o", program, source, *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return program


def test_cpp(url: str, files: list[Path], tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    probe = [compiler, "-x", "c++", "-fsyntax-only", "-include", "curl/curl.h", os.devnull]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no libcurl to compile with (libcurl4-openssl-dev)")
    source = tmp_path / "client.cpp"
    source.write_text(written("cpp", CPP, url))
    program = compiled(source, [compiler, "-std=c++17", "-Wall", "-Werror"], ("-lcurl",))
    with Client(url) as client:
        np.testing.assert_array_equal(run(program, files), client.embed(files).rows)
    assert refused(program, files)


def test_go(url: str, files: list[Path], tmp_path: Path) -> None:
    compiler = shutil.which("go")
    if compiler is None:
        pytest.skip("no Go compiler")
    source = tmp_path / "client.go"
    source.write_text(written("go", GO, url))
    program = compiled(source, [compiler, "build"])
    with Client(url) as client:
        np.testing.assert_array_equal(run(program, files), client.embed(files).rows)
    assert refused(program, files)


@pytest.mark.parametrize("language", ["cpp", "go"])
def test_the_docs_hold_one_snippet_each(language: str) -> None:
    """Runs without a compiler too: the tests above find what they need."""
    frame = {"cpp": CPP, "go": GO}[language]
    assert "application/x-crops" in written(language, frame, "http://there")

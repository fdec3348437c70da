"""`voiceloom web`: a folder with a page that speaks a voice in the browser, offline, from any static server.

The page is `web/` as it stands; beside it come the voice at one precision, its text front end as data, and
onnxruntime-web, which npm brings once: a pinned version, checked against its sum, kept in runs/npm.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from voiceloom_model.export.browser import MANIFEST, notices, page_contents, write_page_data

PAGE = Path(__file__).parents[1] / "web"
CACHE = Path("runs/npm")
ENGINE = "onnxruntime-web"
ENGINE_VERSION = "1.30.0"
ENGINE_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
ENGINE_SCRIPT = "ort.wasm.bundle.min.mjs"
ENGINE_BINARY = "ort-wasm-simd-threaded.wasm"
NPM_TIMEOUT_S = 300

#: What a page's folder holds beside web/, of which package.json is for Node.js alone.
_MADE = {MANIFEST, "engine", "voice", "LICENCES.txt", "MODEL_CARD.md"}
_NOT_SERVED = shutil.ignore_patterns("package.json")

_LICENCES = """This folder was made by Voiceloom (Apache-2.0). It also holds parts of others.

onnxruntime-web {version}: MIT License, Copyright (c) Microsoft Corporation

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions: the above copyright notice and
this permission notice shall be included in all copies or substantial portions of the Software. THE SOFTWARE IS PROVIDED
"AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

hibari-tts, whose lexicons, tagger and network of unknown words the page reads English with:

{notices}
"""


@dataclass(frozen=True)
class BuiltPage:
    """What was made: the languages that the page can read, those it speaks from phonemes alone, and its size."""

    reads: list[str]
    phonemes_only: list[str]
    megabytes: float


def build_page(bundle: Path, output: Path, precision: str | None = None, cache: Path = CACHE) -> BuiltPage:
    """Write the page for a voice bundle into the folder `output`, replacing a page that is there.

    Raises `ValueError` or `OSError` in one sentence for a folder that holds something else, for what is no whole
    bundle, and when npm or the page's files are missing.
    """
    output = output.resolve()
    if not (PAGE / "index.html").is_file():
        raise FileNotFoundError(f"the page's files are not in {PAGE}: install Voiceloom from its repository, with -e")
    _check_output(output)
    manifest, contents = page_contents(bundle, precision)
    engine = engine_files(cache)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as made:
        folder = Path(made) / "page"
        shutil.copytree(PAGE, folder, ignore=_NOT_SERVED)
        (folder / "engine").mkdir()
        (folder / "engine" / ENGINE_SCRIPT).write_bytes(engine[ENGINE_SCRIPT])
        write_page_data(folder, manifest, {ENGINE_BINARY: engine[ENGINE_BINARY], **contents})
        _write_papers(folder, bundle)
        shutil.rmtree(output, ignore_errors=True)
        folder.rename(output)
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    reads = list(manifest["front_ends"])
    others = [tag for tag in manifest["voice"]["languages"] if tag not in reads]
    return BuiltPage(reads, others, round(size / 1e6, 1))


def _write_papers(folder: Path, bundle: Path) -> None:
    """The licences of what lies in the folder, and the voice's own card."""
    licences = _LICENCES.format(version=ENGINE_VERSION, notices=notices())
    (folder / "LICENCES.txt").write_text(licences, encoding="utf-8")
    card = bundle / "MODEL_CARD.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else "This voice came without a model card.\n"
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")


def engine_files(cache: Path = CACHE) -> dict[str, bytes]:
    """The two files of onnxruntime-web that the page runs, from the cache or fetched by npm, checked either way."""
    package = cache / f"{ENGINE}-{ENGINE_VERSION}.tgz"
    if not package.is_file():
        _fetch(cache)
    _check_sum(package)
    with tarfile.open(package) as archive:
        members = {name: archive.extractfile(f"package/dist/{name}") for name in (ENGINE_SCRIPT, ENGINE_BINARY)}
        return {name: member.read() for name, member in members.items() if member is not None}


def _fetch(cache: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(
            f"{ENGINE} {ENGINE_VERSION} is fetched once with npm, which is not installed: install Node.js with npm "
            "(on Debian: sudo apt install npm)"
        )
    cache.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", f"{ENGINE}@{ENGINE_VERSION}", "--silent", "--ignore-scripts"]
    try:
        subprocess.run(command, cwd=cache, check=True, capture_output=True, text=True, timeout=NPM_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"npm did not bring {ENGINE} {ENGINE_VERSION} within {NPM_TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["it does not say why"])[-1]
        raise OSError(f"npm could not fetch {ENGINE} {ENGINE_VERSION}: {reason}") from error


def _check_sum(package: Path) -> None:
    found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if found != ENGINE_SHA512:
        package.unlink()
        raise ValueError(f"{package} is not {ENGINE} {ENGINE_VERSION} as released: its sum is {found[:16]}…; try again")


def _check_output(output: Path) -> None:
    """Only a new or empty folder, or one with such a page, is written."""
    if not output.parent.is_dir():
        raise FileNotFoundError(f"the folder {output.parent} for {output.name} is not there")
    if output.exists() and not output.is_dir():
        raise FileExistsError(f"{output} is a file, expected a folder to write the page into")
    if output.is_dir():
        ours = {path.name for path in PAGE.iterdir()} | _MADE
        for path in output.iterdir():
            if path.name not in ours or not (output / MANIFEST).is_file():
                raise FileExistsError(f"{output} holds something else than a page, {path.name}; name a new folder")

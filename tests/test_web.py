"""The page in a real Chromium, offline, against the Python runtime; and how `voiceloom web` refuses."""

import base64
import io
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from made_voice import make_bundle

from benchmarks._chromium import ISOLATED, browser, chromium, served
from flows import web
from flows.web import build_page, engine_files
from voiceloom_model.export.widened import widened
from voiceloom_model.runtime import Voice
from voiceloom_model.runtime.bundle import write_sums
from voiceloom_model.text import Lexicon, phonemize

REPOSITORY = Path(__file__).parents[1]
CACHE = REPOSITORY / web.CACHE
TEXT = "Dr. Voiceloom paid $5.30 at 3:30 pm; she read what she'll read, flobberingly."
SEED = 11
STATE = "document.body.dataset.state"


@pytest.fixture(scope="module")
def bundle(request, tmp_path_factory):
    """A voice of the decoder that the test names."""
    return make_bundle(tmp_path_factory.mktemp("bundle") / "voice", decoder=request.param)


def of_decoders(*names):
    return pytest.mark.parametrize("bundle", names, indirect=True)


@pytest.fixture(scope="module")
def runtime(bundle, tmp_path_factory):
    """The Python runtime on the graphs that the page runs."""
    folder = tmp_path_factory.mktemp("widened") / "voice"
    shutil.copytree(bundle, folder)
    for graph in ("encoder.onnx", "decoder.onnx"):
        (folder / "int8" / graph).write_bytes(widened((bundle / "int8" / graph).read_bytes()))
    write_sums(folder)
    return Voice.load(folder, precision="int8")


@pytest.fixture(scope="module")
def page_folder(bundle, tmp_path_factory):
    if chromium() is None:
        pytest.skip("Chromium is not installed: sudo apt install chromium")
    try:
        engine_files(CACHE)
    except OSError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("web") / "page"
    built = build_page(bundle, folder, cache=CACHE)
    assert built.reads == ["en-GB", "en-US"] and not built.phonemes_only
    return folder


def type_in(page, text):
    page.evaluate("(() => { const t = document.getElementById('text'); t.focus(); t.select(); })()")
    page.call("Input.insertText", text=text)


def speak(page):
    """Click, and wait for what comes of it."""
    page.evaluate(f"{STATE} = 'asked'; document.getElementById('speak').click()")
    return page.wait(f"['done', 'error'].includes({STATE}) && {STATE}")


def downloaded(page):
    """The samples and the rate of the file that the page offers."""
    content = page.evaluate(
        """fetch(document.getElementById('wave').href).then((answer) => answer.bytes())
        .then((bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')))"""
    )
    return soundfile.read(io.BytesIO(base64.b64decode(content)), dtype="float32")


def rows(page, selector, names):
    script = f"[...document.querySelectorAll({selector!r})].map((row) => [{names}])"
    return [tuple(row) for row in page.evaluate(script)]


@pytest.mark.slow
@of_decoders("source")
def test_the_page_speaks_typed_text_as_the_runtime_does_and_asks_nobody(bundle, page_folder, runtime):
    with served(page_folder, ISOLATED) as address, browser(chromium()) as page:
        page.open(f"{address}?threads=2")
        page.wait(f"{STATE} === 'ready'")
        assert "2 threads" in page.evaluate("document.getElementById('facts').textContent")
        type_in(page, TEXT)
        page.evaluate(f"document.getElementById('seed').value = {SEED}; document.getElementById('speed').value = 1.25")
        assert speak(page) == "done", page.evaluate("document.getElementById('error').textContent")
        samples, rate = downloaded(page)
        page.evaluate("document.getElementById('details').open = true")
        page.wait("!!document.querySelector('#times tr')")
        cells = "...[0, 2, 3].map((at) => row.children[at].textContent)"
        phonemes = rows(page, "#times tr", cells)
        words = rows(page, ".word", "row.firstChild.textContent, row.classList.contains('guessed')")
        colours = page.evaluate(
            """(() => { const c = document.getElementById('canvas');
            const pixels = c.getContext('2d').getImageData(0, 0, c.width, 170).data;
            return new Set(new Uint32Array(pixels.buffer)).size })()"""
        )
        page.evaluate("document.querySelector('[value=phonemes]').click()")
        ipa = page.evaluate("document.getElementById('text').value")
        requests = set(page.requests)
    expected = runtime.speak(TEXT, speed=1.25, seed=SEED)
    assert rate == expected.sample_rate_hz and len(samples) == len(expected.samples)
    assert decibels(samples - expected.samples) < decibels(expected.samples) - 20
    assert phonemes == [(text, f"{start:.3f}", f"{end:.3f}") for text, start, end in expected.phonemes]
    assert ipa == phonemize(TEXT, "en-US", Lexicon.load(bundle / "lexicon.tsv"))
    assert words[:5] == [(word, False) for word in ("Doctor", "Voiceloom", "paid", "five", "dollars")]
    assert words[-1] == ("flobberingly.", True)  # the network has read it
    assert colours > 50  # a spectrogram is drawn
    assert any("encoder.onnx" in request for request in requests)  # the worker's were heard
    assert {request for request in requests if not request.startswith((address, "data:", "blob:"))} == set()


def decibels(wave):
    """Not the largest difference: the last bit of a pitch may turn the phases from there on by 1/4096 of a cycle."""
    return 10 * np.log10(np.square(wave).mean())


@pytest.mark.slow
@of_decoders("istft")
def test_without_headers_or_server_the_page_still_speaks_from_phonemes_and_says_what_is_wrong(page_folder, runtime):
    with browser(chromium()) as page:
        with served(page_folder) as address:  # as `python -m http.server` does
            page.open(address, width=390)
            page.wait(f"crossOriginIsolated && {STATE} === 'ready'")
        page.open(address, width=390)  # nobody answers any more: what was kept does
        page.wait(f"crossOriginIsolated && {STATE} === 'ready'")
        type_in(page, "   ")
        page.evaluate("document.getElementById('speak').click()")
        page.wait("document.getElementById('status').textContent === 'There is no text to speak yet.'")
        page.evaluate("document.querySelector('[value=phonemes]').click()")
        type_in(page, "həlˈoʊ ☃")
        assert speak(page) == "error"
        assert page.evaluate("document.getElementById('error').textContent") == (
            "“☃” is none of the phonemes that this voice knows."
        )
        type_in(page, "həlˈoʊ")
        assert speak(page) == "done"
        spoken = rows(page, ".word", "row.textContent")
        samples, _ = downloaded(page)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert spoken == [("həlˈoʊ",)] and wider == 0
    expected = runtime.say("hello")  # which is read so
    assert len(samples) == len(expected) and np.abs(samples - expected).max() < 1e-3 < np.abs(samples).max()


@of_decoders("source", "istft")
def test_a_widened_graph_has_the_size_of_int8_and_no_product_at_8_bits(bundle):
    for graph in ("encoder.onnx", "decoder.onnx"):
        content = (bundle / "int8" / graph).read_bytes()
        kinds = {node.op_type for node in onnx.load_from_string(widened(content)).graph.node}
        assert len(widened(content)) < 1.02 * len(content)
        assert not kinds & {"MatMulInteger", "DynamicQuantizeLinear"}


@of_decoders("istft")
def test_a_widened_graph_sounds_nearer_to_fp32_than_int8_does(bundle, runtime):
    exact, rounded = (Voice.load(bundle, precision=precision).say("hello") for precision in ("fp32", "int8"))
    sound = runtime.say("hello")
    assert len(sound) == len(exact) == len(rounded)
    assert 0 < np.abs(sound - exact).mean() < np.abs(rounded - exact).mean()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="holds something else than a page"):
        build_page(tmp_path / "voice", tmp_path)
    (tmp_path / "page.json").write_text("{}")  # a page, with something of the user's in it
    with pytest.raises(FileExistsError, match=r"something else than a page, thesis\.txt"):
        build_page(tmp_path / "voice", tmp_path)
    with pytest.raises(FileNotFoundError, match="is not there"):
        build_page(tmp_path / "voice", tmp_path / "no" / "page")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_without_npm_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"install Node\.js with npm \(on Debian: sudo apt install npm\)"):
        engine_files(tmp_path / "cache")


def test_an_engine_that_is_not_the_released_one_is_refused_and_removed(tmp_path):
    package = tmp_path / f"{web.ENGINE}-{web.ENGINE_VERSION}.tgz"
    package.write_bytes(b"something else")
    with pytest.raises(ValueError, match="is not onnxruntime-web"):
        engine_files(tmp_path)
    assert not package.exists()


def test_no_script_of_the_page_names_another_host():
    for path in web.PAGE.rglob("*.js"):
        assert not re.findall(r"https?://[a-z]", path.read_text(encoding="utf-8")), path

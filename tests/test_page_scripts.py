"""The page's JavaScript against the Python that it follows, in Node.js: text, noise, windows, layouts."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from voiceloom_model.export.browser import front_end_files
from voiceloom_model.gpu.engines import Input
from voiceloom_model.runtime.network import Manner, Network
from voiceloom_model.runtime.passages import MAX_CHARACTERS, passages
from voiceloom_model.runtime.speech import frames_a_token
from voiceloom_model.runtime.windows import FIRST_FRAMES, LEAST_FRAMES, NEXT_FRAMES, windows
from voiceloom_model.text import SYMBOLS, Lexicon, Tokens, encode, english, phonemize
from voiceloom_model.text.layout import laid_out
from voiceloom_model.text.normalise import normalise
from voiceloom_model.text.symbols import STRESS_MARKS

REPOSITORY = Path(__file__).parents[1]
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed: sudo apt install nodejs")

LEXICON = "Voiceloom\tvˈɔɪslˌuːm\n3M\tθɹˈiː ˈɛm\tde\nB2B\tbˌiːtəbˈiː\tEN\nnew york\tnjˈuː jˈɔːk\n"
SENTENCES = (
    "Voiceloom's B2B sales in New York, e.g. 3M's, rose 4.5%.",
    "I read the book that you will read; she used to live near the live concert.",
    "“Don't!” he cried — it was McDonald's own text2speech, and/or the U.S.A.'s A.I.",
    "King Henry VIII met Dr. O'Neill at St. Mary's on 3/4/2020, 10:05 a.m.",
    "Ünïcode ﬁne: naïve café, 10⁵ m², ½ cup, №5 … flobberingly wugs' snarked.",
    "Pay £2.5bn/€0.99 to john.doe@example.com (or www.example.org/help) by the 22nd!",
    "It's 24/7: -12 °C, 5'11\", 1,048,576 bytes, 555-1234, the '90s, 1984–86.",
    "constructor __proto__ toString hasOwnProperty",
)


def javascript(script, **given):
    """What a module says: `given` is its input, the last expression of `script` is to be assigned to `result`."""
    code = f"const given = JSON.parse(await new Response(process.stdin).text());\n{script}\n"
    code += "process.stdout.write(JSON.stringify(result));"
    command = [NODE, "--input-type=module", "-e", code]
    done = subprocess.run(command, input=json.dumps(given), cwd=REPOSITORY / "web", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def readings():
    """English sentences with everything that normalising knows, and everyday ones."""
    lines = (REPOSITORY / "model_src/tests/readings.tsv").read_text(encoding="utf-8").splitlines()
    everyday = (REPOSITORY / "data/sentences/everyday-en.txt").read_text(encoding="utf-8").splitlines()
    numbers = [line.split("\t")[1] for line in lines if line.startswith("en\t")]
    return [*SENTENCES, *numbers, *(line for line in everyday if not line.startswith("#"))]


@pytest.mark.parametrize("language", ["en-US", "en-GB"])
def test_text_is_read_as_python_reads_it(language, tmp_path, monkeypatch):
    (tmp_path / "lexicon.tsv").write_text(LEXICON, encoding="utf-8")
    lexicon, guesses = Lexicon.load(tmp_path / "lexicon.tsv"), {}
    network = english._g2p(language == "en-GB").oov
    monkeypatch.setattr(english._g2p(language == "en-GB"), "_oov", lambda word: guesses.setdefault(word, network(word)))
    texts = readings()
    expected = [[normalise(text, language), phonemize(text, language, lexicon)] for text in texts]
    (tmp_path / "tables.json").write_bytes(front_end_files(language)[f"{language}.json"])
    found = javascript(
        """
        import fs from "node:fs";
        const { FrontEnd } = await import("./text/front-end.js");
        const tables = JSON.parse(fs.readFileSync(given.tables));
        const frontEnd = new FrontEnd(tables, given.lexicon, async (word) => given.guesses[word] ?? null);
        const result = [];
        for (const text of given.texts) result.push([frontEnd.normalise(text), (await frontEnd.read(text)).phonemes]);
        """,
        tables=str(tmp_path / "tables.json"),
        lexicon=[entry._asdict() for entry in lexicon.entries],
        guesses=guesses,
        texts=texts,
    )
    assert guesses and found == expected


def test_noise_is_numpys():
    seeds, size = [0, 1, 2**32, 2**53 - 1], 200_000
    found = javascript(
        """
        const { Noise } = await import("./runtime/noise.js");
        const sum = (drawn) => Array.from(drawn.subarray(-500));
        const result = given.seeds.map((seed) => sum(new Noise(seed).draw(given.size, 0.5)));
        """,
        seeds=seeds,
        size=size,
    )
    for seed, drawn in zip(seeds, found, strict=True):
        expected = np.random.Generator(np.random.Philox(seed)).standard_normal(size, np.float32) * np.float32(0.5)
        np.testing.assert_allclose(drawn, expected[-500:], rtol=2e-7)  # the tail's logarithm may end otherwise


def test_windows_and_passages_are_the_runtimes():
    paragraph = "One; two, three four? “Five.” Six — seven… " * 15 + "x" * 500
    texts = [
        "",
        " one. ",
        f"{paragraph}\n \n{paragraph.lower()}",
        "🙂" * 300,
        "今日は、いい天気。" * 40 + "end of it. " * 20,
    ]
    contexts = [None, 0, 23, 50]
    found = javascript(
        """
        const { windows } = await import("./runtime/windows.js");
        const { passages } = await import("./runtime/passages.js");
        const result = { passages: given.texts.map((text) => passages(text, given.limit)), windows: [] };
        for (const context of given.contexts) {
          for (let frames = 1; frames < 2000; frames += 7) {
            const found = windows(frames, context, given.sizes);
            result.windows.push(found.map((one) => [one.start, one.stop, one.first, one.last]));
          }
        }
        """,
        texts=texts,
        limit=MAX_CHARACTERS,
        contexts=contexts,
        sizes={"first": FIRST_FRAMES, "next": NEXT_FRAMES, "least": LEAST_FRAMES},
    )
    assert found["passages"] == [list(passages(text)) for text in texts]
    assert found["windows"] == [
        [list(window) for window in windows(frames, context)] for context in contexts for frames in range(1, 2000, 7)
    ]


N_TOKENS, FRAMES_A_TOKEN, HOP, LATENT, CONTEXT = 60, 40, 4, 3, 5
#: A decoder whose sound tells what it was given, in both languages: cycles from the anchor on, breath and noise.
DECODE = """
        const decode = ({ noise, breath, phase, anchor, start, f0 }) => {
          const frames = noise[2][1];
          const sum = (at) => noise[1].slice(given.latent * at, given.latent * (at + 1)).reduce((a, b) => a + b);
          const turned = (at) => phase[1][0] + 0.0371 * (at - anchor[1][0]);
          const fraction = (value) => value - Math.floor(value);
          const cycles = Float32Array.from({ length: frames }, (_, at) => fraction(turned(at)) + f0[1][at]);
          const tone = (at) => cycles[at] / 4 + sum(at) / 100 + (start[1][0] + at) / 1e5;
          const wave = Array.from(breath[1], (one, at) => tone(Math.floor(at / given.hop)) + one / 100);
          return { wave: { data: Float32Array.from(wave) }, cycles: { data: cycles } };
        };
"""


def decoded(feeds):
    """What `DECODE` computes."""
    frames = np.arange(feeds["noise"].shape[1])
    turned = feeds["phase"] + 0.0371 * (frames - feeds["anchor"])
    cycles = (turned - np.floor(turned) + feeds["f0"]).astype(np.float32)
    tone = cycles / 4 + feeds["noise"].sum(axis=2) / 100 + (feeds["start"] + frames) / 1e5
    return np.repeat(tone, HOP, axis=1) + feeds["breath"] / 100, feeds["f0"], cycles


def test_pulses_and_a_breath_go_on_from_window_to_window_as_in_the_runtime():
    names = ("encoded", "durations", "noise", "speaker", "start", "breath", "phase", "anchor", "f0")
    about = {"latent": LATENT, "hop_length": HOP, "context_frames": CONTEXT, "sample_rate_hz": 16000}
    about |= {"noise_scale": 0.5, "duration_noise_scale": 0.8, "layout": "compact"}
    logs = np.full((1, N_TOKENS), np.log(FRAMES_A_TOKEN), np.float32)
    encoder = SimpleNamespace(get_inputs=lambda: [Input("tokens", (1, -1))])
    encoder.run = lambda _, feeds: (np.zeros((1, N_TOKENS, 2), np.float32), logs)
    decoder = SimpleNamespace(
        get_inputs=lambda: [Input(name, ()) for name in names], run=lambda _, feeds: decoded(feeds)
    )
    network = Network(encoder, decoder, SimpleNamespace(**about))
    speaker = np.zeros((1, 2), np.float32)
    plan = network.plan(Tokens([1] * N_TOKENS, [0] * N_TOKENS), Manner("en-US", speaker, 1.0, 3))
    expected = [wave.tolist() for wave in network.sound(plan)]
    found = javascript(
        DECODE
        + """
        const { Network } = await import("./runtime/network.js");
        const encoded = { data: new Float32Array(2 * given.logs.length), dims: [1, given.logs.length, 2] };
        const encode = () => ({ encoded, log_durations: { data: Float32Array.from(given.logs) } });
        const [encoder, decoder] = [{ inputNames: ["tokens"] }, { inputNames: given.names }];
        const run = async (session, feeds) => (session === decoder ? decode(feeds) : encode());
        const network = new Network(encoder, decoder, { voice: given.about, windows: given.sizes }, run);
        const tokens = { ids: given.logs.map(() => 1), stress: given.logs.map(() => 0) };
        const manner = { languageId: 1, speaker: new Float32Array(2), speed: 1, seed: 3 };
        const result = [];
        for await (const wave of network.sound(await network.plan(tokens, manner))) result.push(Array.from(wave));
        """,
        names=names,
        about=about,
        logs=logs[0].tolist(),
        sizes={"first": FIRST_FRAMES, "next": NEXT_FRAMES, "least": LEAST_FRAMES},
        hop=HOP,
        latent=LATENT,
    )
    assert [len(wave) for wave in found] == [len(wave) for wave in expected] and len(found) > 2
    for wave, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(wave, wanted, atol=1e-5)


def test_tokens_and_their_frames_in_both_layouts():
    phonemes = "ðə kwˈɪk, bɹˌaʊn… ɡˈɡ ☃fɑks"
    tokens = encode(phonemes)
    laid = {layout: laid_out(*tokens, layout) for layout in ("compact", "spread")}
    durations = {layout: list(range(1, 1 + len(ids.ids))) for layout, ids in laid.items()}
    found = javascript(
        """
        const { Symbols } = await import("./text/symbols.js");
        const { framesOfTokens } = await import("./runtime/sounds.js");
        const symbols = new Symbols(given.symbols, given.marks);
        const tokens = symbols.encode(given.phonemes);
        const laid = ["compact", "spread"].map((layout) => symbols.laidOut(tokens, layout));
        const frames = ["compact", "spread"].map((layout) => framesOfTokens(tokens, given.durations[layout], layout));
        const lost = symbols.unknown(given.phonemes);
        const result = { laid: laid.map(({ ids, stress }) => [ids, stress]), frames, lost };
        """,
        symbols=SYMBOLS,
        marks=STRESS_MARKS,
        phonemes=phonemes,
        durations=durations,
    )
    assert found["laid"] == [list(map(list, laid[layout])) for layout in ("compact", "spread")]
    assert found["frames"] == [frames_a_token(tokens, durations[layout], layout) for layout in ("compact", "spread")]
    assert found["lost"] == ["☃"]


def test_a_sound_file_has_the_samples(tmp_path):
    import soundfile

    samples = [0.0, 0.5, -1.0, 1.0, 0.001]
    found = javascript(
        """
        const { wavFile } = await import("./page/wav.js");
        const result = Array.from(new Uint8Array(await wavFile(Float32Array.from(given.samples), 22050).arrayBuffer()));
        """,
        samples=samples,
    )
    (tmp_path / "one.wav").write_bytes(bytes(found))
    read, rate = soundfile.read(tmp_path / "one.wav")
    assert rate == 22050
    np.testing.assert_allclose(read, samples, atol=2**-15)

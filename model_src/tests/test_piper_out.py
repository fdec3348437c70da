import dataclasses
import json
import unicodedata

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import SMALL_VITS
from made_voice import description, make_bundle, random_synthesizer

from voiceloom_model.config import VITS_PARTS
from voiceloom_model.eight_bits import speaking_linears
from voiceloom_model.export.espeak import Rewriting, espeak_voice, rewriting
from voiceloom_model.export.piper import PiperVoice, export_piper
from voiceloom_model.export.piper_graph import Manner, PiperGraph
from voiceloom_model.nn.sound import draw_excitation
from voiceloom_model.nn.source import PIECES
from voiceloom_model.nn.text import whole_durations
from voiceloom_model.runtime import Voice
from voiceloom_model.runtime.bundle import DESCRIPTION, write_sums
from voiceloom_model.text import SYMBOLS, encode, language_id, phonemize
from voiceloom_model.text.layout import laid_out
from voiceloom_model.text.symbols import END_ID, PAD_ID, START_ID

IDS = {symbol: index for symbol, index in SYMBOLS.items() if len(symbol) == 1}
NAMES = {index: symbol for symbol, index in IDS.items()}
#: What an American, a British, a German … front end writes; none of them has all of what espeak-ng writes.
ENGLISH = " !,.:;?abdefhijklmnopstuvwzæðŋɐɑɔəɛɜɡɪɹɾʃʊʌʒˈˌθᵻ…"
BRITISH = " ,.?aabdefhijklmnopstuvwzðŋɐɑɒɔəɛɜɡɪɹʃʊʌʒˈˌːθ"
GERMAN = " ,.abcdefhijklmnopstuvxyzøœŋɐɔəɛɡɪʁʃʊʏˈˌː\u0327"
FRENCH = " ,.abdefijklmnopstuvwyzøŋœɑɔəɛɡɥɲʁʃʒ\u0303"
ITALIAN = " ,.abdefijklmnopstuvwzŋɔɛɡɲʃʎʒrˈ"


def client_ids(phonemes):
    """The ids that a Piper client makes of phonemes."""
    ids = [START_ID, PAD_ID]
    for symbol in unicodedata.normalize("NFD", phonemes):
        ids += [IDS[symbol], PAD_ID]
    return [*ids, END_ID]


def graph_for(rules, layout="compact", synthesizer=None):
    vectors = torch.tensor([about["embedding"] for about in description().speakers.values()])
    manner = Manner(speakers=vectors, language=1, layout=layout, noise_scale=0.5, duration_noise_scale=0.5)
    return PiperGraph(synthesizer or random_synthesizer(), rules, manner)


def read(graph, phonemes):
    ids = client_ids(phonemes)
    tokens, stress, places = graph.tokens(torch.tensor([ids]), torch.tensor([len(ids)]))
    return tokens[0].tolist(), stress[0].tolist(), places[0].tolist()


def written(graph, phonemes):
    tokens, stress, _ = read(graph, phonemes)
    marks = ("", "ˈ", "ˌ")
    return "".join(f"{marks[level]}{NAMES[token]}" for token, level in zip(tokens, stress, strict=True))


@pytest.mark.parametrize(
    ("voice", "heard", "theirs", "ours"),
    [
        ("en-us", ENGLISH, "bˈɜːd ˈʌðɚ", "bˈɜɹd ˈʌðəɹ"),
        ("en-us", ENGLISH, "fˈɜːɹi ˈʌðɚɹ", "fˈɜɹi ˈʌðəɹ"),
        ("en-us", ENGLISH, "ɐbˈaʊt ɐ bˈʌʔn̩", "əbˈaʊt ɐ bˈʌtən"),
        ("en-us", ENGLISH, "mˈoːɹ lˈɒx ɡˈoʊ", "mˈɔɹ lˈɔk ɡˈoʊ"),
        ("en-us", ENGLISH, "ˈiʲˌəɹ, jˈɛs!", "ˈiˌəɹ, jˈɛs!"),
        ("en-us", ENGLISH, "jˈɛs,nˈoʊ,", "jˈɛs, nˈoʊ,"),  # sherpa-onnx 2 leaves the space out
        ("en-us", ENGLISH, "jˈɛs.$^nˈoʊ.", "jˈɛs. nˈoʊ."),  # and may give two sentences at once
        ("en-gb-x-rp", BRITISH, "kˈæt ðeə ɐ hˈapɪ.", "kˈat ðɛː ɐ hˈapi."),
        ("de", GERMAN, "ɡˈaɾtən frˈɔømdɜ jˈɑː", "ɡˈaʁtən fʁˈɔʏmdɐ jˈaː"),
        ("fr", FRENCH, "ʒə- pyˈi plˈɛ", "ʒə pɥi plɛ"),
        ("it", ITALIAN, "ɲˈokːɪ vorɾˈɛi bˈiʲaŋko", "ɲˈokki vorrˈɛi bˈjaŋko"),
    ],
)
def test_what_espeak_writes_becomes_what_was_heard(voice, heard, theirs, ours):
    assert written(graph_for(rewriting(voice, heard)), theirs) == f"^{ours}$"


GRAPHS = {
    voice: graph_for(rewriting(voice, heard)) for voice, heard in (("en-us", ENGLISH), ("fr", FRENCH), ("xx", "abe ."))
}


@given(st.text(st.sampled_from(sorted(IDS.keys() - set("_^$"))), max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_symbol_reaches_a_voice_that_never_heard_it(phonemes):
    for voice, heard in (("en-us", ENGLISH), ("fr", FRENCH), ("xx", "abe .")):
        tokens, stress, places = read(GRAPHS[voice], phonemes)
        assert {NAMES[token] for token in tokens} <= {*heard, "^", "$"}
        assert "ˈ" in heard or not any(stress)
        assert places == sorted(places) and len(places) == len(tokens)
        assert (tokens[0], tokens[-1]) == (START_ID, END_ID)


@pytest.mark.parametrize(("tag", "voice"), [("en-US", "en-us"), ("en-GB", "en-gb-x-rp")])
@pytest.mark.parametrize("layout", ["compact", "spread"])
def test_our_own_phonemes_come_through_as_they_are(tag, voice, layout):
    phonemes = phonemize("Near the furious bird, a teacher stirred more tea; who knew? About a dollar's worth!", tag)
    tokens, stress, _ = read(graph_for(rewriting(voice, set(phonemes)), layout), phonemes)
    assert (tokens, stress) == tuple(laid_out(*encode(phonemes), layout))


def test_ids_beyond_the_length_are_padding():
    graph = graph_for(rewriting("en-us", ENGLISH))
    ids = client_ids("jˈɛs")
    padded = torch.tensor([[*ids, *ids]])
    tokens, _, _ = graph.tokens(padded, torch.tensor([len(ids)]))
    assert tokens[0].tolist() == read(graph, "jˈɛs")[0]


@pytest.mark.parametrize("language", ["en-US", "en-GB", "de", "es"])
def test_espeak_then_reads_nearly_as_our_front_end_does(language):
    """Phoneme errors, stress aside, of what the graph makes of espeak-ng's symbols against what we would have read."""
    espeak = pytest.importorskip("piper.phonemize_espeak").EspeakPhonemizer()
    from rapidfuzz.distance import Levenshtein

    texts = SENTENCES[language.split("-")[0]]
    ours = [phonemize(text, language) for text in texts]
    voice = espeak_voice(language, {}, set("".join(ours)))
    errors = {}
    same = Rewriting({symbol: symbol for symbol in IDS}, {})
    for name, rules in (("as they are", same), ("rewritten", rewriting(voice, set("".join(ours))))):
        graph = graph_for(rules)
        theirs = [
            token for text in texts for sentence in espeak.phonemize(voice, text) for token in _ids(graph, sentence)
        ]
        expected = [token for phonemes in ours for token in encode(phonemes).ids if token not in _SILENT]
        errors[name] = Levenshtein.distance(theirs, expected) / len(expected)
    assert errors["rewritten"] < 0.1 and errors["rewritten"] < 0.9 * errors["as they are"]


_SILENT = {START_ID, END_ID, SYMBOLS[" "]}


def _ids(graph, sentence):
    return [token for token in read(graph, "".join(sentence))[0] if token not in _SILENT]


SENTENCES = {
    "en": [
        "The bird stirred in the early morning, near four poor teachers.",
        "She folded the letter twice and slipped it under the door.",
        "A small boat drifted slowly past the quiet harbour.",
        "The children laughed until the teacher began to laugh as well.",
    ],
    "de": [
        "Die Blumen stehen schön im Garten, und ich möchte morgen früh kommen.",
        "Der Lehrer erklärt den Kindern die Aufgabe.",
        "Heute Abend fahren wir mit dem Fahrrad zum Bahnhof.",
    ],
    "es": [
        "Quiero una taza de café y un vaso de agua, por favor.",
        "Mi hermana vive en una casa cerca del río.",
        "Las llaves están encima de la mesa.",
    ],
}


def spoken_by_pytorch(synthesizer, phonemes, layout, speaker, length=1.0):
    """What the network says without noise."""
    tokens = laid_out(*encode(phonemes), layout)
    ids, stress = torch.tensor([tokens.ids]), torch.tensor([tokens.stress])
    speaker = torch.tensor([speaker])
    size = synthesizer.durations.noise_size
    noise = torch.zeros(1, ids.shape[1], size) if size else None
    encoded, durations = synthesizer.encode(ids, stress, torch.tensor([language_id("en-US")]), speaker, noise)
    durations = whole_durations(durations, 1 / length)
    frames, config = int(durations.sum()), synthesizer.config
    latent, excitation = torch.zeros(1, frames, config.latent), draw_excitation(frames, config.hop_length, 0)
    return synthesizer.decode(encoded, durations, latent, speaker, 0, excitation)[0].clamp(-1, 1).numpy()


def speak(session, phonemes, scales=(0.0, 1.0, 0.0), **more):
    ids = client_ids(phonemes)
    inputs = {"input": np.asarray([ids]), "input_lengths": np.asarray([len(ids)])}
    wave, frames = session.run(None, {**inputs, "scales": np.asarray(scales, np.float32), **more})
    assert wave.shape[:3] == (1, 1, 1) and frames.shape == (1, len(ids))
    return wave[0, 0, 0], frames[0]


def still_voice(decoder="source"):
    """A voice without a breath, in which nothing is random at a noise scale of 0."""
    synthesizer = random_synthesizer(decoder=decoder)
    if decoder == "source":
        leave, sizes = synthesizer.decoder.stack.leave, (PIECES, 3, synthesizer.decoder.bins)
        leave.bias[:-1].view(sizes)[:, 2] = -60.0
        leave.weight[:-1].view(*sizes, -1)[:, 2] = 0.0
    return synthesizer


def assert_sounds_as(wave, wanted):
    """Not sample for sample: the last bit of a pitch may turn a source's phases from there on by 1/4096 of a cycle."""
    assert len(wave) == len(wanted)
    assert np.square(wave - wanted).mean() < 1e-2 * np.square(wanted).mean()


def both_american(about=None):
    about = about or description()
    return dataclasses.replace(about, speakers={n: {**s, "language": "en-US"} for n, s in about.speakers.items()})


def test_the_graph_computes_what_the_network_does(exported):
    assert_it_computes_what_the_network_does(exported, still_voice(exported.parent.name), both_american())


def test_a_voice_of_vits_parts_is_exported_as_well(tmp_path):
    synthesizer = random_synthesizer(**VITS_PARTS, vits=SMALL_VITS)
    about = dataclasses.replace(both_american(), layout="spread", latent=synthesizer.config.latent)
    assert_it_computes_what_the_network_does(export_piper(synthesizer, about, ENGLISH, tmp_path), synthesizer, about)


def assert_it_computes_what_the_network_does(path, synthesizer, about):
    session = onnxruntime.InferenceSession(path)
    for phonemes, speaker, length in (("jˈɛs.", 0, 1.0), ("ðə kwˈɪk bɹˈaʊn fˈɑks, ænd mˌɔɹ ʌv ðˈæt.", 1, 1.3)):
        vector = list(about.speakers.values())[speaker]["embedding"]
        wave, frames = speak(session, phonemes, (0, length, 0), sid=np.asarray([speaker]))
        wanted = spoken_by_pytorch(synthesizer, phonemes, about.layout, vector, length)
        assert_sounds_as(wave, wanted)
        if synthesizer.config.decoder != "source":
            np.testing.assert_allclose(wave, wanted, atol=1e-4)
        assert frames.sum() * synthesizer.config.hop_length == len(wave)


@pytest.mark.slow
def test_without_noise_it_is_our_runtimes_voice(tmp_path):
    folder = make_bundle(tmp_path / "voice", decoder="istft")
    silent = dataclasses.replace(description("istft"), noise_scale=0.0)
    (folder / DESCRIPTION).write_text(silent.to_json(), encoding="utf-8")
    write_sums(folder)
    voice = Voice.load(folder, precision="fp32")
    text = "Nobody noticed that the museum had closed early."
    path = export_piper(random_synthesizer(decoder="istft"), description(), ENGLISH, tmp_path / "piper")
    again = export_piper(random_synthesizer(decoder="istft"), description(), ENGLISH, tmp_path / "again")
    assert again.read_bytes() == path.read_bytes()
    wave, _ = speak(onnxruntime.InferenceSession(path), phonemize(text, "en-US"))
    np.testing.assert_allclose(wave, voice.say(text), atol=1e-4)


@pytest.fixture(scope="module", params=["source", "istft"])
def exported(request, tmp_path_factory):
    """A still voice with two speakers, of one decoder, then of another."""
    folder = tmp_path_factory.mktemp("piper") / request.param
    return export_piper(still_voice(request.param), both_american(), ENGLISH, folder)


def test_a_breath_is_new_every_time_and_as_loud_as_the_networks(tmp_path):
    synthesizer, about = random_synthesizer(), both_american()
    session = onnxruntime.InferenceSession(export_piper(synthesizer, about, ENGLISH, tmp_path))
    waves = [speak(session, "jˈɛs, ðˈæt.", sid=np.asarray([0]))[0] for _ in range(2)]
    assert not np.array_equal(*waves)
    network, still = (
        spoken_by_pytorch(voice, "jˈɛs, ðˈæt.", "compact", about.speakers["ada"]["embedding"])
        for voice in (synthesizer, still_voice())
    )
    breaths = [wave - still for wave in (*waves, network)]
    np.testing.assert_allclose([breath.std() for breath in breaths[:2]], breaths[2].std(), rtol=0.1)
    assert abs(np.corrcoef(breaths)[0, 1]) < 0.1


def test_piper_tts_speaks_it(exported):
    piper = pytest.importorskip("piper")
    voice = piper.PiperVoice.load(exported)

    def say(**options):
        options = piper.SynthesisConfig(**{"noise_scale": 0.0, "normalize_audio": False, **options})
        (chunk,) = voice.synthesize("The bird stirred more tea.", options, include_alignments=True)
        assert np.isfinite(chunk.audio_float_array).all() and chunk.audio_float_array.std() > 0
        return chunk

    once = say()
    assert once.sample_rate == 16000
    assert 1.7 < len(say(length_scale=2.0).audio_float_array) / len(once.audio_float_array) < 2.3
    assert not np.array_equal(say(speaker_id=1).audio_float_array, once.audio_float_array)
    np.testing.assert_array_equal(say(speaker_id=0).audio_float_array, say().audio_float_array)
    noisy = [say(noise_scale=None).audio_float_array for _ in range(2)]
    assert not np.array_equal(*noisy), "the noise is inside and new every time"
    timed = {one.phoneme: one.num_samples for one in once.phoneme_alignments}
    assert timed["ɚ" if "ɚ" in timed else "i"] > 0 and timed["ˈ"] == 0
    assert sum(one.num_samples for one in once.phoneme_alignments) == len(once.audio_float_array)


def test_sherpa_onnx_speaks_it(exported):
    """It is given phonemes: ours will do, which needs no espeak-ng at all."""
    sherpa_onnx = pytest.importorskip("sherpa_onnx")
    files = sherpa_onnx.OfflineTtsVitsModelConfig(
        model=str(exported), tokens=str(exported.with_name("tokens.txt")), noise_scale=0.0
    )
    model = sherpa_onnx.OfflineTtsModelConfig(vits=files, num_threads=1)
    voice = sherpa_onnx.OfflineTts(sherpa_onnx.OfflineTtsConfig(model=model))
    phonemes = phonemize("The bird stirred, yes?", "en-US")

    def say(sid=0, speed=1.0):
        request = sherpa_onnx.GenerationConfig()
        request.sid, request.speed, request.phoneme_codepoints = sid, speed, [[ord(one) for one in phonemes]]
        made = voice.generate("", request)
        assert made.sample_rate == 16000 and np.isfinite(made.samples).all()
        return np.asarray(made.samples)

    once = say()
    expected, _ = speak(onnxruntime.InferenceSession(exported), phonemes, sid=np.asarray([0]))
    assert_sounds_as(once, expected)
    assert 1.7 < len(once) / len(say(speed=2.0)) < 2.3
    assert voice.num_speakers == 2 and not np.array_equal(say(sid=1), once)


def test_the_json_says_what_clients_ask_for(exported):
    about = json.loads(exported.with_name(f"{exported.name}.json").read_text(encoding="utf-8"))
    assert exported.name == "en_US-ada-low.onnx"
    assert about["espeak"] == {"voice": "en-us"} and about["phoneme_type"] == "espeak"
    assert about["audio"] == {"sample_rate": 16000, "quality": "low"} and about["hop_length"] == 256
    assert about["speaker_id_map"] == {"ada": 0, "bert": 1} and about["num_speakers"] == 2
    assert about["language"]["code"] == "en_US" and about["dataset"] == "en_US-ada-low"
    assert about["licences"] == ["CC0-1.0"] and about["consent_ids"] == ["made-up"]
    default = pytest.importorskip("piper.phoneme_ids").DEFAULT_PHONEME_ID_MAP
    assert about["phoneme_id_map"] == {symbol: ids for symbol, ids in default.items() if len(symbol) == 1}
    lines = exported.with_name("tokens.txt").read_text(encoding="utf-8").splitlines()
    assert [about["phoneme_id_map"][line[0]] for line in lines] == [[int(line[2:])] for line in lines]
    props = {entry.key: entry.value for entry in onnx.load(exported).metadata_props}
    assert props["comment"] == "piper" and props["n_speakers"] == "2" and props["voice"] == "en-us"


def test_pipers_own_noise_is_the_noise_of_the_voice():
    """Clients that never read the JSON send 0.667: that has to be what the voice was tuned to."""
    synthesizer = random_synthesizer()
    graph = graph_for(rewriting("en-us", ENGLISH), synthesizer=synthesizer)
    ids = client_ids("jˈɛs.")
    inputs = [torch.tensor([ids]), torch.tensor([len(ids)])]
    given = []
    decode = synthesizer.decode
    synthesizer.decode = lambda *inputs: given.extend((inputs[2], inputs[5].breath)) or decode(*inputs)
    graph(*inputs, torch.tensor([0.667, 20.0, 0.8]))
    noise, breath = given
    assert noise.numel() > 5000 and abs(float(noise.std()) - 0.5) < 0.03
    assert breath.shape == (1, noise.shape[1] * synthesizer.config.hop_length)
    assert abs(float(breath.std()) - 1) < 0.03, "a breath is no choice of a client's"


@pytest.mark.slow
def test_eight_bits_make_it_smaller_and_change_it_little(tmp_path, exported):
    synthesizer = still_voice(exported.parent.name)
    linears = {name: linear.weight.numpy() for name, linear in speaking_linears(synthesizer).items()}
    small = export_piper(synthesizer, both_american(), ENGLISH, tmp_path, eight_bit=linears)
    assert small.stat().st_size < 0.9 * exported.stat().st_size
    assert "MatMulInteger" in {node.op_type for node in onnx.load(small).graph.node}
    speaker = {"sid": np.asarray([1])}
    waves = [speak(onnxruntime.InferenceSession(path), "jˈɛs, ðˈæt.", **speaker)[0] for path in (exported, small)]
    assert abs(len(waves[0]) - len(waves[1])) < 0.2 * len(waves[0])
    assert len(onnx.load(small).metadata_props) == len(onnx.load(exported).metadata_props)


def test_a_voice_speaks_the_language_asked_for_with_its_speakers(tmp_path):
    about = description()
    assert PiperVoice(about, "fr", "fr").speakers == ["ada", "bert"], "everyone where it is nobody's own"
    path = export_piper(random_synthesizer(), about, BRITISH, tmp_path, language="en-GB")
    assert path.name == "en_GB-bert-low.onnx"
    assert [entry.name for entry in onnx.load(path).graph.input] == ["input", "input_lengths", "scales"]


@pytest.mark.parametrize(
    ("language", "name", "heard", "why"),
    [
        ("zh", "mandarin", "an1234 ", "trained on tones"),
        ("ja", "haqumei", "a↑↓ ", "trained on tones"),
        ("sw", "characters", "abc ", "it reads letters"),
        ("ko", "korean", "abc ", "no voice of espeak-ng is known to read as its front end does"),
    ],
)
def test_phonemes_that_espeak_cannot_give_are_refused(tmp_path, language, name, heard, why):
    about = dataclasses.replace(description(), front_ends={language: {"name": name}}, languages=[language])
    with pytest.raises(ValueError, match=f"{language} cannot be spoken by clients of Piper voices: .*{why}"):
        export_piper(random_synthesizer(), about, heard, tmp_path / "piper", language=language)
    assert not (tmp_path / "piper").exists()


def test_a_voice_trained_on_espeak_itself_is_spoken_by_the_same_voice_of_it():
    identity = {"name": "espeak", "version": "espeak-ng 1.51 cmn + 1", "data": ""}
    assert espeak_voice("zh", identity, "an1234") == "cmn"

import json
import shutil
import subprocess
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.ingest.readers import audacity, festvox, labels, read_corpus, subtitles, textgrid
from tasks.ingest.readers.exported import ExportedSegment, restore
from tasks.ingest.readers.source import Segment


@pytest.fixture
def corpus(tmp_path):
    """corpus(path=content, ...) writes files below one folder; recordings need no more than a byte here."""

    def write(files):
        for name, content in files.items():
            path = tmp_path / "corpus" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "corpus"

    return write


def by_id(reader, folder, language="en-US"):
    return {source.id: source for source in reader.read(folder, language)}


def said(source):
    return [(label.start_s, label.end_s, label.text) for label in source.segments]


def reasons(sources):
    return {name: source.problem.reason for name, source in sources.items() if source.problem}


# Audacity

TRACK = (
    "0.500000\t1.500000\tHello there.\n"
    "\\\t100.000000\t8000.000000\n"
    "1.750000\t1.750000\ta marker\n"
    "2.000000\t3.000000\t\n"
    "3,250000\t4,000000\tGuten Tag\n"
    "\\\t-1.000000\t4000.500000\n"
)


def test_an_audacity_track_gives_regions_with_text_and_frequencies(corpus):
    folder = corpus({"a.wav": "x", "a.txt": "\ufeff" + TRACK.replace("\n", "\r\n")})
    assert audacity.matches(folder)
    source = by_id(audacity, folder)["a"]
    assert (source.text, source.text_kind, source.problem) == (None, "segments", None)
    assert source.segments == (
        Segment(0.5, 1.5, "Hello there.", low_hz=100.0, high_hz=8000.0),
        Segment(3.25, 4.0, "Guten Tag", high_hz=4000.5),
    )


def test_one_bad_audacity_label_is_set_apart_and_the_recording_survives(corpus):
    lines = ["0.5\t1.5\tgood", "3.4\t1.2\tends early", "-1.0\t2.0\tnegative", "5\t9999999\tendless", "no label"]
    lines = [*(line.encode() for line in lines), b"6.0\t7.0\tnot \xe9 UTF-8", b"7.0\t8.0\tgood too"]
    sources = by_id(audacity, corpus({"d/a.flac": "x", "d/a.txt": b"\n".join(lines)}))
    assert said(sources["d/a"]) == [(0.5, 1.5, "good"), (7.0, 8.0, "good too")]
    assert reasons(sources) == {
        **{f"d/a/label-{line}": "bad_label" for line in (2, 3, 4, 5)},
        "d/a/label-6": "bad_text",
    }
    bad = sources["d/a/label-2"]
    assert bad.problem.message == "line 2: the label ends at 1.20 s, before it starts at 3.40 s"
    assert (bad.text, bad.path) == ("ends early", sources["d/a"].path)


def test_sidecar_transcripts_are_no_audacity_tracks(corpus):
    folder = corpus({"a.wav": "x", "a.txt": "Hello there.\n", "b.wav": "x", "b.txt": "2 4\tfour\n"})
    assert not audacity.matches(folder)
    assert not audacity.matches(corpus({"c.txt": ""}))


def test_audacity_tracks_named_for_speakers_and_those_without_recording(corpus):
    files = {"talk.mp3": "x", "talk.ann.labels.txt": "1\t2\tone\n", "talk.bob.labels.txt": "0\t1\tzero\n3\t2\tx\n"}
    files |= {"talk.txt": "A transcript.", "b.wav": "x", "b.labels.txt": "0\t1\tb\n", "gone.txt": "0\t1\tlost\n"}
    sources = by_id(audacity, corpus({**files, "README.txt": "About this corpus.", "plain.wav": "x"}))
    assert [(label.text, label.speaker) for label in sources["talk"].segments] == [("zero", "bob"), ("one", "ann")]
    assert reasons(sources) == {"talk/bob-label-2": "bad_label"}
    assert said(sources["b"]) == [(0.0, 1.0, "b")]
    assert sources["gone"].path is None
    assert (sources["plain"].text, sources["plain"].text_kind) == (None, "transcript")
    assert "README" not in sources


def test_corrected_audacity_labels_keep_ids_speakers_and_exact_times(corpus):
    segments = [
        {"id": "00000100", "start_s": 0.1000000004, "end_s": 1.0, "speaker": None, "text": "one\u00a0word"},
        {"id": "00001000", "start_s": 1.0, "end_s": 2.0, "speaker": "bob", "text": "two", "dnsmos": 3.1},
        {"id": "00002000", "start_s": 2.0, "end_s": 3.0, "speaker": None, "text": "three"},
    ]
    side = {"recordings": {"d/a": {"speaker": "ann", "language": "de", "licence": "CC0-1.0", "segments": segments}}}
    track = "0.100000\t1.000000\tone word\n1.200000\t2.400000\ttwo, mended\n2.400000\t2.900000\tthree\n4.0\t5.0\tnew\n"
    folder = corpus({"d/a.flac": "x", "d/a.txt": track, "voiceloom.json": json.dumps(side)})
    source = by_id(audacity, folder)["d/a"]
    assert (source.speaker, source.language) == ("ann", "de")
    assert source.segments == (
        Segment(0.1000000004, 1.0, "one\u00a0word", "00000100"),
        Segment(1.2, 2.4, "two, mended", "00001000", "bob"),
        Segment(2.4, 2.9, "three", "00002000"),
        Segment(4.0, 5.0, "new"),
    )


def test_the_only_utterance_of_a_recording_comes_back_under_the_recordings_own_id(corpus):
    side = {"recordings": {"a": {"segments": [{"id": None, "start_s": 0, "end_s": 2, "text": "all"}]}}}
    folder = corpus({"a.flac": "x", "a.txt": "0.1\t1.9\tall\n", "voiceloom.json": json.dumps(side)})
    assert by_id(audacity, folder)["a"].segments == (Segment(0.1, 1.9, "all", ""),)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"[" * 100_000, b"\xff\xfe\xfd", b'{"recordings": {"a": 1}}'])
def test_a_damaged_voiceloom_json_is_one_sentence(corpus, content):
    folder = corpus({"a.wav": "x", "a.txt": TRACK, "voiceloom.json": content})
    with pytest.raises(ValueError, match=r"voiceloom\.json") as caught:
        by_id(audacity, folder)
    assert "\n" not in str(caught.value)


@given(
    st.lists(st.tuples(st.floats(0.01, 5), st.floats(0.2, 20)), min_size=1, max_size=20),
    st.lists(st.floats(-0.4, 0.4), min_size=40, max_size=40),
)
def test_boundaries_moved_by_less_than_half_a_label_never_mix_up_ids(gaps_and_lengths, shifts):
    exported, corrected, time_s = [], [], 1.0
    for number, (gap, length) in enumerate(gaps_and_lengths):
        start, end = time_s + gap, time_s + gap + length
        exported.append(ExportedSegment(id=f"{number}", start_s=start, end_s=end, text="x"))
        moved = (start + shifts[2 * number] * length, end + shifts[2 * number + 1] * length)
        corrected.append(Segment(*moved, f"text {number}"))
        time_s = end
    # a label that no other one reaches into overlaps its own segment most
    apart = [replace(label, end_s=min(label.end_s, exported[at].end_s)) for at, label in enumerate(corrected)]
    apart = [replace(label, start_s=max(label.start_s, exported[at].start_s)) for at, label in enumerate(apart)]
    assert [label.id for label in restore(apart, exported)] == [segment.id for segment in exported]
    ids = [label.id for label in restore(corrected, exported) if label.id is not None]
    assert len(ids) == len(set(ids))


# Subtitles

SRT = """1
00:00:01,000 --> 00:00:02,500
{\\an8}<i>It was</i>
1984 &amp; cold.

2
00:00:02,000 --> 00:00:04,000
MRS. SMITH: Who's there?

3
00:00:05,000 --> 00:00:06,000
[door slams]

4
00:00:06,500 --> 00:00:07,000
♪ la la ♪

5
00:00:08,000 --> 00:00:09,000
(SIGHS) - Not I (really).
"""

VTT = """WEBVTT - a talk

STYLE
::cue { color: lime }

NOTE not a cue
of two lines

intro
00:01.000 --> 00:02.500 align:start position:0%
<v.loud Mary Ann>Hello <c.yellow>there</c>,

credits
00:00:03.000 --> 00:00:05.000
world <00:00:03.500>of <00:00:04.000>words
"""

ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour
Style: Default,Arial,twenty,&HZZ

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:03.00,0:00:04.00,Default,Bob,0,0,0,,{\\i1}Second,\\Nhe said.{\\i0}
Dialogue: 0,0:00:01.00,0:00:02.50,Default,Ann,0,0,0,,First, yes.
Dialogue: 1,0:00:01.00,0:00:02.50,Default,Ann,0,0,0,,{\\blur3}First, yes.
Comment: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,not said
Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}
Dialogue: 0,zero,0:00:06.00,Default,,0,0,0,,when?
"""


def test_srt_cues_lose_their_marks_and_what_nobody_says(corpus):
    folder = corpus({"film.mkv": "x", "film.srt": SRT})
    assert subtitles.matches(folder)
    source = by_id(subtitles, folder)["film"]
    assert source.text_kind == "segments" and source.problem is None
    assert source.segments == (
        Segment(1.0, 2.5, "It was 1984 & cold."),
        Segment(2.0, 4.0, "Who's there?", speaker="Mrs. Smith"),
        Segment(8.0, 9.0, "Not I (really)."),
    )


def test_vtt_notes_and_names_are_no_text_and_voices_are_speakers(corpus):
    source = by_id(subtitles, corpus({"talk.mp3": "x", "talk.vtt": VTT}))["talk"]
    assert source.segments == (
        Segment(1.0, 2.5, "Hello there,", speaker="Mary Ann"),
        Segment(3.0, 5.0, "world of words"),
    )


def test_ass_events_come_in_order_once_with_their_speakers(corpus):
    sources = by_id(subtitles, corpus({"film.mp4": "x", "film.ass": ASS}))
    assert sources["film"].segments == (
        Segment(1.0, 2.5, "First, yes.", speaker="Ann"),
        Segment(3.0, 4.0, "Second, he said.", speaker="Bob"),
    )
    assert reasons(sources) == {"film/label-15": "bad_label"}


def test_one_bad_cue_is_set_apart(corpus):
    cues = "00:00:05,000 --> 00:00:03,000\nback\n\n2\n00:00:xx,000 --> 00:00:09,000\nwhen\n\n"
    cues += "3\n00:00:10,000 --> 00:00:11,000\nfine\n\n-00:00:01,000 --> 00:00:12,000\nbefore\n"
    sources = by_id(subtitles, corpus({"a.wav": "x", "a.srt": cues}))
    assert said(sources["a"]) == [(10.0, 11.0, "fine")]
    assert reasons(sources) == {f"a/label-{line}": "bad_label" for line in (1, 5, 12)}
    assert sources["a/label-1"].problem.message.startswith("line 1: the label ends at 3.00 s, before it starts")


def test_lines_join_without_space_where_words_do(corpus):
    cue = "00:00:01.000 --> 00:00:02.000\n今日は\nいい天気です。\n"
    folder = corpus({"a.wav": "x", "a.vtt": f"WEBVTT\n\n{cue}"})
    assert said(by_id(subtitles, folder, "ja")["a"]) == [(1.0, 2.0, "今日はいい天気です。")]


@pytest.mark.parametrize(
    ("names", "language", "chosen"),
    [
        (["a.srt", "a.de.srt", "a.en.srt"], "en-US", "a.en.srt"),
        (["a.srt", "a.ger.srt"], "en-US", "a.srt"),
        (["a.es-ES.srt", "a.es-MX.sdh.srt", "a.es.srt"], "es-MX", "a.es-MX.sdh.srt"),
        (["a.en.forced.srt", "a.eng.vtt"], "en", "a.eng.vtt"),
        (["a.de.srt", "a.en.forced.srt"], "en", None),
    ],
)
def test_subtitles_in_the_language_that_is_spoken_are_chosen(corpus, names, language, chosen):
    cue = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"
    source = by_id(subtitles, corpus({"a.mp4": "x", **{name: cue.format(name) for name in names}}), language)["a"]
    assert [label.text for label in source.segments] == ([chosen] if chosen else [])
    assert (source.problem is None) == bool(chosen)


def test_subtitles_and_recordings_find_each_other_by_name_alone(corpus):
    cue = "1\n00:00:01,000 --> 00:00:02,000\n{}\n"
    files = {"s1.e1.mkv": "x", "s1.e2.mkv": "x", "s1.e2.en.srt": cue.format("two"), "other.srt": cue.format("lost")}
    sources = by_id(subtitles, corpus(files))
    assert said(sources["s1.e2"]) == [(1.0, 2.0, "two")]
    assert (sources["s1.e1"].segments, sources["s1.e1"].text) == ((), None)
    assert sources["other"].path is None


# Praat


def grid(tiers, short=False):
    """A TextGrid as Praat writes it: tiers as (name, [(start, end, text)])."""
    end = max(interval[1] for _, intervals in tiers for interval in intervals)
    marks = [] if short else ["xmin = ", "xmax = ", "text = ", "class = ", "name = "]
    xmin, xmax, text, kind, name = marks or [""] * 5
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", f"{xmin}0 ", f"{xmax}{end} "]
    lines += [f"{'' if short else 'tiers? '}<exists> ", f"{'' if short else 'size = '}{len(tiers)} "]
    lines += [] if short else ["item []: "]
    for number, (tier, intervals) in enumerate(tiers, 1):
        lines += [] if short else [f"    item [{number}]:"]
        lines += [f'{kind}"IntervalTier" ', f'{name}"{tier}" ', f"{xmin}0 ", f"{xmax}{end} "]
        lines += [f"{'' if short else 'intervals: size = '}{len(intervals)} "]
        for at, (start_s, end_s, words) in enumerate(intervals, 1):
            lines += [] if short else [f"        intervals [{at}]:"]
            quoted = words.replace('"', '""')
            lines += [f"            {xmin}{start_s} ", f"            {xmax}{end_s} ", f'            {text}"{quoted}" ']
    return "\n".join(lines) + "\n"


UTTERANCES = ("utterances", [(0, 0.5, ""), (0.5, 1.5, 'She said "no" !'), (1.5, 2, " "), (2, 3, "über\nzwei Zeilen")])


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_textgrids_long_and_short_in_praats_encodings(corpus, short, encoding):
    tiers = [("phones", [(0, 1, "AH0"), (1, 3, "B")]), UTTERANCES]
    folder = corpus({"a.wav": "x", "a.TextGrid": grid(tiers, short).encode(encoding)})
    assert textgrid.matches(folder)
    source = by_id(textgrid, folder)["a"]
    assert (source.text_kind, source.problem) == ("segments", None)
    assert source.segments == (Segment(0.5, 1.5, 'She said "no" !'), Segment(2.0, 3.0, "über zwei Zeilen"))


def test_aligned_words_are_joined_up_to_a_pause(corpus):
    words = [(0, 0.4, ""), (0.4, 0.8, "it"), (0.8, 1.0, "sil"), (1.0, 1.5, "rains"), (1.5, 2.0, ""), (2.0, 2.4, "so")]
    words += [(2.4, 2.6, "<unk>"), (2.6, 3.0, "what")]
    files = {"audio/ann/a.wav": "x", "aligned/ann/a.TextGrid": grid([("words", words), ("phones", [(0, 3, "AH0")])])}
    source = by_id(textgrid, corpus(files))["audio/ann/a"]
    assert said(source) == [(0.4, 1.5, "it rains"), (2.0, 2.4, "so"), (2.6, 3.0, "what")]


def test_tiers_of_several_speakers_name_them(corpus):
    ann = [(0, 1, "good"), (1, 1.1, "morning"), (1.1, 4, "")]
    bob = [(0, 2, ""), (2, 3, "hello"), (3, 4, "")]
    phones = [(0, 1, "G"), (1, 4, "M")]
    tiers = [("Ann - words", ann), ("Ann - phones", phones), ("Bob - words", bob), ("Bob - phones", phones)]
    plain = [("Ann", [(0, 1, "Good morning."), (1, 4, "")]), ("Bob", [(0, 2, ""), (2, 3, "Hello."), (3, 4, "")])]
    plain += [("gloss", [(0, 1, "Guten Morgen."), (2, 3, "Hallo.")])]
    sources = by_id(
        textgrid, corpus({"a.wav": "x", "a.TextGrid": grid(tiers), "b.wav": "x", "b.textgrid": grid(plain)})
    )
    expected = [("good morning", "Ann"), ("hello", "Bob")]
    assert [(label.text, label.speaker) for label in sources["a"].segments] == expected
    expected = [("Good morning.", "Ann"), ("Hello.", "Bob")]
    assert [(label.text, label.speaker) for label in sources["b"].segments] == expected


def test_one_bad_interval_is_set_apart(corpus):
    intervals = [(0, 1, "one"), (2, 1.5, "two"), ("--undefined--", 3, "three"), (3, 4, "four")]
    sources = by_id(textgrid, corpus({"a.wav": "x", "a.TextGrid": grid([("text", intervals)])}))
    assert said(sources["a"]) == [(0.0, 1.0, "one"), (3.0, 4.0, "four")]
    assert reasons(sources) == {"a/label-20": "bad_label", "a/label-24": "bad_label"}


def test_grids_without_recording_and_recordings_without_grid(corpus):
    folder = corpus({"a.wav": "x", "b.TextGrid": grid([UTTERANCES])})
    sources = by_id(textgrid, folder)
    assert sources["a"].path and sources["a"].text is None and sources["a"].text_kind == "transcript"
    assert sources["b"].path is None


# Festvox

VOICE = "usr/share/festival/voices/russian/msu_ru_nsh_clunits"


def test_a_festvox_voice_as_debian_packs_it(corpus):
    lines = '( ru_0001 "Она завела прядь вол+ос." )\n( ru_0002 "Он сказал: \\"да\\"." )\n\n( ru_0003 "Нет записи." )\n'
    lines += '( ru_0004 no quotes )\n( ../../../../../../../../secret "x" )\n'
    lab = "#\n0.34200 125 pau\n0.39200 125 k\n"
    files = {f"{VOICE}/etc/txt.done.data": lines, f"{VOICE}/lab/ru_0001.lab": lab, "usr/share/doc/copyright": "BSD"}
    files |= {f"{VOICE}/wav/ru_000{number}.wav": "x" for number in (1, 2, 9)}
    folder = corpus(files)
    (folder.parent / "secret.wav").write_bytes(b"x")
    assert festvox.matches(folder)
    sources = by_id(festvox, folder, "ru")
    assert sources["ru_0001"].text == "Она завела прядь волос."
    assert sources["ru_0002"].text == 'Он сказал: "да".'
    assert sources["ru_0009"].text is None and sources["ru_0009"].path == folder / VOICE / "wav" / "ru_0009.wav"
    assert reasons(sources) == {
        "ru_0003": "missing_file",
        f"{VOICE}/etc/txt.done.data:5": "bad_line",
        "../../../../../../../../secret": "outside_corpus",
    }
    assert all(source.path is None for source in sources.values() if source.problem and "etc" not in source.id)


def test_two_festvox_voices_keep_their_names_apart(corpus):
    voices = {
        f"cmu_us_{name}_arctic/etc/txt.done.data": '( arctic_a0001 "Author of the danger trail." )' for name in "xy"
    }
    sources = by_id(festvox, corpus({**voices, "cmu_us_x_arctic/wav/arctic_a0001.wav": "x"}))
    assert sources["cmu_us_x_arctic/arctic_a0001"].path is not None
    assert reasons(sources) == {"cmu_us_y_arctic/arctic_a0001": "missing_file"}


@pytest.mark.slow
def test_the_texts_of_the_russian_festvox_package(tmp_path):
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("no apt here")
    subprocess.run(["apt-get", "download", "festvox-ru"], cwd=tmp_path, capture_output=True, check=False)
    package = next(tmp_path.glob("*.deb"), None)
    if package is None:
        pytest.skip("apt cannot bring festvox-ru")
    # the recordings lie at the end of 240 MB; their place is enough here
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
        wanted = ["tar", "-x", "-C", tmp_path, "--occurrence=1", f"./{VOICE}/etc/txt.done.data"]
        subprocess.run(wanted, stdin=archive.stdout, check=True)
        archive.kill()
    (tmp_path / VOICE / "wav").mkdir()
    for number in range(1, 1000):
        (tmp_path / VOICE / "wav" / f"ru_{number:04d}.wav").touch()
    assert festvox.matches(tmp_path)
    sources = [source for source in festvox.read(tmp_path, "ru") if source.text]
    assert len(sources) == 620 and not any(source.problem for source in sources)
    assert all(source.path and "+" not in source.text for source in sources)


AUTO = {
    "audacity": {"a.wav": "x", "a.txt": TRACK, "README.txt": "About."},
    "audacity labels": {"a.wav": "x", "a.labels.txt": TRACK, "a.txt": "A transcript."},
    "srt": {"a.mp4": "x", "a.en.srt": SRT, "a.txt": "What the film is about."},
    "vtt": {"a.mp3": "x", "a.vtt": VTT},
    "ass": {"a.mkv": "x", "a.ass": ASS},
    "textgrid": {"a.wav": "x", "a.lab": "She said no", "a.TextGrid": grid([UTTERANCES])},
}


@pytest.mark.parametrize("layout", AUTO)
def test_the_reader_is_chosen_by_what_lies_there(corpus, layout):
    sources = {source.id: source for source in read_corpus("c", corpus(AUTO[layout]), "auto", "en-US")}
    assert sources["a"].segments and sources["a"].problem is None


# What strangers may send

HOSTILE = {
    "empty": (b"", {"no_transcript", "bad_labels"}),
    "junk": (bytes(range(256)) * 200, {"bad_text", "bad_labels"}),
    "latin-1": ("0\t1\tGrüße\n".encode("latin-1"), {"bad_text", "bad_labels"}),
    "prose": (b"Call me Ishmael.\nSome years ago.\n" * 30, {"bad_labels"}),
    "arrows": (b"--> \x01 -->\n" * 30, {"bad_labels", "no_transcript"}),
    "one long line": (b"a" * 3_000_000, {"bad_text", "bad_labels", "line_too_long"}),
}
LABELS = [
    (audacity, "a.txt"),
    (subtitles, "a.srt"),
    (subtitles, "a.vtt"),
    (subtitles, "a.ass"),
    (textgrid, "a.TextGrid"),
]


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize(("reader", "name"), LABELS, ids=[name for _, name in LABELS])
def test_hostile_label_files_are_the_recordings_problem(corpus, reader, name, kind):
    content, expected = HOSTILE[kind]
    source = by_id(reader, corpus({"a.wav": "x", name: content, "b.wav": "x"}))["a"]
    assert source.problem.reason in expected and source.segments == ()
    assert "\n" not in source.problem.message and len(source.problem.message) < 300


@pytest.mark.parametrize(
    ("reader", "name", "content"),
    [
        (audacity, "a.txt", TRACK),
        (subtitles, "a.srt", SRT),
        (subtitles, "a.vtt", VTT),
        (subtitles, "a.ass", ASS),
        (textgrid, "a.TextGrid", grid([UTTERANCES])),
    ],
)
def test_a_label_file_cut_anywhere_never_stops_the_reading(corpus, reader, name, content):
    raw = content.encode()
    for length in range(0, len(raw), 7):
        for source in by_id(reader, corpus({"a.wav": "x", name: raw[:length]})).values():
            assert source.problem is None or "\n" not in source.problem.message


def test_label_files_that_lead_out_of_the_corpus_are_not_read(corpus):
    folder = corpus({"a.wav": "x", "b.wav": "x", "c.wav": "x", "c.txt": TRACK})
    secret = folder.parent / "secret"
    secret.write_text("0\t1\tsecret\n")
    (folder / "a.txt").symlink_to(secret)
    (folder / "b.srt").symlink_to("../secret")
    for reader in (audacity, subtitles):
        assert not any("secret" in label.text for source in reader.read(folder, "en") for label in source.segments)


def test_a_huge_line_takes_bounded_memory(corpus):
    huge = "0.5\t1.5\tgood\n2\t3\t" + "x" * 50_000_000 + "\n"
    folder = corpus({"a.wav": "x", "a.txt": huge})
    tracemalloc.start()
    sources = by_id(audacity, folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said(sources["a"]) == [(0.5, 1.5, "good")]
    assert reasons(sources) == {"a/label-2": "line_too_long"}
    assert peak < 10e6


def test_there_is_an_end_to_labels(corpus, monkeypatch):
    monkeypatch.setattr(audacity, "MOST_LABELS", 100)
    monkeypatch.setattr(labels, "MOST_LABELS", 100)
    sources = by_id(audacity, corpus({"a.wav": "x", "a.txt": "0.5\t1.5\tgood\n" * 101}))
    assert reasons(sources) == {"a": "too_many_labels"} and sources["a"].segments == ()


def test_a_pathological_grid_or_cue_is_read_in_linear_time(corpus):
    files = {"a.wav": "x", "a.TextGrid": '"' * 5_000_001, "b.wav": "x", "b.TextGrid": '"' + "a" * 5_000_000}
    assert reasons(by_id(textgrid, corpus(files))) == {"a": "bad_labels", "b": "bad_labels"}
    cue = "00:00:01,000 --> 00:00:02,000\n" + "<a{(" * 1_000_000
    sources = by_id(subtitles, corpus({"c.wav": "x", "c.srt": cue}))
    assert reasons(sources) == {"c": "no_transcript", "c/label-1": "bad_label"}

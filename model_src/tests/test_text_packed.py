"""hibari's tables kept as text: the same entries, the same readings, little memory."""

import gzip
import json
import subprocess
import sys
from importlib.resources import files

import pytest

from voiceloom_model.text.packed import PackedTable, packed_g2p

TEXTS = (
    "Dr. Smith's 3rd record, live at 7:30 p.m., wasn't re-recorded until 1987!",
    "The zyxterbolt frobnicated quixotically; I used to read what she read, didn't I?",
    "“Vs.” isn't a word, AN apple is; £5.20 & $1,000,000 aren't either… naïve café, co-op, U.S.A.",
    'Say [voiceloom](/vˈɔɪslˌum/) {"braces"} and \\backslashes\\.',
)
PEAK = """
import sys
peak = lambda: int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
sys.modules["scipy"] = None  # which hibari would use where it is, only to be faster
import hibari.g2p
from voiceloom_model.text.packed import packed_g2p
before = peak()
packed_g2p(False)("Good morning, everybody.")
print(peak() - before)
"""


@pytest.mark.parametrize("name", ["lexicon_us_gold", "lexicon_gb_silver"])
def test_a_packed_lexicon_has_the_entries_of_the_dict(name):
    text = gzip.decompress(files("hibari").joinpath("assets", f"{name}.json.gz").read_bytes())
    entries, packed = json.loads(text), PackedTable(text)
    assert len(packed) == len(entries)
    some = list(entries)[::7]
    assert [packed.get(key) for key in some] == [entries[key] for key in some]
    assert not [key for key in some if f"{key}\u00b7" not in entries and packed.get(f"{key}\u00b7") is not None]


def test_keys_with_quotes_braces_and_letters_of_any_script():
    entries = {'"': "a", "\\": "b", "}": {"x": -1.5, "y": 2.0}, "дом": "c", '","k":"v': "d", "": "e", "\ud800": "f"}
    packed = PackedTable(
        json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    )
    assert {key: packed.get(key) for key in entries} == entries
    assert packed.get("k") is None


@pytest.mark.parametrize("british", [False, True])
def test_every_text_is_read_as_hibari_reads_it(british):
    from hibari.g2p import G2P

    theirs, ours = G2P(british=british), packed_g2p(british)
    assert [ours(text) for text in TEXTS] == [theirs(text) for text in TEXTS]


def test_reading_english_takes_little_memory():
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, check=True, text=True)
    assert float(done.stdout) < 40  # 98 MB as dicts

"""Words of a text ↔ words heard: which heard word says which word of the text.

Both lists are compared as a whole (their longest common subsequence, bit-parallel, in rapidfuzz), split first at rare
runs of words that both have; what stays different is compared letter by letter: `foxtrot` is `fox trot`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Indel, Levenshtein

#: How many words in a row make an anchor, and the cells up to which a block is compared at once (60 MB).
_ANCHORS = (5, 3, 2)
_CELLS = 250_000_000
_LETTER_CELLS = 25_000_000
_ALIKE = 0.5


class Match(NamedTuple):
    """Of each word of a text: the `first` and `last` heard word that say it, −1 for none, and the `share` of its
    letters that was heard, 0 to 1."""

    first: np.ndarray
    last: np.ndarray
    share: np.ndarray


class _Block(NamedTuple):
    text: slice
    heard: slice


def match(text: Sequence[str], heard: Sequence[str], starts: Set[int]) -> Match:
    """Match normalised words; `starts` are the text words that begin sentences: what only one side has begins there."""
    pairs = [pair for block in _blocks(text, heard) for pair in _equal_pairs(text, heard, block)]
    found = Match(np.full(len(text), -1), np.full(len(text), -1), np.zeros(len(text)))
    t = h = 0
    for gap in _slid(_gaps(pairs, len(text), len(heard)), text, heard, starts):
        equal = gap.text.start - t
        found.first[t : t + equal] = found.last[t : t + equal] = np.arange(h, h + equal)
        found.share[t : t + equal] = 1.0
        _compare_letters(text, heard, gap, found)
        t, h = gap.text.stop, gap.heard.stop
    return found


def _blocks(text: Sequence[str], heard: Sequence[str]) -> Iterator[_Block]:
    """The whole, or what lies between anchors where it is large."""
    yield from _split(text, heard, _Block(slice(0, len(text)), slice(0, len(heard))), _ANCHORS)


def _split(text: Sequence[str], heard: Sequence[str], block: _Block, sizes: Sequence[int]) -> Iterator[_Block]:
    cells = (block.text.stop - block.text.start) * (block.heard.stop - block.heard.start)
    if not sizes:
        if cells <= _CELLS:
            yield block
        return
    if cells <= _CELLS // 100:
        yield block
        return
    t, h = block.text.start, block.heard.start
    for at_text, at_heard in [*_anchors(text, heard, block, sizes[0]), (block.text.stop, block.heard.stop)]:
        if at_text >= t and at_heard >= h:
            yield from _split(text, heard, _Block(slice(t, at_text), slice(h, at_heard)), sizes[1:])
            t, h = at_text, at_heard


def _anchors(text: Sequence[str], heard: Sequence[str], block: _Block, size: int) -> list[tuple[int, int]]:
    """Where runs of `size` words begin that both sides have exactly once, in an order that both keep."""
    there, here = _unique_runs(text, block.text, size), _unique_runs(heard, block.heard, size)
    common = sorted((there[run], here[run]) for run in there.keys() & here.keys())
    return _longest_rising(common)


def _unique_runs(words: Sequence[str], part: slice, size: int) -> dict[tuple[str, ...], int]:
    runs = [tuple(words[at : at + size]) for at in range(part.start, part.stop - size + 1)]
    counts = Counter(runs)
    return {run: part.start + at for at, run in enumerate(runs) if counts[run] == 1}


def _longest_rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of `pairs`, sorted by the first, in which the second rises too (patience sorting)."""
    tails: list[int] = []
    tops: list[int] = []
    before = [-1] * len(pairs)
    for index, (_, second) in enumerate(pairs):
        pile = bisect_left(tails, second)
        before[index] = tops[pile - 1] if pile else -1
        tails[pile : pile + 1] = [second]
        tops[pile : pile + 1] = [index]
    found = []
    index = tops[-1] if tops else -1
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]


def _equal_pairs(text: Sequence[str], heard: Sequence[str], block: _Block) -> Iterator[tuple[int, int]]:
    """(text word, heard word) of the equal words of a block, in order."""
    for step in Indel.opcodes(text[block.text], heard[block.heard]):
        if step.tag == "equal":
            t, h = block.text.start + step.src_start, block.heard.start + step.dest_start
            yield from ((t + at, h + at) for at in range(step.src_end - step.src_start))


def _gaps(pairs: Sequence[tuple[int, int]], text_end: int, heard_end: int) -> list[_Block]:
    """What lies between equal words, in order; the last one ends both lists."""
    gaps = []
    t = h = 0
    for at_text, at_heard in pairs:
        if at_text > t or at_heard > h:
            gaps.append(_Block(slice(t, at_text), slice(h, at_heard)))
        t, h = at_text + 1, at_heard + 1
    return [*gaps, _Block(slice(t, text_end), slice(h, heard_end))]


def _slid(gaps: list[_Block], text: Sequence[str], heard: Sequence[str], starts: Set[int]) -> list[_Block]:
    """Gaps moved, where equal words leave a choice, to where a sentence begins."""
    slid: list[_Block] = []
    for index, gap in enumerate(gaps):
        before = slid[-1] if slid else _Block(slice(0, 0), slice(0, 0))
        room = gap.text.start - before.text.stop
        after = gaps[index + 1].text.start - gap.text.stop if index + 1 < len(gaps) else 0
        one_sided = gap.text.start == gap.text.stop or gap.heard.start == gap.heard.stop
        slid.append(_best_place(gap, (room, after), text, heard, starts) if one_sided else gap)
    return slid


def _best_place(
    gap: _Block, room: tuple[int, int], text: Sequence[str], heard: Sequence[str], starts: Set[int]
) -> _Block:
    places = [0]
    for step, limit in ((-1, room[0]), (1, room[1])):
        for count in range(limit):
            at = step * count
            t, h = (gap.text.stop - 1, gap.heard.stop - 1) if step < 0 else (gap.text.start, gap.heard.start)
            if text[t + at] != heard[h + at]:
                break
            places.append(at + step)
    best = max(places, key=lambda at: (sum(edge + at in starts for edge in (gap.text.start, gap.text.stop)), -abs(at)))
    return _Block(*(slice(part.start + best, part.stop + best) for part in gap))


def _compare_letters(text: Sequence[str], heard: Sequence[str], gap: _Block, found: Match) -> None:
    """Match the words of a gap by their letters, where half of each one's letters agree with the other side."""
    there, here = text[gap.text], heard[gap.heard]
    letters_of_text, letters_heard = "".join(there), "".join(here)
    if not there or not here or len(letters_of_text) * len(letters_heard) > _LETTER_CELLS:
        return
    text_word, heard_word = _owners(there), _owners(here)
    equal: Counter[tuple[int, int]] = Counter()
    for step in Levenshtein.opcodes(letters_of_text, letters_heard):
        if step.tag == "equal":
            equal.update(
                zip(
                    text_word[step.src_start : step.src_end].tolist(),
                    heard_word[step.dest_start : step.dest_end].tolist(),
                    strict=True,
                )
            )
    _accept(equal, there, here, gap, found)


def _owners(words: Sequence[str]) -> np.ndarray:
    """Which word each letter of the joined words belongs to."""
    return np.repeat(np.arange(len(words)), [len(word) for word in words])


def _accept(
    equal: Counter[tuple[int, int]], there: Sequence[str], here: Sequence[str], gap: _Block, found: Match
) -> None:
    """Note the pairs in which the shorter word agrees by half, when all pairs of each word do so together."""
    agreeing = {(t, h): count for (t, h), count in equal.items() if count >= _ALIKE * min(len(there[t]), len(here[h]))}
    of_text, of_heard = Counter[int](), Counter[int]()
    for (t, h), count in agreeing.items():
        of_text[t] += count
        of_heard[h] += count
    for t, h in sorted(agreeing):
        if of_text[t] >= _ALIKE * len(there[t]) and of_heard[h] >= _ALIKE * len(here[h]):
            word, said = gap.text.start + t, gap.heard.start + h
            found.first[word] = said if found.first[word] < 0 else found.first[word]
            found.last[word] = said
            found.share[word] += agreeing[t, h] / len(there[t])

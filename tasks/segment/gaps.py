"""The gaps between the words heard: where one's sound ends and the next one's begins, and what is odd about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tasks.segment.activity import Activity, Span
from tasks.segment.sentences import ends_clause

#: A quiet moment shorter than this may be the closure of a plosive.
SURE_PAUSE_S = 0.15
_QUIET_S = 0.03
#: A piece may reach so far into a pause: a soft sound there may be speech.
_REACH_S = 0.5
#: Speech that was not written down by the recogniser, between two sentences, is neither's.
_UNWRITTEN_S = 0.25
#: A word that is quiet for this share of its time is not where it is said to be.
_SILENT_SHARE = 0.6
#: A pause one word late, and one that parts the first word of a sentence from the rest though no mark is there.
_LONG_PAUSE_S = 0.4
_STRAY_PAUSE_S, _SURELY_STRAY_PAUSE_S, _STRAY_UNSURE = 0.7, 0.8, 0.25


class Gap(NamedTuple):
    """Between two heard words: where the first's sound ends, where the second's begins, and the pause."""

    end_s: float
    start_s: float
    pause_s: float


class Places:
    """Where a recording, or a span of it, may be cut: the gaps between the heard words."""

    def __init__(self, heard: Sequence[Mapping], activity: Activity, span: Span | None = None):
        self._heard, self._activity = heard, activity
        self._span = span or (0.0, activity.duration_s)
        self._gaps: dict[tuple[int, int], Gap] = {}

    def gap(self, word: int) -> Gap:
        """The gap after a heard word (−1: before the first)."""
        return self._between(word, word + 1)

    def border(self, word: int, before: bool, after: bool) -> Gap:
        """The gap between two sentences, of which the first ends with `word`.

        A word that lies in silence is on the other side of it: the recogniser was too late, or, as more often, too
        early; so it was where a long pause comes one word late. `before`, `after`: whether the sentence has other
        words to tell it by.
        """
        left = word - 1 if before and self.silent(word) else word
        right = word + 2 if after and (self.silent(word + 1) or self._late_pause(word)) else word + 1
        return self._between(left, right)

    def _late_pause(self, word: int) -> bool:
        if word < 0 or word + 2 >= len(self._heard):
            return False
        return self.gap(word).pause_s < SURE_PAUSE_S and self.gap(word + 1).pause_s >= _LONG_PAUSE_S

    def _between(self, left: int, right: int) -> Gap:
        if (left, right) not in self._gaps:
            self._gaps[left, right] = self._measured(left, right)
        return self._gaps[left, right]

    def _measured(self, left: int, right: int) -> Gap:
        start_s = self._middle(left) if left >= 0 else self._span[0]
        end_s = self._middle(right) if right < len(self._heard) else self._span[1]
        pauses = self._activity.pauses(start_s, end_s, _QUIET_S)
        if not pauses:
            border = min(max(self._heard[max(left, 0)]["end_s"], start_s), max(start_s, end_s))
            return Gap(border, border, 0.0)
        sure = [pause for pause in pauses if pause[1] - pause[0] >= SURE_PAUSE_S]
        if len(sure) > 1 and right == left + 1 and self._activity.speech_s(sure[0][1], sure[-1][0]) >= _UNWRITTEN_S:
            return _gap(sure[0], sure[-1], sure[-1][0] - sure[0][1])
        longest = max(pauses, key=lambda pause: pause[1] - pause[0])
        return _gap(longest, longest, longest[1] - longest[0])

    def silent(self, word: int) -> bool:
        """Whether where a word is said to be there is hardly a sound."""
        if not 0 <= word < len(self._heard):
            return False
        start_s, end_s = self._heard[word]["start_s"], self._heard[word]["end_s"]
        quiet_s = sum(end - start for start, end in self._activity.pauses(start_s, end_s, _QUIET_S))
        return quiet_s >= _SILENT_SHARE * (end_s - start_s)

    def text(self, first: int, last: int) -> str:
        """What was heard from word `first` to word `last`."""
        return "".join(word["text"] for word in self._heard[first : last + 1]).strip()

    def unsure(self, first: int, last: int) -> float:
        """How unsure the recogniser was of the words `first` to `last`, 0 to 1."""
        return 1.0 - sum(word["probability"] for word in self._heard[first : last + 1]) / (last + 1 - first)

    def stray(self, word: int) -> bool:
        """Whether a word that begins a sentence was put far before the rest of it."""
        pause_s = self.gap(word).pause_s
        unsure = self.unsure(word, word) > _STRAY_UNSURE or pause_s >= _SURELY_STRAY_PAUSE_S
        return pause_s >= _STRAY_PAUSE_S and unsure and not ends_clause(self.text(word, word))

    def __len__(self) -> int:
        return len(self._heard)

    def _middle(self, word: int) -> float:
        return (self._heard[word]["start_s"] + self._heard[word]["end_s"]) / 2


def _gap(first: Span, last: Span, pause_s: float) -> Gap:
    """From inside a first pause to inside a last one, which may be the same; no further than sound may reach."""
    reach_s = (min((end - start) / 2, _REACH_S) for start, end in (first, last))
    return Gap(first[0] + next(reach_s), last[1] - next(reach_s), pause_s)

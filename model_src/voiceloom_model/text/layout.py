"""The two ways to lay out an utterance's tokens: ours, compact, and that of Piper and VITS, spread."""

from __future__ import annotations

from collections.abc import Iterable

from voiceloom_model.text.symbols import PAD_ID, STRESS_MARKS, SYMBOLS, Tokens

_MARK_IDS = {level: SYMBOLS[mark] for mark, level in STRESS_MARKS.items()}


def spread(ids: Iterable[int], stress: Iterable[int]) -> Tokens:
    """What `encode` gives, spread: stress marks as tokens before theirs, a pad between all, all stress 0.

    `^ x y $`, y stressed, becomes `^ _ x _ ˈ _ y _ $`, the sequence that a Piper voice reads.
    """
    marked = []
    for token, level in zip(ids, stress, strict=True):
        marked += [_MARK_IDS[int(level)], int(token)] if level else [int(token)]
    spread_ids = [PAD_ID] * max(2 * len(marked) - 1, 0)
    spread_ids[::2] = marked
    return Tokens(spread_ids, [0] * len(spread_ids))


def laid_out(ids: Iterable[int], stress: Iterable[int], layout: str) -> Tokens:
    """What `encode` gives, in a voice's layout: "compact" as it is, or "spread"."""
    return spread(ids, stress) if layout == "spread" else Tokens(list(ids), list(stress))

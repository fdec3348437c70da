"""Plans for recordings that their corpus labels: subtitles, label tracks, tables of segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tasks.params import SegmentParams
from tasks.segment.activity import Activity, Span
from tasks.segment.plan import Plan, name_of, wrong_length
from tasks.segment.sentences import ends_sentence, spoken_text

#: How far a label's edge may be from where its speech begins, and from a quiet moment when it cuts a word.
_MARGIN_S = 0.1
_VALLEY_S = 0.15
_QUIET_S = 0.03
#: A cue goes on with the next one's sentence when that follows so soon.
_CUE_GAP_S = 0.6
#: Labels that overlap by less meet in the middle.
_TOUCHING_S = 0.1


class Label(NamedTuple):
    """A labelled stretch, or several that are one sentence."""

    start_s: float
    end_s: float
    text: str
    id: str | None
    speaker: str | None


def plan_labels(
    segments: Sequence[Mapping],
    activity: Activity,
    segment: SegmentParams,
    split: Callable[[Label], list[Plan]] | None,
) -> list[Plan]:
    """One utterance a label; `split` cuts a label that is too long, where the words in it are known.

    What Audacity says of a label's frequencies is not looked at, and labels that hold nothing else are passed over.
    """
    labels = merged([_label(row) for row in sorted(segments, key=_order) if row["text"].strip()], segment)
    overlapping = _overlapping(labels)
    plans: list[Plan] = []
    for index, label in enumerate(labels):
        if label.end_s <= label.start_s or label.start_s >= activity.duration_s:
            where = f"{label.start_s:.2f}–{label.end_s:.2f} s of {activity.duration_s:.2f}"
            plans.append(_refused(label, "bad_label", f"the label's times are impossible: {where}"))
        elif index in overlapping:
            plans.append(_refused(label, "overlap", f"another label overlaps it at {label.start_s:.2f} s"))
        else:
            plans += _planned(label, _room(labels, index, activity), activity, segment, split)
    return plans


def _order(row: Mapping) -> tuple[float, float]:
    return row["start_s"], row["end_s"]


def _label(row: Mapping) -> Label:
    return Label(row["start_s"], row["end_s"], spoken_text(row["text"]), row["id"], row["speaker"])


def merged(labels: Sequence[Label], segment: SegmentParams) -> list[Label]:
    """Labels with cues that continue a sentence joined; what its corpus gave a name stays as it is."""
    found: list[Label] = []
    for label in labels:
        if found and _continues(found[-1], label) and label.end_s - found[-1].start_s <= segment.max_duration_s:
            before = found.pop()
            label = before._replace(end_s=label.end_s, text=f"{before.text} {label.text}")
        found.append(label)
    return found


def _continues(before: Label, label: Label) -> bool:
    if before.id or label.id or before.speaker != label.speaker or ends_sentence(before.text):
        return False
    return -_TOUCHING_S <= label.start_s - before.end_s < _CUE_GAP_S and _goes_on(label.text)


def _goes_on(text: str) -> bool:
    """Whether a text can be the middle of a sentence: it begins in lower case, or its script has no case."""
    first = next(filter(str.isalnum, text), "")
    return first == first.lower()


def _overlapping(labels: Sequence[Label]) -> set[int]:
    """The numbers of the labels that share time with another."""
    found: set[int] = set()
    reach = -1
    for index, label in enumerate(labels):
        if reach >= 0 and labels[reach].end_s - label.start_s > _TOUCHING_S and label.end_s > label.start_s:
            found |= {reach, index}
        if reach < 0 or label.end_s > labels[reach].end_s:
            reach = index
    return found


def _room(labels: Sequence[Label], index: int, activity: Activity) -> Span:
    """A label's stretch with a margin, as far as half of what lies between it and its neighbours."""
    label = labels[index]
    start_s, end_s = label.start_s - _MARGIN_S, label.end_s + _MARGIN_S
    if index:
        start_s = max(start_s, (labels[index - 1].end_s + label.start_s) / 2)
    if index + 1 < len(labels):
        end_s = min(end_s, (label.end_s + labels[index + 1].start_s) / 2)
    return _out_of_words(max(0.0, start_s), activity), _out_of_words(min(activity.duration_s, end_s), activity)


def _out_of_words(moment_s: float, activity: Activity) -> float:
    """The nearest quiet moment; the same one where there is none near."""
    pauses = activity.pauses(moment_s - _VALLEY_S, moment_s + _VALLEY_S, _QUIET_S)
    if not pauses or any(start <= moment_s <= end for start, end in pauses):
        return moment_s
    return min(((start + end) / 2 for start, end in pauses), key=lambda middle: abs(middle - moment_s))


def _planned(
    label: Label, room: Span, activity: Activity, segment: SegmentParams, split: Callable[[Label], list[Plan]] | None
) -> list[Plan]:
    span = activity.trim(*room, segment.padding_s)
    if span is None:
        return [_refused(label, "no_speech", f"no speech in {room[0]:.2f}–{room[1]:.2f} s")]
    wrong = wrong_length(span, segment)
    if wrong and wrong[0] == "too_long" and split and (parts := split(label._replace(start_s=room[0], end_s=room[1]))):
        return [_part(part, label, number) for number, part in enumerate(parts, 1)]
    reason, message = wrong or (None, None)
    return [Plan(*span, label.id or name_of(span[0]), label.text, label.speaker, reason, message)]


def _part(plan: Plan, label: Label, number: int) -> Plan:
    """A part of a label, named after it where it has a name."""
    return plan._replace(id=f"{label.id}-{number}" if label.id else plan.id, speaker=label.speaker)


def _refused(label: Label, reason: str, message: str) -> Plan:
    name = label.id or name_of(max(0.0, label.start_s))
    return Plan(label.start_s, label.end_s, name, label.text, label.speaker, reason, message)

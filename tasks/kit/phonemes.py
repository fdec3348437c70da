"""Phonemes that travel: what every text of the utterances was read as, so that no dictionary has to travel too.

There they fill the row store of `features`, under the keys that it would give them; the front ends' identities are
the recorded ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.features.measure import measure
from tasks.features.steps import PHONEMES_ROW, Keyed, phonemes_step
from tasks.kit.contents import FRONT_ENDS as IDENTITIES
from tasks.kit.contents import PHONEMES
from tasks.params import FeaturesParams
from tasks.rowstore import Failure, Outcome
from voiceloom_model.text import Lexicon, choice_for
from voiceloom_model.text.front_ends import CHOICES, FRONT_ENDS, front_end_of
from voiceloom_model.text.reading import FrontEnd, Reading

READ = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("text", "language", "reason", "message")),
        pa.field("rows", pa.list_(pa.struct(list(PHONEMES_ROW)))),
    ]
)


def record(data: Path, said: Iterable[tuple[str, str]], features: FeaturesParams, kit: Path) -> None:
    """Write what is said (texts with their languages) with its phonemes, and the front ends' identities, into a kit.

    What of the utterances in `data` is not read yet is read first.
    """
    keyed = phonemes_step(Lexicon.load(data / "lexicon.tsv"), features.front_ends)
    store = measure(data / "utterances", keyed).store
    said = sorted(set(said))
    keys = [keyed.key_of(*one) for one in said]
    outcomes = store.get(keys)
    rows = [_row(*one, outcomes[key]) for one, key in zip(said, keys, strict=True)]
    table = pa.Table.from_pylist(rows, schema=READ)
    pq.write_table(table, kit / PHONEMES, compression="zstd", compression_level=19)
    identities = {
        language: front_end_of(language, choice_for(language, features.front_ends)).identity()
        for language in sorted({language for _, language in said})
    }
    (kit / IDENTITIES).write_text(json.dumps(identities, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def fill(kit: Path, lexicon: Path, features: FeaturesParams) -> None:
    """Take a kit's phonemes into the row store of `features`, for this process to find."""
    identities = json.loads((kit / IDENTITIES).read_text(encoding="utf-8"))
    for language, identity in identities.items():
        choice = choice_for(language, features.front_ends)
        recorded = FrontEnd(partial(_not_recorded, language), partial(dict, identity))
        if choice is None:
            FRONT_ENDS[language.lower()] = recorded
        else:
            CHOICES[choice] = partial(_of_language, {**identities})
    keyed = phonemes_step(Lexicon.load(lexicon), features.front_ends)
    store = keyed.step.store()
    outcomes = [_outcome(row, keyed) for row in pq.read_table(kit / PHONEMES).to_pylist()]
    missing = set(store.missing(outcome.key for outcome in outcomes))
    store.put([outcome for outcome in outcomes if outcome.key in missing])


def _row(text: str, language: str, outcome: Outcome) -> dict:
    failure = outcome.failure
    told = {"reason": failure and failure.reason, "message": failure and failure.message}
    return {"text": text, "language": language, **told, "rows": outcome.rows}


def _outcome(row: dict, keyed: Keyed) -> Outcome:
    key = keyed.key_of(row["text"], row["language"])
    if row["reason"] is not None:
        return Outcome(key, failure=Failure(row["reason"], row["message"]))
    return Outcome(key, row["rows"])


def _of_language(identities: dict[str, dict], language: str) -> FrontEnd:
    return FrontEnd(partial(_not_recorded, language), partial(dict, identities[language]))


def _not_recorded(language: str, text: str) -> Reading:
    raise ValueError(f"the kit has no phonemes of {text!r} ({language}), and no dictionary to read it with")

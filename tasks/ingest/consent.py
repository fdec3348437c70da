"""Who agreed to what: `data/consent.yaml`, read once."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from tasks.params import Section


class Consent(Section):
    """One agreement: a speaker, the licence they gave, and on what ground we believe so."""

    id: str = Field(min_length=1)
    speaker: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    basis: str = Field(min_length=1)


class Consents(Section):
    """The whole file."""

    consents: list[Consent]


def load_consents(path: Path) -> dict[tuple[str, str], str]:
    """Consent ids by (speaker, licence); a `ValueError` says in one sentence what is wrong with the file."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        consents = Consents.model_validate(content).consents
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "consents"
        raise ValueError(f"{path}: {where}: {first['msg']}") from None
    return {(consent.speaker, consent.licence): consent.id for consent in consents}

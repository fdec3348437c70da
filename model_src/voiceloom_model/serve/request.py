"""What a client may ask of `/v1/audio/speech`, checked field by field."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect

from voiceloom_model.serve.encoders import FORMATS
from voiceloom_model.serve.errors import ApiError

#: What OpenAI's API allows, and the runtime too.
SPEEDS = (0.25, 4.0)
#: A client that does not finish its request in this time is turned away.
BODY_TIMEOUT_S = 20.0
#: A character takes at most twelve bytes of JSON (two escapes of a surrogate pair); the rest is for other fields.
BYTES_PER_CHARACTER = 12
OTHER_BYTES = 1 << 16

EXPECTED = {
    "input": "a text",
    "model": "a name",
    "voice": 'a name or {"id": a name}',
    "response_format": f"one of {', '.join(FORMATS)}",
    "speed": f"a number from {SPEEDS[0]:g} to {SPEEDS[1]:g}",
    "stream_format": "audio or sse",
    "instructions": "a text",
    "language": "a language tag such as en-US",
    "seed": "a whole number from 0",
}


class VoiceId(BaseModel):
    """The other way in which OpenAI's API names a voice."""

    model_config = ConfigDict(strict=True)
    id: str


class SpeechRequest(BaseModel):
    """OpenAI's fields, and `language` and `seed`, which it does not have. Fields that nobody knows are ignored.

    `instructions` are accepted, for clients that always send them, and have no effect.
    """

    model_config = ConfigDict(strict=True, frozen=True)

    input: str
    model: str | None = None
    voice: str | VoiceId | None = None
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=SPEEDS[0], le=SPEEDS[1])] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str | None = None
    language: str | None = None
    seed: Annotated[int, Field(ge=0, lt=1 << 63)] = 0

    @property
    def voice_name(self) -> str | None:
        """The name of the voice, however it was given."""
        return self.voice.id if isinstance(self.voice, VoiceId) else self.voice


async def read_request(request: Request, max_characters: int) -> SpeechRequest:
    """Read and check a request without holding more of it than could be right; `ApiError` for what is wrong."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise ApiError(415, f"the content type must be application/json, found {given or 'none'!r}")
    content = await _read_body(request, BYTES_PER_CHARACTER * max_characters + OTHER_BYTES)
    try:
        asked = SpeechRequest.model_validate_json(content)
    except ValidationError as error:
        raise _sentence(error) from None
    if len(asked.input) > max_characters:
        raise ApiError(
            400,
            f"input has {len(asked.input)} characters; this server speaks at most {max_characters} at once",
            "input",
            "string_above_max_length",
        )
    if not asked.input.strip():
        raise ApiError(400, "input is empty: there is nothing to say", "input", "empty_string")
    return asked


async def _read_body(request: Request, limit: int) -> bytes:
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in request.stream():
                content += piece
                if len(content) > limit:
                    raise ApiError(413, f"the request is larger than {limit} bytes", code="request_too_large")
    except ClientDisconnect:
        raise ApiError(499, "the client has left") from None
    except TimeoutError:
        raise ApiError(408, f"the request did not arrive within {BODY_TIMEOUT_S:.0f} s") from None
    return bytes(content)


def _sentence(error: ValidationError) -> ApiError:
    """The first thing that is wrong, as one sentence."""
    found = error.errors(include_url=False, include_context=False)[0]
    field = str(found["loc"][0]) if found["loc"] else None
    if found["type"] == "json_invalid":
        return ApiError(400, f"the request is no valid JSON: {found['msg'].partition(': ')[2]}", code="invalid_json")
    if field is None:
        return ApiError(400, "the request must be a JSON object")
    if found["type"] == "missing" and len(found["loc"]) == 1:
        return ApiError(400, f"{field} is missing: it must be {EXPECTED[field]}", field, "missing_required_parameter")
    given = repr(found["input"])
    given = given if len(given) <= 60 else f"{given[:57]}…"
    return ApiError(400, f"{field} must be {EXPECTED[field]}, found {given}", field, "invalid_value")

"""One request for speech on its way: text to samples to bytes to the client, and nothing left behind if they go."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import numpy as np
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from voiceloom_model.serve.encoders import FORMATS, encoded
from voiceloom_model.serve.errors import ApiError
from voiceloom_model.serve.metrics import Metrics
from voiceloom_model.serve.pool import Playback, Pool
from voiceloom_model.serve.request import SpeechRequest
from voiceloom_model.serve.voices import Bundle

#: A client that takes nothing for so long is gone.
STALL_S = 60.0
#: What a refusal quotes of a text.
QUOTED = 140
CLIENT_LEFT = 499


class Speech:
    """The bytes of one answer, piece by piece. Its place in the pool is kept until `close`."""

    def __init__(self, asked: SpeechRequest, bundle: Bundle, speaker: str, pool: Pool, metrics: Metrics) -> None:
        self._asked, self._voice, self._speaker = asked, bundle.voice, speaker
        self._pool, self._metrics = pool, metrics
        self._playback = Playback()
        self._pieces = encoded(self._samples(), asked.response_format, self._voice.sample_rate_hz)
        self._held = contextlib.ExitStack()
        self._held.enter_context(pool.place())

    async def first(self, request: Request) -> bytes:
        """The first piece, before which nothing was promised: `ApiError` for a text that cannot be spoken."""
        piece = asyncio.ensure_future(self._next())
        leaving = asyncio.ensure_future(_left(request))
        try:
            await asyncio.wait({piece, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not piece.done():
                raise ApiError(CLIENT_LEFT, "the client has left")
            return piece.result() or b""
        except ValueError as error:
            raise ApiError(400, _shortened(str(error)), code="cannot_be_spoken") from error
        finally:
            piece.cancel()
            leaving.cancel()

    async def all(self, first: bytes) -> AsyncIterator[bytes]:
        """Every piece, the first of which is there."""
        self._metrics.first_byte(self._playback.waited_s)
        piece: bytes | None = first
        while piece is not None:
            if piece:
                yield piece
            piece = await self._next()

    async def events(self, first: bytes) -> AsyncIterator[bytes]:
        """The same as server-sent events. `usage` counts characters of text and frames of sound."""
        try:
            async for piece in self.all(first):
                yield _event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
        except Exception:
            yield _event({"type": "error"} | ApiError(500, "the server failed; its log says why").body())
            raise
        taken = len(self._asked.input)
        frames = round(self._playback.spoken_s * self._voice.sample_rate_hz / self._voice.description.hop_length)
        usage = {"input_tokens": taken, "output_tokens": frames, "total_tokens": taken + frames}
        yield _event({"type": "speech.audio.done", "usage": usage})

    def close(self, outcome: str) -> None:
        """Leave the place and whatever was not asked for, and say in the metrics how it went."""
        self._pool.close(self._pieces)
        self._held.close()
        self._metrics.spoke(self._playback.spoken_s)
        self._metrics.ended(outcome)

    async def _next(self) -> bytes | None:
        return await self._pool.next_piece(self._pieces, self._playback.deadline)

    def _samples(self) -> Iterator[np.ndarray]:
        """What the voice says; runs in the pool's threads."""
        asked = self._asked
        manner = {"speaker": self._speaker, "language": asked.language, "speed": asked.speed, "seed": asked.seed}
        for samples in self._voice.stream(asked.input, **manner):
            self._playback.spoken_s += len(samples) / self._voice.sample_rate_hz
            yield samples


class SpeechResponse(StreamingResponse):
    """A `Speech` as a response; ends it when the client has all, has left, or takes nothing any more."""

    def __init__(self, speech: Speech, asked: SpeechRequest, first: bytes) -> None:
        as_events = asked.stream_format == "sse"
        media_type = "text/event-stream" if as_events else FORMATS[asked.response_format].media_type
        super().__init__(
            speech.events(first) if as_events else speech.all(first),
            media_type=media_type,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._speech, self._outcome = speech, "aborted"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; the place is left whatever happens."""
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            self._outcome = "failed"
            raise
        finally:
            self._speech.close(self._outcome)

    async def stream_response(self, send: Send) -> None:
        """Send all of it, to a client that takes it; the server behind closes the connection to another."""

        async def send_or_give_up(message: Message) -> None:
            async with asyncio.timeout(STALL_S):
                await send(message)

        with contextlib.suppress(TimeoutError):
            await super().stream_response(send_or_give_up)
            self._outcome = "200"


async def _left(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _event(content: dict) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _shortened(sentence: str) -> str:
    """A sentence that may quote a long text, without the middle of it."""
    return sentence if len(sentence) <= 2 * QUOTED else f"{sentence[:QUOTED]} … {sentence[-QUOTED:]}"

"""The routes: OpenAI's speech API, the lists that clients fill their menus from, health and metrics."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import PlainTextResponse, StreamingResponse

from voiceloom_model import __version__
from voiceloom_model.serve.errors import ApiError, Unauthorised, add_error_handlers
from voiceloom_model.serve.metrics import Metrics
from voiceloom_model.serve.pool import Pool
from voiceloom_model.serve.request import SpeechRequest, read_request
from voiceloom_model.serve.speech import Speech, SpeechResponse
from voiceloom_model.serve.voices import Voices

#: What OpenAI takes at once, too.
MAX_CHARACTERS = 4096


@dataclass(frozen=True)
class Settings:
    """How much a server takes on, and from whom.

    `workers` pieces of speech are computed at the same time for `max_requests` requests at most; others get a 503.
    Without an `api_key` everybody who can connect may ask; pages of `origins` may, from a browser.
    """

    workers: int = 2
    max_requests: int = 256
    max_characters: int = MAX_CHARACTERS
    api_key: str | None = None
    origins: tuple[str, ...] = ()


def create_app(voices: Voices, settings: Settings) -> FastAPI:
    """The ASGI application."""
    pool = Pool(settings.workers, settings.max_requests)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        pool.shut_down()

    # The documentation pages would load their scripts from elsewhere.
    app = FastAPI(title="Voiceloom", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    add_error_handlers(app)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )
    metrics = Metrics()
    locked = [Depends(_lock(settings.api_key))]
    app.include_router(_speech_routes(voices, settings, pool, metrics), dependencies=locked)
    app.include_router(_list_routes(voices), dependencies=locked)

    @app.get("/healthz")
    async def health() -> dict:
        return {"status": "ok"}

    @app.get("/metrics", dependencies=locked)
    async def counters() -> PlainTextResponse:
        return PlainTextResponse(metrics.text(pool.under_way), media_type="text/plain; version=0.0.4")

    return app


def _lock(key: str | None):
    """A dependency that lets pass who holds the key, taking as long for a nearly right one as for any other."""

    async def check(request: Request) -> None:
        if key is not None:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode("latin-1"), f"Bearer {key}".encode()):
                raise Unauthorised

    return check


def _speech_routes(voices: Voices, settings: Settings, pool: Pool, metrics: Metrics) -> APIRouter:
    router = APIRouter(prefix="/v1/audio")
    schema = {"content": {"application/json": {"schema": SpeechRequest.model_json_schema()}}, "required": True}

    @router.post("/speech", openapi_extra={"requestBody": schema}, response_class=StreamingResponse)
    async def speak(request: Request) -> SpeechResponse:
        try:
            _refuse_strange_pages(request.headers.get("origin"), settings)
            asked = await read_request(request, settings.max_characters)
            speech = Speech(asked, *voices.find(asked.model, asked.voice_name), pool, metrics)
        except ApiError as error:
            metrics.ended(str(error.status))
            raise
        try:
            return SpeechResponse(speech, asked, await speech.first(request))
        except BaseException as error:
            speech.close(str(error.status) if isinstance(error, ApiError) else "failed")
            raise

    return router


def _refuse_strange_pages(origin: str | None, settings: Settings) -> None:
    """A page of another site must not speak by a server that asks for no key, whatever name it found it under."""
    if origin and settings.api_key is None and not {"*", origin} & set(settings.origins):
        raise ApiError(403, f"pages of {origin[:80]} may not ask: start the server with --cors {origin[:80]}")


def _list_routes(voices: Voices) -> APIRouter:
    """Every client has its own idea of where to look for names; no answer depends on the request."""
    router = APIRouter(prefix="/v1")
    models = [{"id": bundle.name, "object": "model", "created": 0, "owned_by": "voiceloom"} for bundle in voices]

    @router.get("/models")
    async def list_models() -> dict:
        return {"object": "list", "data": models}

    @router.get("/models/{name}")
    async def one_model(name: str) -> dict:
        bundle, _speaker = voices.find(name, None)
        return next(model for model in models if model["id"] == bundle.name)

    @router.get("/audio/models")
    async def list_speech_models() -> dict:
        return {"models": models}

    @router.get("/audio/voices")
    async def list_voices() -> dict:
        rows = voices.rows()
        return {"object": "list", "data": rows, "voices": rows}

    return router

"""Errors in OpenAI's shape: {"error": {"message", "type", "param", "code"}}, the message one sentence."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException


class ApiError(Exception):
    """A request that is refused: HTTP status, one sentence, the field it is about and a short code."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code
        self.headers: dict[str, str] = {}

    def body(self) -> dict:
        """What the client is told."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


class Busy(ApiError):
    """More requests at once than the server takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(503, f"the server is busy with {limit} requests; try again in a second", code="overloaded")
        self.headers = {"Retry-After": "1"}


class Unauthorised(ApiError):
    """No key, or another than the server's."""

    def __init__(self) -> None:
        super().__init__(401, "the header Authorization must be `Bearer` and this server's key", code="invalid_api_key")
        self.headers = {"WWW-Authenticate": "Bearer"}


def add_error_handlers(app: FastAPI) -> None:
    """Every failure, foreseen or not, leaves in this shape."""

    @app.exception_handler(ApiError)
    async def refused(request: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.body(), error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> JSONResponse:
        said = HTTPStatus(error.status_code).phrase.lower()
        refusal = ApiError(error.status_code, f"{request.method} {request.url.path}: {said}")
        return JSONResponse(refusal.body(), error.status_code, error.headers)

    @app.exception_handler(Exception)  # the server behind logs it
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse(ApiError(500, "the server failed; its log says why").body(), 500)

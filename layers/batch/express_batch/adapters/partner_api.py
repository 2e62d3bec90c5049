"""The partner API over HTTP, on connections that outlive an invocation."""

import asyncio
import email.utils
import json
import math
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from express_batch.errors import (
    AnswerTooLargeError,
    ApiRejectedError,
    ApiServerError,
    ApiThrottledError,
    ApiTimeoutError,
    ApiUnreachableError,
    ApiUntrustedError,
    MalformedAnswerError,
    SettingsError,
)
from express_batch.job_contract import PartnerApi

T = TypeVar("T")
MAX_ANSWER_BYTES = 1_000_000
MAX_RETRY_AFTER_SECONDS = 300.0


class HttpPartnerApi:
    """The PartnerApi that a job sees."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = session

    async def get_json(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """The decoded JSON of a 200 answer to GET base URL + `path`.

        Raises a PartnerApiError, and ValueError when `path` does not begin with a slash.
        """
        if not path.startswith("/"):
            raise ValueError(
                "a path begins with a slash: without it, what follows the host name would become part of it"
            )
        # encoded=True: a job has quoted its path, and a user id must not be taken apart again.
        url = URL(self._base_url + path, encoded=True)
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status != 200:
                    raise _refusal(response.status, response.headers.get("Retry-After"), path)
                body = await _read_bounded(response, path)
        except TimeoutError as error:
            raise ApiTimeoutError(f"GET {path}: no complete answer in time") from error
        except aiohttp.ClientConnectorCertificateError as error:
            # No repeat mends it. Why, in OpenSSL's words, which hold nothing of an answer: there was none.
            reason = getattr(error.certificate_error, "verify_message", "") or type(error).__name__
            raise ApiUntrustedError(f"GET {path}: the certificate of {url.host} is not trusted ({reason})") from error
        except aiohttp.ClientError as error:
            # Not the base URL: a developer's own may hold a password.
            raise ApiUnreachableError(f"GET {url.host}:{url.port}{path}: {type(error).__name__}") from error
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise MalformedAnswerError(f"GET {path}: {len(body)} bytes that are not JSON") from error


class PartnerApiConnections:
    """An event loop and a connection pool that an environment keeps from invocation to invocation."""

    def __init__(self, base_url: str, *, timeout_seconds: float, connections: int) -> None:
        if URL(base_url).scheme not in ("http", "https") or not URL(base_url).host:
            raise SettingsError(f"PARTNER_API_URL is {base_url!r}: expected an address such as https://api.example.com")
        self._base_url = base_url
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._connections = connections
        self._loop = asyncio.new_event_loop()
        self._api: HttpPartnerApi | None = None

    def run(self, work: Callable[[PartnerApi], Coroutine[Any, Any, T]]) -> T:
        """What the coroutine returns."""

        async def run_with_api() -> T:
            if self._api is None:
                self._api = HttpPartnerApi(self._base_url, self._open_session())
            return await work(self._api)

        return self._loop.run_until_complete(run_with_api())

    def _open_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),  # one user's cookie must not travel with another's call
            timeout=self._timeout,
            headers={"User-Agent": "express-batch", "Accept": "application/json"},
        )


async def _read_bounded(response: aiohttp.ClientResponse, path: str) -> bytes:
    parts = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise AnswerTooLargeError(f"GET {path}: an answer of more than {MAX_ANSWER_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _refusal(status: int, retry_after: str | None, path: str) -> Exception:
    if status == 429:
        return ApiThrottledError(f"GET {path}: 429", parse_retry_after(retry_after, time.time()))
    if status >= 500:
        return ApiServerError(f"GET {path}: {status}")
    return ApiRejectedError(f"GET {path}: {status}")


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait, out of delta-seconds or an HTTP date (RFC 9110, 10.2.3); None when it says nothing usable."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(MAX_RETRY_AFTER_SECONDS, max(0.0, seconds)) if math.isfinite(seconds) else None

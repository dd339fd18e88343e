"""One question to an OpenAI-compatible chat endpoint, with the standard library.

An answer is kept on disk under the content of its request, so that judging again
costs nothing. What the server cannot answer now is told apart from what it will never
answer: the first is `UnavailableError`, the second a `VerifierError`.
"""

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import cast

from pivotrl_pipeline.errors import ConfigurationError, VerifierError
from pivotrl_pipeline.parameters.verifiers import LLMJudgeParameters
from pivotrl_pipeline.records.messages import JsonObject, JsonValue, dump_json

_TRANSIENT_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class UnavailableError(Exception):
    """The endpoint gave no answer in time; another day it may."""


class ChatClient:
    """Asks one model, remembers what it said."""

    def __init__(self, parameters: LLMJudgeParameters) -> None:
        self._parameters = parameters
        self._url = f"{parameters.base_url.rstrip('/')}/chat/completions"
        self._key = _read_key(parameters.api_key_variable)

    def ask(self, system: str, question: str) -> str:
        """The model's answer.

        Raises:
            UnavailableError: After the last attempt timed out or was turned away.
            VerifierError: If the endpoint refuses the request for good.
        """
        body = dump_json(
            {
                "model": self._parameters.model,
                "messages": [
                    {"role": "system", "content": system},
                    {"role": "user", "content": question},
                ],
                "temperature": 0,
                "max_tokens": self._parameters.max_tokens,
            }
        )
        path = self._cache_path(body)
        if path is not None and path.exists():
            return path.read_text(encoding="utf-8", errors="surrogatepass")
        answer = self._request(body.encode())
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Renamed into place: a killed run leaves no half an answer.
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(answer, encoding="utf-8", errors="surrogatepass")
            partial.replace(path)
        return answer

    def _cache_path(self, body: str) -> Path | None:
        if not self._parameters.cache_path:
            return None
        digest = hashlib.sha256(f"{self._url}\n{body}".encode()).hexdigest()
        return Path(self._parameters.cache_path) / digest[:2] / f"{digest}.txt"

    def _request(self, body: bytes) -> str:
        pause = self._parameters.retry_seconds
        for attempt in range(1, self._parameters.num_attempts + 1):
            try:
                return self._post(body)
            except UnavailableError:
                if attempt == self._parameters.num_attempts:
                    raise
                time.sleep(pause)
                pause *= 2
        raise AssertionError("num_attempts is at least 1")

    def _post(self, body: bytes) -> str:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self._url, data=body, headers=headers)
        try:
            with urllib.request.urlopen(
                request, timeout=self._parameters.timeout_seconds
            ) as response:
                return _read_answer(response.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _TRANSIENT_STATUS:
                    raise UnavailableError(f"HTTP status {error.code}") from error
                raise VerifierError(
                    f"{self._url} answered {error.code} {error.reason}; expected 200: "
                    "check base_url, model and the key of the judge."
                ) from error
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(str(error) or type(error).__name__) from error


def _read_answer(body: bytes) -> str:
    try:
        value = cast("JsonObject", json.loads(body))
        choices = cast("list[JsonObject]", value["choices"])
        content: JsonValue = cast("JsonObject", choices[0]["message"])["content"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise UnavailableError("the answer is no chat completion") from error
    return content if isinstance(content, str) else ""


def _read_key(variable: str) -> str:
    if not variable:
        return ""
    if variable not in os.environ:
        raise ConfigurationError(
            f"api_key_variable names {variable!r}, which is not set; export it or give "
            "'' for an endpoint without keys."
        )
    return os.environ[variable]

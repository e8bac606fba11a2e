"""A browser small enough not to be what is measured: one keep-alive connection, cookies, forms, no redirects followed."""

import re
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode

HOST = "127.0.0.1"
TIMEOUT_SECONDS = 60
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Unexpected(Exception):
    """The site answered otherwise than the benchmark needs."""


@dataclass
class Reply:
    """`first_byte` and `done`: seconds from the moment the request was sent to the body's first byte and to its end."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str]
    first_byte: float = 0
    done: float = 0

    @property
    def text(self) -> str:
        return self.body.decode()

    def expect(self, status: int) -> "Reply":
        if self.status != status:
            raise Unexpected(f"expected {status}, got {self.status}: {self.body[:400]!r}")
        return self


@dataclass
class Browser:
    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""
    _socket: socket.socket | None = None
    _left: bytes = b""

    def get(self, path: str) -> Reply:
        reply = self._ask(self._message("GET", path, {}))
        if found := TOKEN.search(reply.body.decode(errors="replace")):
            self.token = unescape(found[1])
        return reply

    def post(self, path: str, fields: Mapping[str, str], accept: str = "text/html") -> Reply:
        """With the token of the form that was last seen, as the page would send it."""
        body = urlencode({"csrfmiddlewaretoken": self.token, **fields}).encode()
        headers = {
            "Accept": accept,
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
        }
        return self._ask(self._message("POST", path, headers) + body)

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket, self._left = None, b""

    def _message(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}:{self.port}"]
        lines += [f"Cookie: {cookies}"] if cookies else []
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def _ask(self, message: bytes) -> Reply:
        """A kept connection that the server has closed meanwhile is opened anew, once, as a browser does."""
        kept = self._socket is not None
        try:
            return self._exchange(message)
        except ConnectionError:
            self.close()
            if not kept:
                raise
            return self._exchange(message)

    def _exchange(self, message: bytes) -> Reply:
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self.port), TIMEOUT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = time.perf_counter()
        self._socket.sendall(message)
        reply = self._head()
        pieces = []
        for piece in self._body(reply.headers):
            reply.first_byte = reply.first_byte or time.perf_counter() - sent
            pieces.append(piece)
        reply.done = time.perf_counter() - sent
        reply.body = b"".join(pieces)
        for cookie in reply.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name.strip()] = value.strip()
        if reply.headers.get("connection", "").lower() == "close":
            self.close()
        return reply

    def _head(self) -> Reply:
        while b"\r\n\r\n" not in self._left:
            self._left += self._receive()
        head, self._left = self._left.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers, cookies = {}, []
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
            if name.lower() == "set-cookie":
                cookies.append(value.strip())
        return Reply(int(first.split(" ")[1]), headers, b"", cookies)

    def _body(self, headers: dict[str, str]) -> Iterator[bytes]:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line(), 16):
                yield self._exactly(size)
                self._line()
            self._line()
        elif length := int(headers.get("content-length", 0)):
            yield self._exactly(length)

    def _line(self) -> bytes:
        while b"\r\n" not in self._left:
            self._left += self._receive()
        line, self._left = self._left.split(b"\r\n", 1)
        return line

    def _exactly(self, size: int) -> bytes:
        pieces, have = [self._left], len(self._left)
        while have < size:
            pieces.append(self._receive())
            have += len(pieces[-1])
        whole = b"".join(pieces)
        self._left = whole[size:]
        return whole[:size]

    def _receive(self) -> bytes:
        assert self._socket is not None
        piece = self._socket.recv(262144)
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        return piece

"""A daemon that answers what the test wants: for states that a real one reaches only by chance."""

import http.server
import json
import os
import socketserver
import threading
import urllib.parse
from dataclasses import dataclass, field

REQUEST_ID = "B6D17591-B48B-4D31-9CD6-9B9796B2C0DE"


@dataclass(frozen=True)
class Answer:
    """A whole answer. A body that is no bytes is sent as JSON."""

    status: int = 200
    body: object = b""
    content_type: str = "application/json"

    @property
    def octets(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Stream:
    """An answer in pieces, as `events` yields them: lines of objects, or bytes as they are.

    CUT breaks the connection.
    """

    events: object
    content_type: str = "application/x-ndjson"
    CUT = object()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    accept: str
    params: list = field(default_factory=list)  # pairs


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        params = urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body))
        request = Request(self.command, self.path, self.headers["Accept"], params)
        answer = self.server.fake.answer(request)
        if isinstance(answer, Stream):
            self._send_stream(answer)
        else:
            self._send(answer)

    do_GET = do_POST = do_DELETE = _serve

    def _begin(self, status, content_type, *headers):
        self.send_response(status)
        self.send_header("x-acs-request-id", REQUEST_ID)
        self.send_header("Content-Type", content_type)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _send(self, answer):
        self._begin(answer.status, answer.content_type, ("Content-Length", len(answer.octets)))
        self.wfile.write(answer.octets)

    def _send_stream(self, stream):
        self._begin(200, stream.content_type, ("Transfer-Encoding", "chunked"))
        self.close_connection = True
        try:
            for event in stream.events():
                if event is Stream.CUT:
                    return
                is_bytes = isinstance(event, bytes)
                line = event if is_bytes else json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # the caller has left, as some tests want it to

    def log_message(self, *arguments):
        pass


class _HttpServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("local", 0)


class FakeDaemon:
    def __init__(self, directory):
        self.socket_path = os.path.join(directory, "control.sock")
        self.requests = []
        self._answers = {}
        self._server = _HttpServer(self.socket_path, _Handler)
        self._server.fake = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def on(self, method, path, answer):
        """`answer`: an Answer, a Stream, or a function that makes one of the parameters."""
        self._answers[method, path] = answer

    def answer(self, request):
        self.requests.append(request)
        missing = Answer(
            404, {"error": {"code": "NotFound", "message": f"nothing at {request.path}"}}
        )
        answer = self._answers.get((request.method, request.path), missing)
        return answer(dict(request.params)) if callable(answer) else answer

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

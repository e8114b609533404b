#!/usr/bin/env python3
"""An HTTP server on loopback that misbehaves on purpose: the last part of a URL's path names the fault.

Usage: fault_server.py LOG. Prints its port, and ends when its standard input does. Each request is one line of LOG:
path, Range header, whether an Authorization header came.
"""
import collections
import http.server
import sys
import threading
import time

BODY = bytes((i * 7 + 3) % 251 for i in range(100_000))
CUT_AT = 30_000

seen = collections.Counter()
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def start(self, code, length, **headers):
        self.send_response(code)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send_all(self, code, body, **headers):
        self.start(code, len(body), **headers)
        self.wfile.write(body)

    def range_begin(self):
        value = self.headers.get("Range", "")
        return int(value[len("bytes="):].rstrip("-")) if value.startswith("bytes=") else None

    def send_ranged(self, shift=0, cut=None):
        begin = self.range_begin()
        if begin is None:
            begin, code, headers = 0, 200, {}
        elif begin >= len(BODY):
            return self.send_all(416, b"")
        else:
            code = 206
            headers = {"Content_Range": f"bytes {begin + shift}-{len(BODY) - 1}/{len(BODY)}"}
        part = BODY[begin + shift if code == 206 else 0:]
        self.start(code, len(part), **headers)
        self.wfile.write(part[:cut])
        self.close_connection = cut is not None

    def do_GET(self):
        fault = self.path.rsplit("/", 1)[-1]
        with lock:
            seen[fault] += 1
            count = seen[fault]
            with open(sys.argv[1], "a") as log:
                print(self.path, self.headers.get("Range", "-"), "Authorization" in self.headers, file=log)
        getattr(self, fault.replace("-", "_"), self.missing)(count)

    def missing(self, count):
        self.send_all(404, b"not here")

    def good(self, count):
        self.send_ranged()

    def forbidden(self, count):
        self.send_all(403, b"")

    def ignores_range(self, count):
        self.send_all(200, BODY)

    def refuses_range(self, count):
        self.send_all(416, b"") if self.range_begin() is not None else self.send_all(200, BODY)

    def wrong_range(self, count):
        self.send_ranged(shift=1)

    def cut_twice(self, count):
        self.send_ranged(cut=CUT_AT if count <= 2 else None)

    def always_cut(self, count):
        self.send_ranged(cut=10)

    def fails_twice(self, count):
        self.send_all(503, b"busy") if count <= 2 else self.send_ranged()

    def always_fails(self, count):
        self.send_all(500, b"")

    def wrong_content(self, count):
        self.send_all(200, bytes(len(BODY)))

    def short_content(self, count):
        self.send_all(200, BODY[:-1])

    def empty_content(self, count):
        self.send_all(200, b"")

    def redirect(self, count):
        self.send_all(302, b"moved", Location="good")

    def redirect_loop(self, count):
        self.send_all(302, b"", Location="redirect-loop")

    def redirect_to_file(self, count):
        self.send_all(302, b"", Location="file:///etc/hostname")

    def redirect_with_password(self, count):
        self.send_all(302, b"", Location="https://user:topsecret@example.invalid/good")

    def redirect_to_http(self, count):
        self.send_all(302, b"", Location="http://example.invalid/good")

    def endless(self, count):
        self.start(200, None, Connection="close")
        try:
            while True:
                self.wfile.write(BODY)
        except OSError:
            pass  # the client has had enough
        self.close_connection = True

    def stalls(self, count):
        self.start(200, len(BODY))
        self.wfile.write(BODY[:10])
        time.sleep(60)

    def drips(self, count):
        self.start(200, len(BODY))
        for i in range(600):
            self.wfile.write(BODY[i : i + 1])
            time.sleep(0.1)

    def never_answers(self, count):
        time.sleep(60)

    def endless_header(self, count):
        self.send_response(200)
        try:
            while True:
                self.send_header("X-Filler", "x" * 1000)
                self.flush_headers()
        except OSError:
            pass  # the client has had enough
        self.close_connection = True

    def length_too_large(self, count):
        self.start(200, 10 * len(BODY))
        self.wfile.write(BODY)
        self.close_connection = True

    def length_too_small(self, count):
        self.start(200, 10)
        self.wfile.write(BODY)
        self.close_connection = True

    def no_http(self, count):
        self.wfile.write(b"\0\1 this is no answer \r\n" * 100)
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # clients that hang up are what this server is for


server = Server(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()

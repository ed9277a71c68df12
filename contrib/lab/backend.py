# SPDX-License-Identifier: Apache-2.0
"""A small web server of the lab: `backend.py ADDRESS PORT NAME` says its name after a moment, as
something that works does, and "ready" to /healthz."""
import http.server
import sys
import time

THINKS = 0.03  # s


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        health = self.path == "/healthz"
        if not health:
            time.sleep(THINKS)
        body = b"ready\n" if health else sys.argv[3].encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # a client that has gone


Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()

#!/usr/bin/env python3
"""A monitoring centre over HTTP(S): it stores what gateways POST, once and on its disk, and then says so.

    centre.py PORT OUT [--cert PEM --key PEM] [--client-ca PEM] [--token TOKEN] [--words FILE]

It listens on 127.0.0.1:PORT and appends each new event to OUT, one line of JSON each. With --cert and --key it speaks TLS,
with --client-ca a gateway must show a certificate of that CA, with --token the bearer token. What people say goes as a JSON
array into FILE; it is sent once, with the next answer, and the file is removed:

    echo '[{"word": "accepted", "alert_id": "5c09435c-…", "by": "Li Wei", "word_id": "c-1042"},
           {"word": "verified", "alert_id": "5c09435c-…", "by": "Li Wei", "people": 2, "known_by": "voice", "word_id": "c-1043"}]' > FILE

This centre has one gateway. One with several keeps the words apart: an answer reaches only the gateway that asked.
"""
import argparse, contextlib, hmac, json, os, pathlib, ssl, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NO_RECEIPT = {"org.hoistway.site.v1", "org.hoistway.heartbeat.v1"}  # how things are now: the next one says it again
to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # what is not JSON, like NaN, raises ValueError


def store(lines):
    with lock, open(args.out, "ab") as out:  # the same event may come by two connections at once
        out.truncate(store.size)  # off with what a full disk or a crash left half written: it had no receipt and comes again
        out.writelines(line for event_id, line in lines.items() if event_id not in known)  # each id counts once
        out.flush()
        os.fsync(out.fileno())  # if the disk fails there is no answer, and the gateway tries again
        store.size = out.seek(0, os.SEEK_END)
        known.update(lines)


class Centre(BaseHTTPRequestHandler):
    protocol_version, timeout = "HTTP/1.1", 150  # a connection is kept: the gateway speaks at least once a minute

    def do_POST(self):
        body, claim = self.rfile.read(int(self.headers["Content-Length"])), self.headers.get("Authorization", "")
        if args.token is not None and not hmac.compare_digest(claim.encode(), f"Bearer {args.token}".encode()):
            return self.send_error(401)  # the gateway fetches a new token and tries again
        try:  # a batch, or one event alone; only what every CloudEvent has is asked for: more types and members may come
            events = batch if isinstance(batch := json.loads(body), list) else [batch]
            if any(e["specversion"] != "1.0" or min(e["id"], e["source"], e["type"]) <= "" for e in events): raise ValueError
            store({e["id"]: to_json(e).encode() + b"\n" for e in events if e["type"] not in NO_RECEIPT})
        except (ValueError, KeyError, TypeError, RecursionError):
            return self.send_error(400)  # nothing of a batch is stored: the gateway sends each event alone
        answer = b""  # the body may be empty
        with contextlib.suppress(OSError, ValueError), lock, open(args.words or "", "rb") as file:  # none, or half written yet
            answer = to_json({"words": json.load(file)}).encode()
            os.remove(args.words)  # sent is not heard: an event `word` with the same word_id says so; if none comes, say it again
        self.send_response(200 if answer else 204)  # 2xx is the receipt: all of the request is stored, now or long ago
        if answer: self.send_header("Content-Type", "application/json"); self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
for name in "port", "out", "--cert", "--key", "--client-ca", "--token", "--words": parser.add_argument(name)
args = parser.parse_args()
stored = pathlib.Path(args.out).read_bytes() if os.path.exists(args.out) else b""
store.size, lock = stored.rfind(b"\n") + 1, threading.Lock()  # a last line without its end is half written
known = {json.loads(line)["id"] for line in stored[:store.size].splitlines()}
server = ThreadingHTTPServer(("127.0.0.1", int(args.port)), Centre)
if args.cert or args.client_ca:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=args.client_ca)
    tls.load_cert_chain(args.cert, args.key)
    tls.verify_mode = ssl.CERT_REQUIRED if args.client_ca else ssl.CERT_NONE
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)  # a silent peer blocks nobody
server.serve_forever()

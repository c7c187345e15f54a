"""What a swarm needs: `torrent.py make FILE TORRENT PIECE ANNOUNCE` writes a .torrent file, `torrent.py track PORT` is a
tracker that tells everyone of everyone."""
import hashlib
import http.server
import json
import os
import socket
import sys
import urllib.parse


def encode(value):
    """Bencoding (BEP 3)."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, dict):
        return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"
    value = value.encode() if isinstance(value, str) else value
    return b"%d:%s" % (len(value), value)


def make(path, torrent, piece, announce):
    """Describes one file."""
    piece, hashes = int(piece), b""
    with open(path, "rb") as file:
        while block := file.read(piece):
            hashes += hashlib.sha1(block).digest()
    with open(torrent, "wb") as file:
        file.write(encode({"announce": announce, "info": {"name": os.path.basename(path), "length": os.path.getsize(path),
                                                          "piece length": piece, "pieces": hashes}}))


class Tracker(http.server.BaseHTTPRequestHandler):
    """Answers an announcement with all others (BEP 23)."""
    peers = {}

    def do_GET(self):  # noqa: N802  (the name is the library's)
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        own = socket.inet_aton(self.client_address[0]) + int(asked.get("port", ["0"])[0]).to_bytes(2, "big")
        if asked.get("event") == ["stopped"]:
            self.peers.pop(own, None)
        else:
            self.peers[own] = True
        body = encode({"interval": 5, "min interval": 5, "peers": b"".join(peer for peer in list(self.peers) if peer != own)})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


class Server(http.server.ThreadingHTTPServer):
    """A whole class asks at once."""
    request_queue_size = 256


def track(port):
    """Serves until it is ended."""
    server = Server(("", int(port)), Tracker)
    print(json.dumps({"event": "ready"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    {"make": make, "track": track}[sys.argv[1]](*sys.argv[2:])

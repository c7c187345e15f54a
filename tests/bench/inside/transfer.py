"""One TCP copy of a file: `transfer.py receive FILE` here, `transfer.py send ADDRESS FILE` there. Prints JSON lines."""
import json
import os
import socket
import sys
import time

PORT = 9000


def say(event):
    """Prints a line with the time in milliseconds since 1970."""
    print(json.dumps({"event": event, "t": time.time() * 1000}), flush=True)


def receive(path):
    """Takes one file."""
    listener = socket.create_server(("", PORT))
    say("ready")
    connection, _ = listener.accept()
    block = bytearray(1 << 18)
    with open(path, "wb", buffering=0) as file:
        while count := connection.recv_into(block):
            file.write(memoryview(block)[:count])
    say("done")


def send(host, path):
    """Sends one file."""
    with open(path, "rb") as file:
        say("start")
        with socket.create_connection((host, PORT)) as connection:
            left = os.path.getsize(path)
            while left > 0:
                left -= os.sendfile(connection.fileno(), file.fileno(), os.path.getsize(path) - left, min(left, 1 << 20))


{"receive": receive, "send": send}[sys.argv[1]](*sys.argv[2:])

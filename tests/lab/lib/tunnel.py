"""A tunnel's other end: opens it, and prints a JSON line for every packet that would go through."""
import fcntl
import json
import os
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def destination_port(packet):
    """Destination port of a TCP or UDP packet, `None` for others."""
    if packet[0] >> 4 == 4:
        protocol, start = packet[9], (packet[0] & 15) * 4
    else:
        protocol, start = packet[6], 40
    if protocol not in (6, 17) or len(packet) < start + 4:
        return None
    return struct.unpack_from("!H", packet, start + 2)[0]


def main():
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", sys.argv[1].encode(), IFF_TUN | IFF_NO_PI))
    print(json.dumps({"event": "open"}), flush=True)
    while True:
        packet = os.read(device, 65536)
        print(json.dumps({"event": "packet", "port": destination_port(packet), "bytes": len(packet)}), flush=True)


main()

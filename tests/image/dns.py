"""A name server on loopback that knows one name: dns.py ADDRESS NAME IP. Ends when its standard input does."""

import select
import socket
import struct
import sys

address, name, ip = sys.argv[1:]
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((address, 53))
print("ready", flush=True)
while True:
    readable, _, _ = select.select([server, sys.stdin], [], [])
    if sys.stdin in readable:
        break
    query, client = server.recvfrom(512)
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += query[at] + 1
    (kind,) = struct.unpack(">H", query[at + 1 : at + 3])
    known = ".".join(labels).lower() == name
    # RFC 1035: an A record of a minute for the name, nothing of other kinds, and no other name.
    answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(ip) if known and kind == 1 else b""
    flags = 0x8180 if known else 0x8183
    header = query[:2] + struct.pack(">HHHHH", flags, 1, 1 if answer else 0, 0, 0)
    server.sendto(header + query[12 : at + 5] + answer, client)

"""A name server: name_server.py ADDRESS [NAME=IPV4...] [silent | no-aaaa]

silent   never answers
no-aaaa  never answers questions for IPv6 addresses; else there are none of those
"""

import socket
import struct
import sys

A, AAAA = 1, 28
IN = 1
NOT_FOUND = 3
TTL_S = 1


def read_question(packet):
    """(name, type, where it ends)"""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    (kind,) = struct.unpack_from("!H", packet, at + 1)
    return ".".join(labels), kind, at + 5


def answer(packet, names):
    name, kind, end = read_question(packet)
    has_address = kind == A and name in names
    flags = 0x8180 | (0 if name in names else NOT_FOUND)
    head = packet[:2] + struct.pack("!5H", flags, 1, int(has_address), 0, 0)
    record = b""
    if has_address:
        # The name is where the question has it.
        record = struct.pack("!3HIH", 0xC00C, A, IN, TTL_S, 4) + socket.inet_aton(names[name])
    return head + packet[12:end] + record


def main(address, *behaviour):
    names = dict(word.split("=") for word in behaviour if "=" in word)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        print("ready", flush=True)
        while True:
            packet, asker = server.recvfrom(4096)
            is_left_out = "no-aaaa" in behaviour and read_question(packet)[1] == AAAA
            if "silent" not in behaviour and not is_left_out:
                server.sendto(answer(packet, names), asker)


main(*sys.argv[1:])

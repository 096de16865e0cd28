#!/usr/bin/env python3
"""A web server of made-up pages on every address of this machine: serve.py PORT DELAY

No two pages are alike, 30 KB of words each; nothing is at /missing/.
"""

import asyncio
import random
import sys
import zlib

PORT, DELAY = int(sys.argv[1]), float(sys.argv[2])
SIZE = 30_000
generator = random.Random(1)
words = ["".join(generator.choices("etaoinshrdlu", k=generator.randint(2, 9))) for _ in range(5000)]
TEXT = " ".join(generator.choices(words, k=200_000)).encode()


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.received = transport, b""

    def data_received(self, data):
        *requests, self.received = (self.received + data).split(b"\r\n\r\n")
        for request in requests:
            asyncio.get_running_loop().call_later(DELAY, self.answer, request.split()[1])

    def answer(self, path):
        status = b"404 Not Found" if path.startswith(b"/missing/") else b"200 OK"
        start = zlib.crc32(path) % (len(TEXT) - SIZE)
        body = path + b"\n" + TEXT[start : start + SIZE]
        fields = b"Content-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + fields + body)


async def main():
    server = await asyncio.get_running_loop().create_server(Connection, "0.0.0.0", PORT, backlog=1024)
    await server.serve_forever()


asyncio.run(main())

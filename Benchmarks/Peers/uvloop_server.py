"""asyncio on uvloop, with a Protocol, which is faster than streams.

    uvloop_server.py PORT
"""

import asyncio
import sys

import uvloop


class Reverse(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.parts = []

    def data_received(self, data):
        lines = data.split(b"\n")
        if len(lines) == 1:
            self.parts.append(data)
            return
        if self.parts:
            self.parts.append(lines[0])
            lines[0] = b"".join(self.parts)
            self.parts = []
        if lines[-1]:
            self.parts = [lines[-1]]
            lines[-1] = b""
        self.transport.write(b"\n".join([line[::-1] for line in lines]))

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Reverse, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


uvloop.run(main())

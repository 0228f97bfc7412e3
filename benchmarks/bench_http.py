"""A client that costs little: the same request over some kept-alive connections, as fast as answers come."""

import asyncio
import time
from urllib.parse import urlsplit


def offer(url: str, path: str, body: bytes, count: int, connections: int) -> float:
    """Send a JSON body `count` times and return how long that took [s]; raises RuntimeError unless all got 202."""
    return asyncio.run(_offer(url, path, body, count, connections))


async def _offer(url: str, path: str, body: bytes, count: int, connections: int) -> float:
    address = urlsplit(url)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    message = head.encode() + body
    share = [count // connections + (n < count % connections) for n in range(connections)]
    streams = [await asyncio.open_connection(address.hostname, address.port) for _ in share]
    began_s = time.perf_counter()
    await asyncio.gather(*(_repeat(*stream, message, n) for stream, n in zip(streams, share, strict=True)))
    took_s = time.perf_counter() - began_s
    for _, writer in streams:
        writer.close()
    return took_s


async def _repeat(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes, count: int
) -> None:
    for _ in range(count):
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(head.decode("latin-1") + str(await reader.read(1000)))
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))

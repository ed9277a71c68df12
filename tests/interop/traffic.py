# SPDX-License-Identifier: Apache-2.0
"""Real traffic through a balancer: back ends that say who they are, and clients that come at their
own pace, whatever becomes of those before them (open loop, a connection for each request).

    webs = traffic.Webs(); a = webs.add("127.0.0.2"); a.stop(); a.start()
    with traffic.Load("127.0.0.1", port, rate=100) as load: ...
    load.failed, load.served_by(since) -> {"127.0.0.2:8080": n}
"""
import asyncio
import collections
import threading
import time


class _Loop:
    """An asyncio loop in a thread of its own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def close(self):
        async def end():
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(60)
        self.loop.close()


class Web:
    """One back end. `/slow` is answered when it is told to; all else at once, with its name."""

    def __init__(self, webs, address, port):
        self.webs, self.address, self.port = webs, address, port
        self.server, self.release, self.n_slow = None, None, 0
        self.start()

    @property
    def name(self):
        return f"{self.address}:{self.port}"

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /slow"):
                self.n_slow += 1
                await self.release.wait()
            body = self.name.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def start(self):
        async def start():
            self.release = asyncio.Event()
            self.server = await asyncio.start_server(self._serve, self.address, self.port, backlog=4096)
            self.port = self.server.sockets[0].getsockname()[1]
        self.webs.loop.run(start())
        return self

    def stop(self):
        """Its port is closed: who comes is refused."""
        async def stop():
            self.server.close()
        self.webs.loop.run(stop())

    def let_go(self):
        """Answers what is slow."""
        self.webs.loop.loop.call_soon_threadsafe(self.release.set)


class Webs:
    def __init__(self):
        self.loop, self.all = _Loop(), []

    def add(self, address, port=0):
        self.all.append(Web(self, address, port))
        return self.all[-1]

    def close(self):
        for web in self.all:
            web.stop()
        self.loop.close()


async def _request(host, port, path, timeout):
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read()
        status = head.split(b" ", 2)[1].decode()
        return ("" if status == "200" else status), body.decode(errors="replace")
    except TimeoutError:
        return "timeout", ""
    except (OSError, asyncio.IncompleteReadError, IndexError) as e:
        return type(e).__name__, ""
    finally:
        if writer:
            writer.close()


Result = collections.namedtuple("Result", "began error body")


class Load:
    """`rate` requests a second, from its entry to its exit."""

    def __init__(self, host, port, rate=100, timeout=40):
        self.host, self.port, self.rate, self.timeout = host, port, rate, timeout
        self.results, self.going, self.tasks = [], True, set()

    async def _one(self):
        began = time.monotonic()
        error, body = await _request(self.host, self.port, "/", self.timeout)
        self.results.append(Result(began, error, body))

    async def _pace(self):
        begin, n = time.monotonic(), 0
        while self.going:
            await asyncio.sleep(max(0, begin + n / self.rate - time.monotonic()))
            n += 1
            task = asyncio.ensure_future(self._one())
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        await asyncio.gather(*self.tasks)

    def __enter__(self):
        self.loop = _Loop()
        self.pace = asyncio.run_coroutine_threadsafe(self._pace(), self.loop.loop)
        return self

    def __exit__(self, *args):
        self.going = False
        self.pace.result(120)
        self.loop.close()

    @property
    def failed(self):
        return [r for r in self.results if r.error]

    def failed_outside(self, begin, end):
        return [r for r in self.failed if not begin <= r.began <= end]

    def served_by(self, since=0.0):
        return collections.Counter(r.body for r in self.results if r.began >= since and not r.error)


class Held:
    """One request to `/slow` that is under way until the back end lets it go."""

    def __init__(self, host, port, timeout=60):
        self.loop = _Loop()
        self.future = asyncio.run_coroutine_threadsafe(_request(host, port, "/slow", timeout), self.loop.loop)

    def result(self):
        """(error, who served it)"""
        try:
            return self.future.result(60)
        finally:
            self.loop.close()

# SPDX-License-Identifier: Apache-2.0
"""A stand-in for HAProxy's command line: what a driver asks of it, answered as 2.6.12 answers, with faults on demand.

Many of them run on one thread with a loop of its own. What is wrong with the real one, and how it behaves under
traffic, is tested with the real one; here are many of them, and those that misbehave.
"""
import asyncio
import os
import threading

STATE = ("# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
         "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
         "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
         "srv_check_addr srv_agent_addr srv_agent_port\n")
STAT = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,"\
       "weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,\n"
DRAIN, MAINT = 8, 1


class Server:
    def __init__(self, name, address, port, weight=100, admin=0):
        self.name, self.address, self.port = name, address, port
        self.weight, self.admin, self.sessions, self.total = weight, admin, 0, 0
        self.row = None

    def set(self, **what):
        self.__dict__.update(what)
        self.row = None

    def state(self, backend, number):
        if self.row is None:
            self.row = (f"3 {backend} {number} {self.name} {self.address} {0 if self.admin & MAINT else 2} "
                        f"{self.admin} {self.weight} 100 4 1 0 2 0 0 0 0 - {self.port} - 0 0 - - 0\n")
        return self.row

    def __str__(self):
        word = "maint" if self.admin & MAINT else "drain" if self.admin & DRAIN else f"ready {self.weight}"
        return f"{self.name}={word}"


class Fake:
    """One process of HAProxy with one backend. `fault`: None, "silent", "garbage", "endless", "closes" (before the
    answer to a change), "trickle" (a byte each 50 ms)."""

    def __init__(self, path, backend, servers=()):
        self.path, self.backend = path, backend
        self.servers = {s.name: s for s in servers}
        self.fault, self.pid = None, 100
        self.commands = [] # that change something, in their order
        self.connections = 0

    def text(self):
        return " ".join(str(s) for s in self.servers.values())

    def restart(self, servers):
        """As a reload does it: what was added is gone, what was set is forgotten."""
        self.servers = {s.name: s for s in servers}
        self.pid += 1

    # ---- commands ----

    def answer(self, line):
        words = line.split()
        if words[:2] == ["show", "info"]:
            return f"Name: HAProxy\nVersion: 2.6.12-1+deb12u4\nPid: {self.pid}\nUptime_sec: 4\n\n"
        if words[:1] == ["show"] and words[1:2] == ["version"]:
            return "2.6.12-1+deb12u4\n"
        if words[:3] == ["show", "servers", "state"]:
            rows = [s.state(self.backend, i) for i, s in enumerate(list(self.servers.values()), 1)]
            return "1\n" + STATE + "".join(rows) + "\n"
        if words[:2] == ["show", "stat"]:
            rows = [f"{self.backend},{s.name},0,0,{s.sessions},0,,{s.total},0,0,,0,,0,0,0,0,UP,100,1,0,0,0,4,0,,1,3,1,,0,,2,\n"
                    for s in list(self.servers.values())]
            return STAT + "".join(rows) + "\n"
        self.commands.append(line)
        return self.change(words) + "\n"

    def change(self, words):
        target = next((w for w in words if w.startswith(self.backend + "/")), None)
        if target is None:
            return "Unknown command.\n"
        name = target.split("/", 1)[1]
        if words[:2] == ["add", "server"]:
            address, port = words[3].rsplit(":", 1)
            address = address.strip("[]").replace("ipv4@", "").replace("ipv6@", "")
            weight = int(words[words.index("weight") + 1]) if "weight" in words else 1
            self.servers[name] = Server(name, address, port, weight, MAINT)
            return "New server registered.\n"
        server = self.servers.get(name)
        if server is None:
            return "No such server.\n"
        if words[:2] == ["set", "weight"]:
            value = words[-1]
            server.set(weight=int(value.rstrip("%")))
        elif words[:2] == ["set", "server"] and words[3] == "state":
            server.set(admin={"ready": 0, "drain": DRAIN, "maint": MAINT}[words[4]])
        elif words[:2] == ["set", "server"] and words[3] == "addr":
            server.set(address=words[4], port=words[6])
        elif words[:2] == ["del", "server"]:
            if server.sessions:
                return "Server still has connections attached to it, cannot remove it.\n"
            del self.servers[name]
            return "Server deleted.\n"
        return ""

    # ---- the socket ----

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            if self.fault == "silent":
                await reader.read()
            elif self.fault == "garbage":
                writer.write(os.urandom(4096) + b"\n" + b"\0" * 10)
            elif self.fault == "endless":
                while self.fault == "endless":
                    writer.write(b"> 1\n" * 10000)
                    await writer.drain()
            else:
                await self.talk(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def talk(self, reader, writer):
        prompt, said = False, []
        while line := (await reader.readline()).decode().strip():
            if line == "quit":
                break
            if line == "prompt":
                prompt = True
                said.append("\n")
                continue
            if self.fault == "closes" and not line.startswith("show"):
                self.answer(line)
                return
            said.append(("> " if prompt else "") + self.answer(line))
            if not prompt:
                break
        text = "".join(said).encode()
        for i in range(len(text) if self.fault == "trickle" else 0):
            writer.write(text[i:i + 1])
            await writer.drain()
            await asyncio.sleep(0.05)
        if self.fault != "trickle":
            writer.write(text)
        await writer.drain()


class Fakes:
    """A thread for any number of them."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.servers = {}

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(120)

    def add(self, path, backend, servers=()):
        fake = Fake(path, backend, servers)
        self.listen(fake)
        return fake

    def listen(self, fake):
        if os.path.exists(fake.path):
            os.unlink(fake.path)
        self.servers[fake.path] = self.run(asyncio.start_unix_server(fake.serve, fake.path, backlog=128))

    def unlisten(self, fake):
        self.loop.call_soon_threadsafe(self.servers.pop(fake.path).close)
        os.unlink(fake.path)

    def close(self):
        async def end():
            for server in self.servers.values():
                server.close()
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

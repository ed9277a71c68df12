# SPDX-License-Identifier: Apache-2.0
"""Takes a lab away when its process has ended, however that came: a child that waits for the end of a pipe,
then ends what is left in the namespaces, and removes these and the directory."""
import os
import shutil
import signal
import subprocess
import time

KEEP = "keep"  # a file of this name in the directory: it stays


def start(stem, dir):
    """From a process without threads. Returns (descriptor, process id): close the one, and wait for the other."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid != 0:
        os.close(reading)
        return writing, pid
    try:
        os.close(writing)
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        os.read(reading, 1)
        time.sleep(0.2)  # a program that was just being started is in its namespace by then
        clean(stem, dir)
    finally:
        os._exit(0)


def namespaces(stem):
    try:
        return [name for name in os.listdir("/run/netns") if name.startswith(stem + "-")]
    except OSError:
        return []


def clean(stem, dir):
    end_all(stem)
    for name in namespaces(stem):
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    if not os.path.exists(os.path.join(dir, KEEP)):
        shutil.rmtree(dir, ignore_errors=True)


def end_all(stem):
    """Ends whatever runs in the namespaces, also what others have started there."""
    for name in namespaces(stem):
        for _ in range(100):
            done = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True)
            if not done.stdout:
                break
            for pid in done.stdout.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except OSError:
                    pass  # it has ended by itself
            time.sleep(0.05)

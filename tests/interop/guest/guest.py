# SPDX-License-Identifier: Apache-2.0
"""A guest with Debian's kernel under qemu, for what the kernel of a test machine need not have.

    guest = guest.Guest(self_or_class)      # raises SkipTest where that is not to be had
    out = guest.run(script, programs=[...], modules=[...], files={path: bytes})

The kernel's package is downloaded once into $BUILD/guest (apt-get download, nothing is installed).
An initramfs is made of busybox, the programs with the libraries that they need, and the modules
with those they need; `script` is run in it by dash, and what it writes comes back as text. It is
emulated (tcg): a /dev/kvm that is there need not work, as under another hypervisor."""
import glob
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
import unittest

PACKAGE = "linux-image-cloud-amd64"
BOOT_S = 600  # a boot takes 2 s on an idle machine, and 20 on one with 16 busy processes

INIT = """#!/bin/dash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
while read m; do insmod /modules/$m || echo "no module $m"; done </modules/order
ip link set lo up
echo "@@@ BEGIN"
dash /script.sh 2>&1
echo "@@@ END $?"
poweroff -f
"""


def need(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise unittest.SkipTest(f"no {program}: contrib/test.sh names the packages")
    return path


def output(*argv, **kw):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True,
                          text=True, **kw).stdout


# ---- the kernel ----

def kernel_package():
    depends = output("apt-cache", "depends", PACKAGE)
    found = re.search(r"Depends: (linux-image-\S+)", depends)
    if not found:
        raise unittest.SkipTest(f"apt knows no {PACKAGE}: {depends.strip()[:200]}")
    return found[1]


def unpack_kernel(cache):
    """A directory with the package's files, made once; the newest that is there is taken without
    asking apt."""
    there = sorted(glob.glob(os.path.join(cache, "linux-image-*/")))
    if there:
        return there[-1].rstrip("/")
    os.makedirs(cache, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        try:
            name = kernel_package()
            output("apt-get", "download", name, cwd=work)
        except (OSError, subprocess.CalledProcessError) as e:
            raise unittest.SkipTest(f"the kernel's package cannot be had: {e} "
                                    f"{getattr(e, 'stdout', '') or ''}") from e
        package, = glob.glob(os.path.join(work, "*.deb"))
        tree = os.path.join(work, "tree")
        output("dpkg-deb", "-x", package, tree)
        base = os.path.join(tree, "lib/modules")
        version, = os.listdir(base)
        output(need("depmod"), "-b", tree, version)
        place = os.path.join(cache, name)
        try:
            os.rename(tree, place)
        except OSError:  # somebody else was quicker
            if not os.path.isdir(place):
                raise
        return place


# ---- the initramfs ----

class Archive:
    """A cpio archive as the kernel takes it (Documentation/driver-api/early-userspace)."""

    def __init__(self):
        self.parts = []
        self.names = set()
        self.inode = 0

    def add(self, name, mode, content=b""):
        name = name.strip("/")
        if name in self.names:
            return
        self.names.add(name)
        parent = os.path.dirname(name)
        if parent and parent not in self.names:
            self.add(parent, stat.S_IFDIR | 0o755)
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        self.parts += [head, b"\0" * (-len(head) % 4), content, b"\0" * (-len(content) % 4)]

    def file(self, name, content, mode=0o755):
        self.add(name, stat.S_IFREG | mode, content)

    def link(self, name, to):
        self.add(name, stat.S_IFLNK | 0o777, to.encode())

    def directory(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def program(self, path, name=None):
        """With the libraries that it is linked with, at their places."""
        with open(path, "rb") as file:
            self.file(name or path, file.read())
        listed = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            with open(library, "rb") as file:
                self.file(library, file.read())

    def bytes(self):
        parts, names = list(self.parts), set(self.names)
        self.add("TRAILER!!!", 0)
        out = b"".join(self.parts)
        self.parts, self.names = parts, names
        return out


def add_modules(archive, tree, modules):
    version, = os.listdir(os.path.join(tree, "lib/modules"))
    order = []
    for module in modules:
        shown = output(need("modprobe"), "-d", tree, "-S", version, "--show-depends", module)
        for path in re.findall(r"^insmod (\S+)", shown, re.M):
            name = os.path.basename(path)
            if name not in order:
                with open(path, "rb") as file:
                    archive.file(f"modules/{name}", file.read())
                order.append(name)
    archive.file("modules/order", "".join(f"{name}\n" for name in order).encode())


class Guest:
    def __init__(self):
        self.qemu = need("qemu-system-x86_64")
        if os.uname().machine != "x86_64":
            raise unittest.SkipTest("the guest is of x86-64, as its programs are those of this host")
        build = os.environ.get("BUILD")
        if not build:
            raise unittest.SkipTest("set BUILD to the build tree")
        self.tree = unpack_kernel(os.path.join(os.path.abspath(build), "guest"))
        self.kernel, = glob.glob(os.path.join(self.tree, "boot/vmlinuz-*"))

    def run(self, script, programs=(), modules=(), files=None, timeout_s=BOOT_S, append="", memory_mib=768):
        """Returns what the script wrote. `programs`: names, or (path, path in the guest)."""
        archive = Archive()
        for name in ("proc", "sys", "dev", "tmp", "run", "root", "var/lib", "etc"):
            archive.directory(name)
        archive.link("var/run", "/run")
        busybox = need("busybox")
        archive.program(busybox, "bin/busybox")
        archive.program(need("dash"), "bin/dash")
        for program in programs:
            path, name = program if isinstance(program, tuple) else (need(program), None)
            archive.program(os.path.realpath(path), name or f"usr/bin/{os.path.basename(path)}")
        for applet in output(busybox, "--list").split():
            archive.link(f"bin/{applet}", "busybox")
        add_modules(archive, self.tree, modules)
        for path, content in (files or {}).items():
            archive.file(path, content if isinstance(content, bytes) else content.encode(), 0o644)
        archive.file("script.sh", script.encode())
        archive.file("init", INIT.encode())
        with tempfile.NamedTemporaryFile(suffix=".cpio") as image:
            image.write(archive.bytes())
            image.flush()
            return self.boot(image.name, timeout_s, append, memory_mib)

    def boot(self, image, timeout_s, append, memory_mib):
        argv = [self.qemu, "-accel", "tcg", "-cpu", "max", "-m", str(memory_mib), "-smp", "1",
                "-kernel", self.kernel, "-initrd", image, "-nographic", "-no-reboot",
                "-nic", "none", "-append",
                f"console=ttyS0 quiet panic=-1 rdinit=/init mitigations=off {append}"]
        begun = time.monotonic()
        # In a process group of its own, so that a stop of the tests ends it as well.
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        try:
            raw, _ = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            raw, _ = child.communicate()
            raise AssertionError(f"the guest has not ended after {timeout_s} s:\n"
                                 f"{raw.decode(errors='replace')[-4000:]}") from None
        text = raw.decode(errors="replace").replace("\r", "")
        self.seconds = time.monotonic() - begun
        found = re.search(r"@@@ BEGIN\n(.*?)^@@@ END (\d+)$", text, re.M | re.S)
        if not found:
            raise AssertionError(f"the guest's script has not ended:\n{text[-4000:]}")
        return found[1]


def sections(text):
    """What was written after each line `@@ NAME`."""
    parts = re.split(r"^@@ (.*)\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))

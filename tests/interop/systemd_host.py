# SPDX-License-Identifier: Apache-2.0
"""A machine that systemd has booted: a container of systemd-nspawn with a root of its own in a temporary directory, the
/usr of this one (read-only), the programs under test in /usr/local/sbin, and no network but its own.

    machine = systemd_host.Machine()     # raises SkipTest where that is not to be had
    machine.install_unit("loadstard.service", drop_ins={"watchdog.conf": "[Service]..."})
    machine.run("systemctl", "start", "loadstard")
    with machine:                        # sockets made in here are on it
        ...
    machine.close()                      # nothing of it is left

Its control groups are one of their own, beneath that of the test."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "system"))
import harness
import netns

CONTRIB = os.path.join(here, "../../contrib")
PATIENCE = 120  # s; for what a busy machine does at last
SBIN = "/usr/local/sbin"
PROGRAMS = (("LOADSTARD", "loadstard"), ("LOADSTARCTL", "loadstarctl"), ("LOADSTAR_L4", "loadstar-l4"))
# Not of a container's own, or only slower: what is left is the manager, the journal, and users and directories.
MASKED = ("systemd-firstboot.service", "systemd-networkd.service", "systemd-network-generator.service", "systemd-logind.service",
          "systemd-update-utmp.service", "systemd-journal-catalog-update.service", "ldconfig.service", "dev-hugepages.mount",
          "systemd-networkd.socket", "systemd-pcrphase.service", "dbus.service", "dbus.socket", "systemd-hwdb-update.service")
# What systemd needs of the kernel for units that are confined, which a container in a container may not give.
PROBE = """\
[Service]
Type=oneshot
ExecStart=/bin/true
User=nobody
AmbientCapabilities=CAP_NET_BIND_SERVICE
PrivateDevices=yes
PrivateMounts=yes
PrivateTmp=yes
ProcSubset=pid
ProtectHostname=yes
ProtectProc=invisible
ProtectSystem=strict
RestrictNamespaces=yes
"""
ENTER = ["nsenter", "-m", "-p", "-n", "-u", "-i", "-C", "-t"]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def status_of(pid):
    """The lines of /proc/PID/status."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    except OSError:
        return {}


def first_of(pid):
    """The process among those beneath that is the first of a namespace and runs systemd."""
    for child in children(pid):
        status = status_of(child)
        if status.get("NSpid", "").split()[-1:] == ["1"] and status.get("Name") == "systemd":
            return child
        found = first_of(child)
        if found:
            return found
    return None


class Groups:
    """Control groups, one in each hierarchy that systemd keeps: the container's are beneath."""

    def __init__(self, name):
        self.made = []
        with open("/proc/self/cgroup") as file:
            mine = {words[1]: words[2].strip() for words in (line.split(":", 2) for line in file)}
        with open("/proc/self/mounts") as file:
            mounts = [line.split() for line in file]
        for _, place, kind, options, *_ in mounts:
            of = "" if kind == "cgroup2" else "name=systemd"
            if (kind == "cgroup2" or kind == "cgroup" and of in options.split(",")) and of in mine:
                path = os.path.join(place, mine[of].strip("/"), name)
                os.mkdir(path)
                self.made.append(path)

    def enter(self):
        for path in self.made:
            with open(os.path.join(path, "cgroup.procs"), "w") as file:
                file.write(str(os.getpid()))

    def remove(self):
        for path in self.made:
            for inner, _, _ in os.walk(path, topdown=False):
                try:
                    os.rmdir(inner)
                except OSError:
                    pass  # somebody is in there yet: the caller comes again
        self.made = [path for path in self.made if os.path.exists(path)]
        return not self.made


class Network(netns.Host):
    """Of a process, without a name."""

    def __init__(self, leader):
        super().__init__("", "lo", [])
        self.path = f"/proc/{leader}/ns/net"


class Machine:
    def __init__(self, name="ls-systemd"):
        if os.geteuid() != 0:
            raise unittest.SkipTest("a container with systemd needs root")
        for tool in ("systemd-nspawn", "systemctl", "nsenter"):
            if not shutil.which(tool):
                raise unittest.SkipTest(f"{tool} is missing (Debian's packages systemd-container, systemd, util-linux)")
        self.name = f"{name}-{os.getpid()}"
        self.root = tempfile.mkdtemp(prefix=self.name + "-")
        self.nspawn = self.leader = None
        try:
            self.groups = Groups(self.name)
        except OSError as error:
            shutil.rmtree(self.root)
            raise unittest.SkipTest(f"no control group to be had: {error}") from error
        try:
            self.furnish()
            self.boot()
            self.probe()
        except BaseException:
            self.close()
            raise

    # ---- its files ----

    def path(self, path):
        """Where a file of its root is here. What it has mounted (/run, /dev, /proc) is seen by mounted()."""
        return self.root + path

    def mounted(self, path):
        return f"/proc/{self.leader}/root{path}"

    def write(self, path, text, mode=0o644):
        whole = self.path(path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w") as file:
            file.write(text)
        os.chmod(whole, mode)

    def read(self, path):
        with open(self.path(path)) as file:
            return file.read()

    def furnish(self):
        os.chmod(self.root, 0o755)
        for directory in ("etc/systemd/system", "usr/lib", "usr/local", "var/lib", "tmp", "root", "local/sbin"):
            os.makedirs(os.path.join(self.root, directory))
        for name in ("bin", "sbin", "lib", "lib32", "lib64"):
            if os.path.islink("/" + name):
                os.symlink("usr/" + name, os.path.join(self.root, name))
        for name in ("/usr/lib/os-release", "/etc/nsswitch.conf"):
            shutil.copy(name, self.path(name))
        self.write("/etc/machine-id", "6c6f6164737461726c6f616473746172\n")
        for name in MASKED:
            os.symlink("/dev/null", self.path("/etc/systemd/system/" + name))
        for variable, program in PROGRAMS:
            shutil.copy(harness.program(variable, program), os.path.join(self.root, "local/sbin", program))
        with open(os.path.join(CONTRIB, "systemd/loadstar.sysusers.conf")) as file:
            self.write("/etc/sysusers.d/loadstar.conf", file.read())

    def install_unit(self, unit, drop_ins=None):
        """A unit as `make install` writes it, and its drop-ins: {file name: text}, of which others are removed."""
        with open(os.path.join(CONTRIB, "systemd", unit + ".in")) as file:
            self.write(f"/etc/systemd/system/{unit}", file.read().replace("@sbindir@", SBIN).replace("@sysconfdir@", "/etc"))
        shutil.rmtree(self.path(f"/etc/systemd/system/{unit}.d"), ignore_errors=True)
        for name, text in (drop_ins or {}).items():
            self.write(f"/etc/systemd/system/{unit}.d/{name}", text)
        self.run("systemctl", "daemon-reload")

    @staticmethod
    def drop_in(name):
        with open(os.path.join(CONTRIB, "systemd", name)) as file:
            return file.read()

    # ---- its life ----

    def boot(self):
        """Where it comes to nothing, the machine cannot: other tests prove what does not take a boot."""
        self.log = tempfile.TemporaryFile("w+")
        argv = ["systemd-nspawn", "--quiet", "-D", self.root, "--bind-ro=/usr", f"--bind-ro={self.root}/local:/usr/local",
                "--private-network", "--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off",
                "--timezone=off", f"--machine={self.name}", "--console=pipe",
                "--capability=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON", "--system-call-filter=bpf",
                "--boot", "systemd.unit=basic.target"]
        self.nspawn = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                       env=dict(os.environ, UNIFIED_CGROUP_HIERARCHY="1"), preexec_fn=self.groups.enter)
        try:
            harness.wait_for(self.is_up, PATIENCE, 0.2)
        except AssertionError as error:
            said = " / ".join(self.said().split("\n")[-3:])
            raise unittest.SkipTest(f"systemd does not boot in a container here: {error}: {said[-400:]}") from error

    def probe(self):
        self.write("/etc/systemd/system/ls-probe.service", PROBE)
        self.run("systemctl", "daemon-reload")
        if self.run("systemctl", "start", "ls-probe", check=False).returncode != 0:
            raise unittest.SkipTest(f"systemd cannot confine a unit in a container here: {self.journal('ls-probe')[-400:]}")

    def said(self):
        self.log.seek(0)
        return self.log.read().strip()

    def is_up(self):
        if self.nspawn.poll() is not None:
            raise AssertionError(f"systemd-nspawn ended with {self.nspawn.returncode}")
        self.leader = self.leader or first_of(self.nspawn.pid)
        if not self.leader:
            return False
        self.network = Network(self.leader)
        return self.run("systemctl", "is-active", "basic.target", check=False).stdout == "active\n"

    def close(self):
        if self.nspawn and self.nspawn.poll() is None:
            if self.leader:
                os.kill(self.leader, signal.SIGKILL)  # all that is in it goes with it
            else:
                self.nspawn.kill()
            self.nspawn.wait(PATIENCE)
        harness.wait_for(self.groups.remove, PATIENCE, 0.05)
        shutil.rmtree(self.root)
        if self.nspawn:
            self.log.close()

    # ---- what is done on it ----

    def run(self, *argv, check=True):
        done = subprocess.run([*ENTER, str(self.leader), *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env={"PATH": f"{SBIN}:/usr/sbin:/usr/bin", "LC_ALL": "C"}, timeout=2 * PATIENCE)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}\n{self.journal()}")
        return done

    def show(self, unit, *names):
        """Properties of a unit: one as text, several as a mapping."""
        said = self.run("systemctl", "show", unit, *(f"-p{name}" for name in names)).stdout
        found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        return found[names[0]] if len(names) == 1 else found

    def main_pid(self, unit):
        """As it is known on this side."""
        inside = self.show(unit, "MainPID")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            words = status_of(pid).get("NSpid", "").split()
            if len(words) == 2 and words[1] == inside and os.path.exists(f"/proc/{pid}/ns/pid") and \
                    os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{self.leader}/ns/pid"):
                return int(pid)
        return None

    def journal(self, unit="loadstar*"):
        argv = [*ENTER, str(self.leader), "journalctl", "--no-pager", "-o", "short-monotonic", f"--unit={unit}"]
        return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE).stdout[-6000:]

    def wait_for(self, predicate, unit="loadstar*"):
        """With what the unit's journal says, when it does not come."""
        try:
            return harness.wait_for(predicate, PATIENCE, 0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.journal(unit)}") from error

    def __enter__(self):
        return self.network.__enter__()

    def __exit__(self, *_):
        self.network.__exit__()

# SPDX-License-Identifier: Apache-2.0
"""What a real nginx is kept from: configurations that are broken, tests that hang, others' files."""
import os
import shutil
import stat
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))
import harness  # noqa: E402
import nginx_peer  # noqa: E402
from nginx_peer import PATIENCE, upstream_lines  # noqa: E402


class Faults(nginx_peer.Case):

    def test_a_broken_template_reaches_no_nginx(self):
        self.begin(n=2)
        good = upstream_lines(self.nginx.file("web"))
        reloads = self.nginx.reloads()
        self.nginx.write(more="no_such_directive on;")
        self.d.ctl("set", "web/ams/b1", "drain")
        self.d.wait_for(lambda: self.state()["state"] == "stale", PATIENCE)
        error = self.state().get("last_error", "")
        self.assertIn('unknown directive "no_such_directive"', error)
        self.assertIn("is as it was", error)
        self.assertEqual(upstream_lines(self.nginx.file("web")), good)
        self.assertEqual(self.nginx.reloads(), reloads)
        self.assertEqual(set(self.clients.wait_for_more(60)), {"b0", "b1"})
        self.nginx.write()
        self.settled({0: "weight=100", 1: "down"})
        self.assertEqual(self.clients.failures(), [])

    def script(self):
        """A test that does what a file says: passes, hangs, or leaves somebody behind."""
        path = os.path.join(self.dir, "test")
        with open(path, "w") as file:
            file.write(f"""#!/bin/sh
case $(cat {self.dir}/mode) in
hang) echo "about to hang" >&2; sleep 1000 ;;
fork) sleep 1000 & ;;
esac
exit 0
""")
        os.chmod(path, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        return path

    def mode(self, mode):
        with open(os.path.join(self.dir, "mode.new"), "w") as file:
            file.write(mode)
        os.replace(os.path.join(self.dir, "mode.new"), os.path.join(self.dir, "mode"))

    def test_a_test_that_hangs_is_put_an_end_to(self):
        self.dir = tempfile.mkdtemp(prefix="ls-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.mode("fork")
        self.begin(n=2, test=[self.script()])
        good = upstream_lines(self.nginx.file("web"))
        self.mode("hang")
        self.d.ctl("set", "web/ams/b1", "drain")
        written = {**good, f"{self.web[1].address}:{self.web[1].port}": "down"}
        self.d.wait_for(lambda: upstream_lines(self.nginx.file("web")) == written, PATIENCE)
        # An end in the middle of it: nobody gets what was not tested.
        self.d.kill()
        self.mode("fork")
        self.d.start()
        self.settled({0: "weight=100", 1: "down"})
        self.mode("hang")
        self.d.ctl("set", "web/ams/b1", "auto")
        self.d.wait_for(lambda: "took longer" in (self.state().get("last_error", "")), PATIENCE)
        self.assertEqual(upstream_lines(self.nginx.file("web")), written)
        # It answers others all the same.
        self.d.ctl("status", check=False)
        self.mode("fork")
        self.settled({i: "weight=100" for i in range(2)})
        self.assertEqual(self.clients.failures(), [])

    def test_what_is_not_ours_stays(self):
        self.set_up(n=1)
        theirs = "upstream web { server 127.0.0.1:9; }\n"
        path = self.nginx.file("web")
        with open(path, "w") as file:
            file.write(theirs)
        self.nginx.start()
        self.d.start()
        self.d.wait_for(lambda: self.state()["state"] == "refused", PATIENCE)
        self.assertIn("adopt: true", self.state().get("last_error", ""))
        with open(path) as file:
            self.assertEqual(file.read(), theirs)
        self.tier = {"adopt": True}
        self.d.write("tiers.yaml", self.tiers())
        self.d.reload()
        self.settled({0: "weight=100"})
        with open(path + ".before") as file:
            self.assertEqual(file.read(), theirs)
        # Another node's.
        with open(path) as file:
            foreign = file.read().replace("node=", "node=other-", 1)
        with open(path, "w") as file:
            file.write(foreign)
        self.d.wait_for(lambda: self.state()["state"] == "refused", PATIENCE)
        self.assertIn("other-", self.state().get("last_error", ""))
        with open(path) as file:
            self.assertEqual(file.read(), foreign)


if __name__ == "__main__":
    harness.main()

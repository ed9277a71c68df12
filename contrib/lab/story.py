# SPDX-License-Identifier: Apache-2.0
"""What happens in `lab.sh story`, step by step. Each step waits until what it is about has come about, however
long that takes, and then until each client has made some more requests."""
import time

from world import PATIENCE, PREFIX, harness, shows


class Story:
    def __init__(self, world, timeline, crowd):
        self.world, self.timeline, self.crowd = world, timeline, crowd
        self.ams, self.iad = world.nodes["ams"], world.nodes["iad"]

    def play(self):
        self.phase("1 a back end behind ams' tier dies, and comes back", self.back_end, self.ams, "web1")
        self.phase("2 a back end behind iad's tier dies, and comes back", self.back_end, self.iad, "web2")
        self.phase("3 ams is drained, and taken back", self.drain)
        self.phase("4 loadstard at ams is killed, and started again", self.dead_node)
        self.phase("5 a configuration that is wrong", self.bad_configuration)

    def phase(self, name, play, *args):
        self.timeline.heading(name)
        self.crowd.phase(name)
        play(*args)
        self.wait("that clients go on", self.crowd.going_on())
        self.timeline.settle()

    def wait(self, what, predicate, timeout=2 * PATIENCE):
        try:
            harness.wait_for(predicate, timeout, 0.1)
        except AssertionError:
            raise AssertionError(f"waited {timeout} s in vain: {what}") from None

    def say(self, where, text):
        self.timeline.add(time.time(), "you", where, text)

    def order(self, node, *words):
        """loadstarctl at a node, as the timeline tells it."""
        self.say(node.name, "loadstarctl " + " ".join(words))
        return node.ctl(*words, timeout=PATIENCE * 2)

    # The parts

    def back_end(self, node, name):
        process, begin = node.backends[name], time.time()
        self.say(node.name, f"kill -9 {name}")
        process.kill()
        self.crowd.died(node.name, begin)
        self.wait(f"{name} is down, and its tier knows", lambda: self.is_out(node, name))
        self.wait(f"{node.name} is announced as the second choice", lambda: self.path_length(node) == 3)
        self.wait("clients go on", self.crowd.going_on())
        self.say(node.name, f"start {name} again")
        process.start()
        self.wait_whole(node)

    def is_out(self, node, name):
        member = node.tier_members().get(f"{node.name}-{name}")
        return member and shows(member) != "ready 100" and \
            all(n.endpoint("back", node.name, name) == "down" for n in self.world.nodes.values())

    def path_length(self, node):
        route = self.world.router.route(PREFIX, node.name)
        return route and len(route.path)

    def wait_whole(self, node):
        """Until a node serves as it did at the beginning, and its clients are back."""
        self.wait(f"{node.name} serves again", lambda: self.world.serves(node))
        self.wait(f"the router has it so", lambda: self.path_length(node) == 1 and self.world.best() == "ams")
        self.wait(f"clients of ams are there", lambda: self.crowd.all_at("ams", "de", "jp"))

    def drain(self):
        for node in (self.iad, self.ams):  # orders are of one node each
            words = ["set", "ams", "drain"] + (["--wait"] if node is self.ams else [])
            done = self.order(node, *words)
            if done.returncode != 0:
                raise AssertionError(f"the drain at {node.name}: {done.stdout}{done.stderr}")
        self.say("ams", "nothing is left there: safe to work on it")
        if not self.crowd.all_at("iad"):
            raise AssertionError("the drain is over, but there are clients at ams")
        self.wait("ams is withdrawn", lambda: self.path_length(self.ams) is None)
        self.wait("clients go on", self.crowd.going_on())
        for node in (self.ams, self.iad):
            self.order(node, "set", "ams", "auto")
        self.wait_whole(self.ams)

    def dead_node(self):
        self.say("ams", "kill -9 loadstard")
        self.ams.loadstard.kill()
        self.wait("ams is withdrawn", lambda: self.path_length(self.ams) is None)
        self.wait("clients go on for longer than any answer lives", self.crowd.going_on(40))
        self.say("ams", "start loadstard again")
        self.ams.loadstard.start()
        self.wait_whole(self.ams)

    def bad_configuration(self):
        path = self.world.dir + "/pools.yaml"
        with open(path) as file:
            good = file.read()
        self.say("ams iad", "edit pools.yaml: stear: nearest")
        self.write(path, good.replace("steer: nearest", "stear: nearest"))
        for node in self.world.nodes.values():
            done = self.order(node, "reload")
            if done.returncode != 1:
                raise AssertionError(f"not refused at {node.name}: {done.stdout}{done.stderr}")
            for line in done.stderr.splitlines():
                self.say(node.name, line)
        self.wait("clients go on for longer than any answer lives", self.crowd.going_on(40))
        self.say("ams iad", "edit pools.yaml: steer: nearest")
        self.write(path, good)
        for node in self.world.nodes.values():
            done = self.order(node, "reload")
            if done.returncode != 0:
                raise AssertionError(f"refused at {node.name}: {done.stdout}{done.stderr}")

    @staticmethod
    def write(path, text):
        with open(path, "w") as file:
            file.write(text)

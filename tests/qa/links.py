#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the libraries of src use of each other: fails when one needs a symbol that only a library above or beside its own
defines (tests/qa/includes.py says what is below), and when the link lists name a library twice or one that may not be there.

The linker finds an upward use only where a program pulls in the member that has it; this looks at every member.
And what programs hold in the end: loadstar-l4 nothing of those libraries that it is to do without.
Run by `make check` in the build directory, with $srcdir set.
"""
import os
import pathlib
import re
import subprocess
import sys

source = pathlib.Path(os.environ.get("srcdir", "."))
sys.path.insert(0, str(source / "tests/qa"))
sys.dont_write_bytecode = True
from includes import BELOW  # noqa: E402


def symbols(archive):
    """(defined, {undefined: [members that use it]}) of an archive."""
    nm = subprocess.run([os.environ.get("NM", "nm"), "-A", "-P", "-g", archive], capture_output=True, text=True, check=True)
    defined, used = set(), {}
    for line in nm.stdout.splitlines():
        found = re.match(r".*\[(.+)\]: (\S+) (\S)", line)
        if not found:
            continue
        member, name, kind = found.groups()
        if kind in "Uwv":
            used.setdefault(name, []).append(member)
        else:
            defined.add(name)
    return defined, used


def assignments(makefile):
    """Every variable of a makefile that lists what a program links, references to each other resolved."""
    text = makefile.read_text().replace("\\\n", " ")
    raw = dict(re.findall(r"^((?:LINK|UNIT)_\w+|\w+_LDADD) = (.*)$", text, re.M))

    def words(value):
        for word in value.split():
            inner = re.fullmatch(r"\$\(((?:LINK|UNIT)_\w+)\)", word)
            yield from words(raw[inner[1]]) if inner else (word,)

    return {name: list(words(value)) for name, value in raw.items()}


def closure(module):
    """A module and all that is below it, through others too."""
    return {module}.union(*(closure(m) for m in BELOW[module]))


# Whose fixtures reach higher than the folder they test: a world made of configuration text, zones compiled to be asked.
FIXTURES = {"health": {"config"}, "tier": {"config"}, "anycast": {"config"}, "answer": {"compile"}, "compile": {"answer"}, "ctl": {"load"}, "out": {"config"}, "snapshot": {"answer", "compile"}}


def check_symbols():
    have = {m: symbols(f"lib{m}.a") for m in BELOW if m != "main"}
    for module, (defined, used) in have.items():
        for name, members in sorted(used.items()):
            if name in defined or any(name in have[m][0] for m in BELOW[module]):
                continue
            for above in (m for m in have if name in have[m][0]):
                yield f"lib{module}.a({members[0]}): needs {name} of lib{above}.a, which {module} may not use"
        for other in have:
            twice = defined & have[other][0]
            if other < module and twice:
                yield f"lib{module}.a and lib{other}.a both define {', '.join(sorted(twice))}"


# Programs, the libraries that they hold nothing of, and the shared ones with what their symbols begin with.
WITHOUT = {"loadstar-l4": ({"answer", "snapshot", "compile", "geo", "io"}, {"ldns": "ldns_", "maxminddb": "MMDB_"})}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def names(path, *options):
    """Every symbol that is defined in an archive or a program, for others or not."""
    found = (re.match(r"(\S+) (\S)", line) for line in output(os.environ.get("NM", "nm"), "-P", *options, path).splitlines())
    return {f[1] for f in found if f and f[2] not in "Uwv"}


def check_program(program, without, shared):
    """A static function elsewhere may be called as one of a library that is not linked."""
    if not pathlib.Path(program).exists():
        yield f"{program} is not built"
        return
    held = names(program)
    for other in set(BELOW) - without - {"main"}:
        held -= names(f"lib{other}.a")
    for module in sorted(without):
        found = held & symbols(f"lib{module}.a")[0]
        if found:
            yield f"{program}: holds {', '.join(sorted(found)[:5])} of lib{module}.a, which it is to do without"
    needed = re.findall(r"NEEDED.*\[lib(\w+)\.so", output("readelf", "-d", program))
    used = re.findall(r"^(\w+)", output(os.environ.get("NM", "nm"), "-D", "-P", "-u", program), re.M)
    for library, prefix in shared.items():
        found = [u for u in used if u.startswith(prefix)]
        if found or library in needed:
            yield f"{program}: needs {', '.join(found[:5]) or 'nothing'} of lib{library}, and is to do without it"


def check_programs():
    for program, (without, shared) in WITHOUT.items():
        yield from check_program(program, without, shared)


def check_lists():
    lists = assignments(pathlib.Path("Makefile"))
    for variable, words in lists.items():
        archives = [w[3:-2] for w in words if re.fullmatch(r"lib\w+\.a", w)]
        for i, name in enumerate(archives):
            if name in archives[i + 1:]:
                yield f"{variable}: lib{name}.a stands twice"
            for later in archives[i + 1:]:
                if name in closure(later) - {later}:
                    yield f"{variable}: lib{name}.a stands before lib{later}.a, which uses it"
        module = re.match(r"LINK_(\w+)$", variable)
        if module and set(archives) != closure(module[1]):
            yield f"{variable} is {archives}, but {module[1]} and what is below are {sorted(closure(module[1]))}"
        tested = re.match(r"tests_unit_([a-z0-9]+)_\w+_LDADD$", variable)
        if tested:
            may = closure(tested[1]).union(*(closure(m) for m in FIXTURES.get(tested[1], ())))
            for name in sorted(set(archives) - may):
                yield f"{variable}: lib{name}.a is above {tested[1]}"
    for module in BELOW:
        if module != "main" and f"LINK_{module}" not in lists:
            yield f"no list LINK_{module}"


def main():
    bad = [*check_symbols(), *check_lists(), *check_programs()]
    print("\n".join(bad + [f"links: {len(BELOW) - 1} libraries, {len(WITHOUT)} program, {len(bad)} against the layers"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

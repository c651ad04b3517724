"""Proves the drawing of the house in README.md: arrows only go down, rooms have no doors between them, cores are pure.

    layers_test.py SOURCE-FOLDER BUILD-FOLDER

Three proofs: the includes of every file; the link lines of every core (no Boost, no thread, no system library but what is
said here); and that the proofs themselves catch a planted sin.
"""

import re
import sys
from pathlib import Path

# A floor's folder -> the folders whose headers it may include, besides its own. The longest matching folder counts.
MAY_INCLUDE = {
    "daemon/base": [],
    "daemon/config": ["daemon/base"],
    "daemon/netlink": ["daemon/base"],
    "daemon/loop": ["daemon/base"],
    "daemon/bus": ["daemon/base", "daemon/loop"],
    "vrrp": ["daemon/base"],
    "vrrp/io": ["vrrp", "daemon/base", "daemon/config", "daemon/netlink", "daemon/loop", "daemon/bus"],
    "checkers": ["daemon/base"],
    "checkers/io": ["checkers", "daemon/base", "daemon/config", "daemon/netlink", "daemon/loop", "daemon/bus"],
    "forwarding": ["daemon/base"],
    "forwarding/bpf": ["forwarding"],
    "forwarding/testing": ["forwarding", "daemon/base"],
    "forwarding/sync": ["forwarding", "daemon/base"],
    "forwarding/io": ["forwarding", "forwarding/sync", "daemon/base", "daemon/config", "daemon/netlink", "daemon/loop",
                      "daemon/bus"],
    "daemon/control": ["daemon/base", "daemon/config", "daemon/loop", "daemon/bus"],
    "daemon/supervisor": ["daemon/base", "daemon/config", "daemon/netlink", "daemon/loop", "daemon/bus"],
    "daemon/tandemctl": ["daemon/base", "daemon/config", "daemon/loop", "daemon/bus"],
}
# Cores: their own files include the standard library, Linux's packet formats, and what stands above; nothing else.
PURE = ["daemon/base", "vrrp", "checkers", "forwarding", "forwarding/sync"]
SYSTEM_HEADERS_OF_CORES = {"arpa/inet.h", "linux/types.h", "stdint.h"}
# What a core may read of the clock, the network, the disk: nothing.
FORBIDDEN_IN_CORES = ["boost/", "sys/socket.h", "sys/epoll.h", "unistd.h", "time.h", "ctime", "fstream", "iostream", "thread",
                      "filesystem", "random", "systemd/", "openssl/", "netlink/", "bpf/"]
TESTS = ("_test.cc", "_fuzz.cc", "_bench.cc")


def folder_of(path, floors):
    parts = Path(path).parent.parts
    for length in range(len(parts), 0, -1):
        folder = "/".join(parts[:length])
        if folder in floors:
            return folder
    return None


def sins_of(path, text):
    """What is wrong with the includes of one file."""
    floor = folder_of(path, MAY_INCLUDE)
    if floor is None or path.endswith(TESTS):
        return []
    sins = []
    for mark, header in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M):
        if mark == '"':
            target = folder_of(header, MAY_INCLUDE)
            if target is None:
                sins.append(f'{path}: includes "{header}", which is no place of the house')
            elif target != floor and target not in MAY_INCLUDE[floor]:
                sins.append(f'{path}: "{header}" is above or beside {floor}, not below it')
        elif floor in PURE:
            if any(header == word or (word.endswith("/") and header.startswith(word)) for word in FORBIDDEN_IN_CORES):
                sins.append(f"{path}: <{header}> has no place in a core")
            elif "/" in header and header not in SYSTEM_HEADERS_OF_CORES:
                sins.append(f"{path}: <{header}> is a system header a core does not need")
        elif header.startswith("boost/") and floor == "daemon/config":
            sins.append(f"{path}: the cellar's configuration has no Boost")
    if floor in PURE and re.search(r"(steady|system)_clock::now|clock_gettime|gettimeofday|\brand\(\)|std::random_device", text):
        sins.append(f"{path}: a core reads no clock and rolls no dice")
    return sins


def sins_of_link_lines(build):
    """Every core's test program links what the core needs and GoogleTest: Boost must not be among it."""
    sins, seen = [], 0
    ninja = (build / "build.ninja").read_text()
    for match in re.finditer(r"^build (\S+_test)\b[^\n]*\n((?:  [^\n]*\n)*)", ninja, re.M):
        program, body = match.groups()
        floor = folder_of(program + "/x", PURE) if program.endswith("_test") else None
        floor = floor or folder_of(program, PURE)
        if floor is None or "/io/" in program:
            continue
        libraries = re.search(r"LINK_LIBRARIES = ([^\n]*)", body)
        if libraries is None:
            continue
        seen += 1
        for word in ("boost", "libnl", "nftables", "libssl", "systemd", "yaml", "libbpf"):
            if word in libraries.group(1):
                sins.append(f"{program} links {word}: the core below it is not pure")
    if seen < 4:
        sins.append(f"only {seen} core test programs found in {build}: this proof would prove nothing")
    return sins


def planted_sins():
    """Every kind of sin, planted, must be seen."""
    planted = {
        "vrrp/a.cc": '#include <boost/asio.hpp>\n',
        "vrrp/b.cc": '#include "vrrp/io/room.hpp"\n',
        "vrrp/io/c.cc": '#include "checkers/io/room.hpp"\n',
        "daemon/base/d.cc": '#include "daemon/bus/messages.hpp"\n',
        "checkers/e.cc": "auto now = std::chrono::steady_clock::now();\n",
        "forwarding/f.cc": "#include <sys/socket.h>\n",
        "forwarding/g.cc": "#include <bpf/libbpf.h>\n",
        "forwarding/bpf/h.bpf.c": '#include "daemon/base/address.hpp"\n',
        "daemon/netlink/i.cc": '#include "forwarding/engine.hpp"\n',
    }
    return [f"the planted sin in {path} was not seen" for path, text in planted.items() if not sins_of(path, text)]


def main():
    source, build = Path(sys.argv[1]), Path(sys.argv[2])
    sins, files = planted_sins(), 0
    for room in ("daemon", "vrrp", "checkers", "forwarding"):
        for path in sorted((source / room).rglob("*")):
            if path.suffix in (".cc", ".hpp", ".h", ".c"):
                files += 1
                sins += sins_of(str(path.relative_to(source)), path.read_text())
    sins += sins_of_link_lines(build)
    if files < 20:
        sins.append(f"only {files} files read: this proof would prove nothing")
    print("\n".join(sins) or f"{files} files keep to the drawing")
    return 1 if sins else 0


if __name__ == "__main__":
    sys.exit(main())

"""Prints the licences of all that is linked into a program: licences.py TOP PACKAGE. Each text once, names sorted."""

import hashlib
import json
import pathlib
import re
import subprocess
import sys

top, package = pathlib.Path(sys.argv[1]), sys.argv[2]
NAMES = re.compile(r"(licen[cs]e|copying|notice|copyright|unlicense)", re.IGNORECASE)


def ask(*arguments):
    """The answer of a cargo command, from what lies on this machine already."""
    command = ["cargo", *arguments, "--offline", "--locked", "--manifest-path", str(top / "Cargo.toml")]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


linked = set()
for line in ask("tree", "-p", package, "-e", "normal", "--prefix", "none", "-f", "{p}").splitlines():
    words = line.split()
    if len(words) >= 2 and not words[0].startswith("daicho"):
        linked.add((words[0], words[1].removeprefix("v")))

known = {(one["name"], one["version"]): one for one in json.loads(ask("metadata", "--format-version", "1"))["packages"]}
texts = {}
print(f"What others wrote and {package} holds. The texts follow the list; a number names a text.\n")
for name, version in sorted(linked):
    crate = known[name, version]
    numbers = []
    folder = pathlib.Path(crate["manifest_path"]).parent
    for path in sorted(folder.iterdir()):
        if path.is_file() and NAMES.search(path.name) and path.suffix not in (".rs", ".html"):
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            digest = hashlib.sha256(text.encode()).digest()
            numbers.append(texts.setdefault(digest, (len(texts) + 1, text))[0])
    told = ", ".join(map(str, numbers)) or "no text in its package"
    print(f"{name} {version}: {crate['license'] or 'see its text'} [{told}]")
for number, text in texts.values():
    print(f"\n{'=' * 72}\n[{number}]\n\n{text}")

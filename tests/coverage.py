#!/usr/bin/env python3
"""tests/coverage.py GCOVR.JSON OUT.MD: lines and branches reached, by room; the core and the store must reach 95 % of their branches.

Left out by rule, for no test can take them without breaking the machine: a branch that does nothing but end the process (`abort()`), which is what we do
when memory runs out. What else is not reached is listed in OUT.MD, and docs/coverage.md says why."""

import collections
import json
import pathlib
import re
import sys

MUST = {"change": 95.0, "store": 95.0}  # of branches, in percent


def ends_the_process(source, n):
    """Line n (from 1) is a condition over an abort()."""
    here, after = source[n - 1], source[n] if n < len(source) else ""
    if re.search(r"\babort\(\)", here):
        return True
    if re.match(r"\s*abort\(\);", after):
        return True
    # A condition over two lines.
    return n + 1 < len(source) and re.match(r"\s*abort\(\);", source[n + 1]) is not None and re.match(r"\s*(if|while) \(", here) is not None and not here.rstrip().endswith((")", ";", "{"))


def main():
    data = json.loads(pathlib.Path(sys.argv[1]).read_text())
    rooms = collections.defaultdict(lambda: [0, 0, 0, 0])
    missed = collections.defaultdict(list)
    for f in data["files"]:
        parts = pathlib.Path(f["file"]).parts
        if parts[0] != "src" or len(parts) < 3:
            continue
        room, source = rooms[parts[1]], pathlib.Path(f["file"]).read_text().splitlines()
        for line in f["lines"]:
            n = line["line_number"]
            if line.get("gcovr/noncode") or ends_the_process(source, n) or re.match(r"\s*abort\(\);", source[n - 1]):
                continue
            room[0] += line["count"] > 0
            room[1] += 1
            branches = line.get("branches", [])
            taken = sum(b["count"] > 0 for b in branches)
            room[2] += taken
            room[3] += len(branches)
            if parts[1] in MUST and taken < len(branches):
                missed[f["file"]].append((n, len(branches) - taken, len(branches), source[n - 1].strip()))
    out = ["| room | lines | branches |", "| --- | --- | --- |"]
    failed = False
    for name, (l, ln, b, bn) in sorted(rooms.items()):
        share = 100 * b / max(bn, 1)
        low = name in MUST and share < MUST[name]
        failed |= low
        out.append(f"| {name} | {100 * l / max(ln, 1):.1f} % of {ln} | {share:.1f} % of {bn}{' (less than ' + str(MUST[name]) + ' %)' if low else ''} |")
    print("\n".join(out))
    for file, lines in sorted(missed.items()):
        out += ["", f"## {file}", ""] + [f"- {n}: {m} of {k}: `{text}`" for n, m, k, text in lines]
    pathlib.Path(sys.argv[2]).write_text("\n".join(out) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

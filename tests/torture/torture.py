#!/usr/bin/env python3
"""Torture of the real binary. It is killed, starved, filled up and damaged, and the yard counts what took place.

    tests/torture/torture.py [--runs N] [--binary FILE] [NAME...]

Each torture ends with everything done exactly once, or with a clear error and everything done exactly once after the cause is gone."""

import argparse
import pathlib
import random
import tempfile
import time
import traceback

from kit import Box, Wrong, Yard, judge
import starve

ROOT = pathlib.Path(__file__).resolve().parents[2]


def kill(binary, folder, runs, rng):
    """SIGKILL at random instants, while many changes are planned and carried out."""
    yard = Yard(binary, folder / "yard")
    box = Box(binary, folder, yard)
    ids, planned, killed, rounds, quick = [], 0, 0, 0, 0
    try:
        while killed < runs:
            rounds += 1
            batch, todo = [], list(box.clients)
            while killed < runs:
                box.serve()
                end = time.monotonic() + rng.uniform(0.0, 1.0) ** 2 * 0.9
                while time.monotonic() < end:
                    if todo:
                        made = box.plan(todo[0], rounds)
                        if made:
                            batch.append(made)
                            todo.pop(0)
                        else:
                            time.sleep(0.005)
                    else:
                        time.sleep(min(0.05, max(0.0, end - time.monotonic())))
                quick += box.kill() != -9
                killed += 1
                if not todo and killed % 40 == 0:
                    break
            # Every so often it may come to its end.
            box.serve()
            while todo:
                made = box.plan(todo[0], rounds)
                if made:
                    batch.append(made)
                    todo.pop(0)
                elif box.process.poll() is not None:
                    raise Wrong(f"serve ended with {box.process.returncode}\n{box.said()}")
                else:
                    time.sleep(0.01)
            box.settle(batch, 300)
            box.stop()
            ids += batch
            judge(box, yard, ids)
            print(f"  {killed} kills, {len(ids)} changes", flush=True)
        deeds = judge(box, yard, ids)
        if quick:
            raise Wrong(f"serve ended by itself {quick} times\n{box.said()}")
        return f"{killed} kills, {len(ids)} changes, {deeds} deeds, each once"
    finally:
        if box.process and box.process.poll() is None:
            box.kill()
        yard.stop()


TORTURES = {"kill": kill, **starve.TORTURES}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="kills (default: 100)")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--binary", default=str(ROOT / "build" / "signalbox"))
    parser.add_argument("--keep", action="store_true", help="keep the folders, to look at")
    parser.add_argument("names", nargs="*")
    o = parser.parse_args()
    seed = o.seed if o.seed is not None else random.randrange(1 << 30)
    failed = 0
    for name, torture in TORTURES.items():
        if o.names and name not in o.names:
            continue
        folder = tempfile.TemporaryDirectory(prefix=f"torture-{name}-")
        if o.keep:
            folder._finalizer.detach()
            print(folder.name)
        began = time.monotonic()
        try:
            said = torture(o.binary, pathlib.Path(folder.name), o.runs, random.Random(seed))
            print(f"{name}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
        except starve.Skip as e:
            print(f"{name}: not here: {e}", flush=True)
        except Exception as e:
            failed += 1
            print(f"{name}: FAILED (--seed {seed}): {e if isinstance(e, Wrong) else traceback.format_exc()}", flush=True)
        if not o.keep:
            folder.cleanup()
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

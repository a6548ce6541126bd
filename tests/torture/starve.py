"""Tortures that take something away: space, a disk that can be written, memory, file descriptors, answers."""

import os
import pathlib
import resource
import shutil
import socket
import sqlite3
import subprocess
import time

from kit import Box, Wrong, Yard, judge, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTING = ROOT / "build" / "test" / "signalbox"


class Skip(Exception):
    """Cannot be done here."""


def with_world(torture):
    """A yard and the folder, put away afterwards."""
    def run(binary, folder, runs, rng):
        yard = Yard(binary, folder / "yard")
        boxes = []

        def box(**more):
            boxes.append(Box(more.pop("binary", binary), folder, yard, **more))
            return boxes[-1]
        try:
            return torture(box, yard, folder, rng)
        finally:
            for b in boxes:
                if b.process and b.process.poll() is None:
                    b.kill()
            yard.stop()
    run.__doc__ = torture.__doc__
    return run


def up(box):
    def answers():
        if box.process.poll() is not None:
            raise Wrong(f"serve ended with {box.process.returncode}\n{box.said()}")
        return box.ask("GET", "/healthz")
    wait_until(answers, 30, "serve to answer")


def plan_all(box, round):
    ids = []
    for client in box.clients:
        ids.append(wait_until(lambda c=client: box.plan(c, round), 60, f"a plan for {client}"))
    return ids


def has_said(box, *words):
    text = box.said()
    return any(w in text for w in words)


class Small:
    """A disk of a given size; needs root."""

    def __init__(self, path, size):
        self.path = pathlib.Path(path)
        self.path.mkdir()
        self.mounted = False
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", self.path],
                                               capture_output=True).returncode != 0:
            raise Skip("a disk of its own needs root and mount")
        self.mounted = True

    def remount(self, options):
        done = subprocess.run(["mount", "-o", f"remount,{options}", self.path], capture_output=True, text=True)
        if done.returncode != 0:
            raise Wrong(f"remount: {done.stderr}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", self.path], capture_output=True)


@with_world
def disk_full(box, yard, folder, rng):
    """The disk fills up while changes are under way; later there is space again, and nobody restarts anything."""
    with Small(folder / "disk", "64m") as disk:
        b = box(state=disk.path / "state")
        b.serve()
        up(b)
        ids = plan_all(b, 0)
        filler = disk.path / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 65536)
            except OSError:
                f.truncate(f.tell() - rng.randrange(0, 40000))
        refused = 0
        for client in b.clients:  # what a person is told while it is full
            made = b.ask("POST", f"/api/v1/changes/{ids[0]}/note", {"text": "x" * 15000})
            if made is None:
                raise Wrong(f"no answer on a full disk\n{b.said()}")
            if made[0] >= 300:
                refused += 1
                if "full" not in str(made[1]):
                    raise Wrong(f"on a full disk: {made}")
        if not refused:
            raise Wrong("the disk was not full")
        if b.process.poll() is not None:
            raise Wrong(f"serve ended with {b.process.returncode}\n{b.said()}")
        filler.unlink()
        b.settle(ids, 200)
        b.stop()
        deeds = judge(b, yard, ids)
        return f"{refused} notes refused while it was full, then {deeds} deeds, each once"


@with_world
def read_only_disk(box, yard, folder, rng):
    """The disk becomes read-only, as the kernel makes one that fails; a start on it says so; later it is mounted anew."""
    with Small(folder / "disk", "64m") as disk:
        b = box(state=disk.path / "state")
        b.serve()
        up(b)
        ids = plan_all(b, 0)
        b.kill()
        disk.remount("ro")
        done = b.run("serve", "--listen", "127.0.0.1:0", timeout=30)
        if done.returncode != 1 or "Read-only file system" not in done.stderr:
            raise Wrong(f"a start on a read-only disk: {done.returncode}: {done.stderr}")
        disk.remount("rw")
        b.serve()
        b.settle(ids, 200)
        b.stop()
        return f"a start was refused ({done.stderr.strip()[:60]}...), then {judge(b, yard, ids)} deeds, each once"


@with_world
def small_files(box, yard, folder, rng):
    """Files may not grow beyond a limit, which is a full disk for whoever is not root."""
    b = box()
    b.serve(limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY)))
    up(b)
    ids = []
    for round in range(6):
        for client in b.clients:
            try:
                made = b.plan(client, round)
            except Wrong as e:
                if "nothing of this was kept" not in str(e) and "large" not in str(e):
                    raise
                made = None
            if made and made not in ids:
                ids.append(made)
        time.sleep(0.2)
    if b.process.poll() is not None:
        raise Wrong(f"serve ended with {b.process.returncode}\n{b.said()}")
    b.kill()
    b.serve()
    up(b)
    ids = list(b.changes())
    for i in ids:
        b.ask("POST", f"/api/v1/changes/{i}/start", {})
    b.settle(ids, 300)
    b.stop()
    return f"{len(ids)} changes, {judge(b, yard, ids)} deeds, each once"


@with_world
def damaged_file(box, yard, folder, rng):
    """A page of the file is overwritten: the start is refused, recover explains, and a backup goes on."""
    b = box()
    b.serve()
    up(b)
    ids = plan_all(b, 0)
    time.sleep(0.5)
    b.kill()
    db = b.state / "signalbox.db"
    store = sqlite3.connect(db)  # brings the log into the file, as a start does
    store.execute("pragma wal_checkpoint(truncate)").fetchone()
    store.close()
    shutil.copy(db, folder / "backup")
    refused = met = 0
    pages = db.stat().st_size // 4096
    for page in rng.sample(range(1, pages), min(6, pages - 1)):
        data = bytearray((folder / "backup").read_bytes())
        data[page * 4096:(page + 1) * 4096] = rng.randbytes(4096)
        db.write_bytes(data)
        pathlib.Path(f"{db}-wal").write_bytes(b"\0" * 32)  # an unclean end: the file is looked at
        done = b.run("recover", "--to", folder / f"saved-{page}")
        if done.returncode not in (0, 1) or ("changes that are known of are whole" not in done.stdout and "damaged" not in done.stderr):
            raise Wrong(f"recover of page {page}: {done.returncode}\n{done.stdout}{done.stderr}")
        with open(folder / "out", "w") as out:
            p = subprocess.Popen(b.words("serve", "--listen", "127.0.0.1:0"), env=b.environment(), stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            status = p.wait(timeout=1.5)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
            raise Wrong(f"served a file with a damaged page {page}") from None
        said = (folder / "out").read_text()
        if status != 1 or "damaged" not in said:
            raise Wrong(f"page {page}: serve ended with {status}: {said}")
        refused += 1
        met += "nothing is missing" in done.stdout.lower()
    for tail in ("-wal", "-shm"):
        pathlib.Path(f"{db}{tail}").unlink(missing_ok=True)
    shutil.copy(folder / "backup", db)
    b.serve()
    b.settle(ids, 200)
    b.stop()
    return f"{refused} starts refused, {met} files saved whole; the backup: {judge(b, yard, ids)} deeds, each once"


@with_world
def few_descriptors(box, yard, folder, rng):
    """So few file descriptors that connections cannot be opened, and clients that take what is left."""
    b = box(clients=8)
    n = 0
    for limit in (24, 32, 48, 80):
        b.serve(limit=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        hogs = []
        try:
            for _ in range(200):
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(1)
                try:
                    s.connect(str(b.state / "signalbox.sock"))
                    hogs.append(s)
                except OSError:
                    s.close()
                    time.sleep(0.002)
            time.sleep(0.3)
        finally:
            for s in hogs:
                s.close()
        if b.process.poll() is not None:
            if b.process.returncode != 1 or not has_said(b, "Too many open files", "open files"):
                raise Wrong(f"with {limit} descriptors: ended with {b.process.returncode}\n{b.said()}")
            n += 1
            continue
        wait_until(lambda: b.ask("GET", "/healthz"), 20, f"an answer with {limit} descriptors after a crowd has left")
        for client in b.clients:
            try:
                b.plan(client, limit)
            except Wrong as e:  # not even the list of users can be opened, to see who asks
                if "denied" not in str(e):
                    raise
        time.sleep(0.5)
        if b.process.poll() is not None:
            raise Wrong(f"with {limit} descriptors: ended with {b.process.returncode}\n{b.said()}")
        b.kill()
    b.serve()
    up(b)
    plan_all(b, 0)
    ids = list(b.changes())
    for i in ids:
        b.ask("POST", f"/api/v1/changes/{i}/start", {})
    b.settle(ids, 300)
    b.stop()
    return f"{n} starts refused with the reason, then {judge(b, yard, ids)} deeds, each once"


@with_world
def little_memory(box, yard, folder, rng):
    """Memory runs out, with systems that answer 24 MiB: the process ends or goes on, and nothing is done twice."""
    b = box()
    ended = 0
    ids = []
    for megabytes in (40, 80, 120, 160, 240, 320):
        yard.fault(system="statuspage", method="POST", path="/v1", times=3, fault="giant")
        yard.fault(system="slack", method="POST", path="/api/chat.", times=3, fault="giant")
        limit = megabytes << 20
        b.serve(limit=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        end = time.monotonic() + 3
        while time.monotonic() < end and b.process.poll() is None:
            for client in b.clients:
                made = b.plan(client, 0)
                if made and made not in ids:
                    ids.append(made)
            time.sleep(0.1)
        ended += b.process.poll() is not None
        if b.process.poll() is None:
            b.kill()
    yard.no_faults()
    b.serve()
    up(b)
    ids = plan_all(b, 0)
    b.settle(ids, 300)
    b.stop()
    return f"{ended} of 6 ended for want of memory, then {judge(b, yard, ids)} deeds, each once"


@with_world
def hanging_systems(box, yard, folder, rng):
    """Systems that do not answer, answer after everybody has left, or lose the answer: for longer than we wait for them."""
    b = box(clients=12)
    for system, path in (("jenkins", "/job"), ("slack", "/api/chat.postMessage"), ("statuspage", "/v1"), ("jira", "/rest")):
        yard.fault(system=system, method="POST", path=path, times=4, after=1, fault="hang")
        yard.fault(system=system, method="POST", path=path, times=4, after=3, fault="delay", ms=5000)
        yard.fault(system=system, method="POST", path=path, times=4, after=5, fault="lose_answer")
    b.serve()
    up(b)
    ids = plan_all(b, 0)
    b.settle(ids, 420)
    b.stop()
    yard.no_faults()
    return f"{judge(b, yard, ids)} deeds, each once"


@with_world
def slow_disk(box, yard, folder, rng):
    """Each write of the database takes a while longer; it is killed now and then, and answers all the time."""
    if not TESTING.exists():
        raise Skip("needs the test build")
    b = box(binary=TESTING, clients=6)
    ids = []
    for pause in (30, 120, 5):
        b.serve(SIGNALBOX_SLOW_DISK=str(pause))
        up(b)
        for client in b.clients:
            made = b.plan(client, 0)
            if made and made not in ids:
                ids.append(made)
        if not b.ask("GET", "/healthz"):
            raise Wrong(f"does not answer while the disk is slow\n{b.said()}")
        b.kill()
    b.serve(SIGNALBOX_SLOW_DISK="3")
    up(b)
    ids = plan_all(b, 0)
    b.settle(ids, 300)
    b.stop()
    return f"{judge(b, yard, ids)} deeds, each once"


TORTURES = {
    "disk_full": disk_full, "read_only_disk": read_only_disk, "small_files": small_files, "damaged_file": damaged_file,
    "few_descriptors": few_descriptors, "little_memory": little_memory, "hanging_systems": hanging_systems, "slow_disk": slow_disk,
}

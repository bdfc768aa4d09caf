"""What the tests of the programs share: a private directory for names, processes that end with the test, and a
channel of any kind. Each test file is run as:

    python3 FILE.py DIRECTORY-OF-THE-PROGRAMS [--kinds=rationed|other] [unittest's arguments]

Of some kinds' objects the kernel gives each user few. With --kinds=rationed only these kinds are tested, and nothing
but what is asked of each kind; with --kinds=other all the rest."""
import ctypes
import functools
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAMS = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
RATIONED = ("mq", "signal", "sysv-mq")
KINDS = sys.argv.pop(1).removeprefix("--kinds=") if sys.argv[1:] and sys.argv[1].startswith("--kinds=") else "all"
PATIENCE = 60  # seconds for what takes far less; sanitizers and a busy machine are slow
# Goes into the environment of what strace(1) traces or a test kills at random, in which the address sanitizer cannot
# look for leaks.
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def die_with_the_test():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def program(name):
    path = os.path.join(PROGRAMS, name)
    if not os.path.exists(path):
        raise FileNotFoundError(path)
    return path


@functools.cache
def is_sanitized():
    """Whether the programs were built with a sanitizer, which makes them two to ten times slower."""
    with open(program("ipc"), "rb") as file:
        symbols = file.read()
    return b"__asan_init" in symbols or b"__tsan_init" in symbols


def is_long():
    """Whether the long forms of tests are wanted."""
    return os.environ.get("IPC_TEST_LONG", "0") not in ("", "0")


def allowed(seconds):
    """How long something may take that takes at most so long in an ordinary build."""
    return 5 * seconds if is_sanitized() else seconds


def all_kinds():
    """Every kind that the library lists, so that a new one is tested by being there."""
    listed = subprocess.run([program("ipc"), "kinds", "--json"], capture_output=True, check=True, timeout=PATIENCE)
    return {kind["name"]: kind for kind in json.loads(listed.stdout)}


class Collected:
    """What a stream of a child has said so far. Read by a thread of its own, so that a child never stands still
    because nobody reads."""

    def __init__(self, stream):
        self.bytes = b""
        self.changed = threading.Condition()
        self.ended = False
        self.stream = stream
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        while piece := os.read(self.stream.fileno(), 1 << 20):
            with self.changed:
                self.bytes += piece
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def until(self, wanted, patience=PATIENCE):
        """Waits until `wanted` has been said; returns all that was said by then."""
        with self.changed:
            self.changed.wait_for(lambda: wanted in self.bytes or self.ended, patience)
            if wanted not in self.bytes:
                raise AssertionError(f"{wanted!r} was not said; said was {self.bytes!r}")
            return self.bytes

    def all(self):
        self.thread.join(PATIENCE)
        return self.bytes


class Child(subprocess.Popen):
    """A process whose stdout and stderr, unless they are given, are collected."""

    def __init__(self, arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        super().__init__(arguments, preexec_fn=options.pop("preexec_fn", die_with_the_test), **options)
        self.out = Collected(self.stdout) if self.stdout else None
        self.err = Collected(self.stderr) if self.stderr else None

    def end(self, patience=PATIENCE):
        """Waits for the end; returns (exit code, stdout, stderr). A signal's number is negative."""
        self.wait(patience)
        return self.returncode, self.out.all() if self.out else b"", self.err.all().decode() if self.err else ""


def for_each_kind(test):
    """Makes of a test with a kind as its argument one that runs on all of them."""

    @functools.wraps(test)
    def run(self):
        for kind in all_kinds():
            if KINDS == "all" or (kind in RATIONED) == (KINDS == "rationed"):
                with self.subTest(kind=kind):
                    signal.alarm(3 * PATIENCE)
                    test(self, kind)

    run.is_for_each_kind = True
    return run


class Loader(unittest.TestLoader):
    def getTestCaseNames(self, case):
        names = super().getTestCaseNames(case)
        if KINDS == "rationed":
            return [name for name in names if hasattr(getattr(case, name), "is_for_each_kind")]
        return names


def read_until(descriptor, wanted, patience=PATIENCE):
    """Reads a descriptor of the test's own until `wanted` has been seen; returns all that was read."""
    seen = b""
    end = time.monotonic() + patience
    while wanted not in seen:
        ready, _, _ = select.select([descriptor], [], [], max(0, end - time.monotonic()))
        if not ready:
            raise AssertionError(f"{wanted!r} did not come; seen: {seen!r}")
        piece = os.read(descriptor, 65536)
        if not piece:
            raise AssertionError(f"{wanted!r} did not come before the end; seen: {seen!r}")
        seen += piece
    return seen


def wait_until(condition, what, patience=PATIENCE):
    """For what leaves no event behind: looks until it is so."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"it did not happen that {what}")
        time.sleep(0.005)


class PairTest(unittest.TestCase):
    def setUp(self):
        signal.alarm(3 * PATIENCE)  # kills this process, and its death the children
        self.addCleanup(signal.alarm, 0)
        self.directory = tempfile.mkdtemp(prefix="ipc-cli-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.names = os.path.join(self.directory, "names")
        os.mkdir(self.names, 0o700)
        self.addCleanup(self.take_over_the_dead)
        self.channels = 0
        self.environment = dict(os.environ, IPC_DIR=self.names, LC_ALL="C.UTF-8")
        self.environment.pop("IPC_TRANSPORT", None)

    def start(self, name, *arguments, **options):
        options.setdefault("env", self.environment)
        child = Child([program(name) if "/" not in name else name, *arguments], **options)
        self.addCleanup(self.stop, child)
        return child

    def run_to_end(self, name, *arguments, input=None, **options):
        """Runs a program to its end; returns (exit code, stdout, stderr)."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        child = self.start(name, *arguments, **options)
        if input is not None:
            child.stdin.write(input)
            child.stdin.close()
        return child.end()

    def take_over_the_dead(self):
        """What a killed receiver left may lie elsewhere than its name: the next receiver removes it, then goes itself."""
        for lease in os.listdir(self.names):
            if lease.startswith(".") and lease.endswith(".lease"):
                with open(os.path.join(self.names, lease), "rb") as file:
                    kind = file.read(40)[24:].rstrip(b"\0").decode()
                subprocess.run([program(f"{kind}-recv"), lease[1:-len(".lease")], "-t", "0"], env=self.environment,
                               stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PATIENCE)

    @staticmethod
    def stop(child):
        if child.poll() is None:
            child.kill()
        child.wait()
        for collected in (child.out, child.err):
            if collected is not None:
                collected.all()
        for stream in (child.stdin, child.stdout, child.stderr):
            if stream is not None and not stream.closed:
                stream.close()

    @staticmethod
    def wait_until_blocked(process):
        """Until the process sleeps in the kernel and its time on the processor stands still."""
        def snapshot():
            with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            return fields[0], fields[11], fields[12]

        def still():
            if process.poll() is not None:
                raise AssertionError(f"the process ended: {process.end()}")
            before = snapshot()
            time.sleep(0.03)
            return before == snapshot() and before[0] == "S"

        wait_until(still, "the process blocked")

    def left_behind(self):
        return os.listdir(self.names)

    def channel(self, kind, bare=False):
        self.channels += 1
        # Names of their own, since what a killed receiver left must not pass for the next one's.
        channel = Channel(self, kind, bare, "demo" if self.channels == 1 else f"demo{self.channels}")
        self.addCleanup(channel.close)
        return channel

    def terminal(self):
        """A pseudo terminal: (the person's end, the program's end)."""
        person, end = pty.openpty()
        self.addCleanup(os.close, person)
        return person, end


class Channel:
    """One receiver's place, and how the halves of a pair are started there. A kind without names gets a pipe that
    both inherit."""

    def __init__(self, test, kind, bare, name):
        self.test, self.kind = test, kind
        traits = all_kinds()[kind]["traits"]
        self.named, self.durable = traits["named"], traits["durable"]
        self.address = [name] if self.named else []
        self.flags = ["--bare"] if bare else []
        self.ends = [] if self.named else list(os.pipe())

    def close(self):
        while self.ends:
            os.close(self.ends.pop())

    def receiver(self, *arguments, wait=True, **options):
        """Starts KIND-recv. With `wait` it is ready for senders when this returns."""
        if not self.named:
            options.setdefault("stdin", self.ends[0])
        child = self.test.start(f"{self.kind}-recv", *self.address, *self.flags, *arguments, **options)
        if self.named and wait:
            # A sender of ours asks the lease; a stranger wants the object, which not every kind has at a path.
            name = self.address[0] if self.flags else f".{self.address[0]}.lease"
            path = os.path.join(self.test.names, name)
            wait_until(lambda: child.poll() is not None or
                       (self.has_receiver(path) if self.durable and not self.flags else os.path.lexists(path)),
                       f"{self.kind}-recv made its name")
        return child

    @staticmethod
    def has_receiver(lease):
        """A durable kind's lease is there before its receiver is, and after: byte 0 tells, and that nobody is just
        coming or going, who would hold byte 2^62."""
        try:
            inode = f":{os.stat(lease).st_ino}"
        except FileNotFoundError:
            return False
        with open("/proc/locks", encoding="ascii") as file:
            locks = [line.split() for line in file]
        bytes_locked = {lock[-2] for lock in locks if lock[1] != "->" and lock[-3].endswith(inode)}
        return "0" in bytes_locked and str(2 ** 62) not in bytes_locked

    def small(self):
        """Options of a receiver whose channel fills at once also if its kind is durable."""
        return ["--capacity", "1M"] if self.durable else []

    def sender(self, *arguments, **options):
        """Starts KIND-send. Its stdout is the channel if the kind has no names."""
        address = self.address
        if not self.named:
            options["stdout"] = self.ends[1]
            address = ["-"]
        return self.test.start(f"{self.kind}-send", *address, *self.flags, *arguments, **options)

    def started(self):
        """To be called when all halves have been started: ours are not to keep a nameless channel open."""
        self.close()


def main():
    if not PROGRAMS:
        sys.exit("usage: python3 FILE.py DIRECTORY-OF-THE-PROGRAMS [--kinds=rationed|other] [ARGUMENT-OF-UNITTEST...]")
    if KINDS not in ("all", "rationed", "other"):
        sys.exit(f"--kinds={KINDS}: there are rationed and other")
    unittest.main(verbosity=2, testLoader=Loader())

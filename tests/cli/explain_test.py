"""--explain tells the truth: what it narrates of the transport's objects is what strace(1) sees, call by call."""
import json
import re
import subprocess

from pairs import PATIENCE, TRACED, PairTest, all_kinds, for_each_kind, main, program

CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|\?)")
MAKES_OBJECT = {"openat", "socket", "epoll_create1", "timerfd_create", "mq_open"}
# Calls whose first argument is a number, but no descriptor.
NO_DESCRIPTOR = {"prlimit64", "rt_sigaction", "rt_sigprocmask", "arch_prctl", "exit_group", "kill", "tgkill", "eventfd2",
                 "alarm"}
# What the tool itself asks of an inherited descriptor, before the transport has it.
ASKED_BY_TOOL = {"newfstatat", "ioctl"}


class Objects:
    """Follows the descriptors of a process through a list of calls, and keeps those calls that are about the
    transport's objects: the paths under `folder` and what was opened of them, sockets, event and timer descriptors."""

    def __init__(self, folder, inherited=()):
        self.folder, self.open, self.inherited = folder, set(), set(inherited)

    def relevant(self, lines):
        for line in lines:
            found = CALL.match(line)
            if not found:
                continue
            name, arguments, result = found[1], found[2], found[3]
            # A socket's path may be a short one, relative to a directory that is held open.
            paths = re.findall(r'"((?:%s|/proc/self/fd)/[^"]+)"' % re.escape(self.folder), arguments)
            if name in ("write", "writev"):
                paths = []  # in what is written, to stderr by the narrator for example
            descriptors = self.descriptors(name, arguments)
            if name == "close" and descriptors & self.open:
                self.open -= descriptors
                yield (name, tuple(descriptors), result)
                continue
            own = descriptors & self.open
            if name not in ASKED_BY_TOOL:
                own |= descriptors & self.inherited
            makes = name in MAKES_OBJECT and (name != "openat" or paths)
            if not (paths or own or makes):
                continue
            if makes and int(result) >= 0:
                self.open.add(int(result))
            yield (name, tuple(paths), tuple(sorted(own)), self.operation(name, arguments), result)

    @staticmethod
    def descriptors(name, arguments):
        if name in ("ppoll", "poll"):
            return {int(number) for number in re.findall(r"\{fd=(\d+)", arguments)}
        if name in NO_DESCRIPTOR:
            return set()
        numbers = {int(arguments.split(",")[0])} if re.match(r"\d+(,|$)", arguments) else set()
        if name == "mmap":
            parts = arguments.split(", ")
            return {int(parts[4])} if int(parts[4]) >= 0 else set()
        if name == "epoll_ctl":
            numbers.add(int(arguments.split(", ")[2]))
        return numbers

    @staticmethod
    def operation(name, arguments):
        return arguments.split(", ")[1] if name in ("fcntl", "epoll_ctl") else ""


# The queues of boost-mq, which belong to another library: ipc.TOKEN.SLOT.GENERATION.
BORROWED = re.compile(r'"/dev/shm/ipc\.[0-9a-f]{16}\.\d+\.\d+(?:\.new)?"')


def borrowed(lines):
    """The calls that strace(1) saw between the opening of each such file and its closing, by their names."""
    opened = {}
    for found in filter(None, map(CALL.match, lines)):
        name, arguments, result = found[1], found[2], found[3]
        if name == "openat" and BORROWED.search(arguments):
            opened[int(result)] = [name]
        for descriptor in Objects.descriptors(name, arguments) & opened.keys():
            opened[descriptor].append(name)
            if name == "close":
                yield opened.pop(descriptor)
    yield from opened.values()


def announced(lines):
    """The same as the narration announces it: what another library does is unseen, but not unsaid."""
    for line in lines:
        if said := re.match(r"\(unseen\) +# .+: (openat.*)", line):
            yield said[1].split(", ")


class Explain(PairTest):
    maxDiff = None

    def traced(self, kind, half, arguments, channel, inherited, **options):
        trace = f"{self.directory}/{kind}-{half}.strace"
        address = channel.address if channel.named else (["-"] if half == "send" else [])
        child = self.start("/usr/bin/strace", "-f", "-s", "4096", "-o", trace, program(f"{kind}-{half}"), *address,
                           "--explain", *arguments, env=dict(self.environment, **TRACED), **options)
        return child, trace

    @for_each_kind
    def test_agrees_with_strace(self, kind):
        channel = self.channel(kind)
        receive, send = {}, {}
        if not channel.named:
            receive["stdin"], send["stdout"] = channel.ends
        receiver, receiver_trace = self.traced(kind, "recv", [], channel, (), **receive)
        receiver.err.until(b" # ")
        wait = ["--wait"] if channel.named else []
        sender, sender_trace = self.traced(kind, "send", ["hello", "x" * 100000, *wait], channel, (), **send)
        channel.started()
        self.assertEqual(sender.end()[0], 0)
        self.assertEqual(receiver.end()[0], 0)
        for child, trace, inherited in ((receiver, receiver_trace, () if channel.named else (0,)),
                                        (sender, sender_trace, () if channel.named else (1,))):
            narrated = [line for line in child.err.all().decode().splitlines()]
            with open(trace, encoding="utf-8", errors="replace") as file:
                seen = file.read().splitlines()
            folder = self.names if channel.named else "/proc/"
            told = list(Objects(folder, inherited).relevant(narrated))
            true = list(Objects(folder, inherited).relevant(seen))
            self.assertGreater(len(told), 5)
            self.assertEqual("\n".join(map(str, told)), "\n".join(map(str, true)))
            self.assertEqual(list(announced(narrated)), list(borrowed(seen)))
            if kind == "boost-mq":
                self.assertEqual(len(list(announced(narrated))), 1)

    @for_each_kind
    def test_every_line_has_a_reason(self, kind):
        channel = self.channel(kind)
        receiver = channel.receiver("--explain")
        sender = channel.sender("hello", "--explain")
        channel.started()
        for child in (sender, receiver):
            code, _, err = child.end()
            self.assertEqual(code, 0)
            for line in err.splitlines():
                self.assertRegex(line, r"^(\w+\(.*\) = -?\d+( E[A-Z0-9]+ \(.+\))?|\((no call|unseen)\)) +# \S.*$")

    def test_json_is_one_object_a_line(self):
        receiver = self.channel("fifo").receiver("--explain=json")
        sender = self.start("fifo-send", "demo", "hello", "--explain=json")
        for child in (sender, receiver):
            code, _, err = child.end()
            self.assertEqual(code, 0)
            calls = [json.loads(line) for line in err.splitlines()]
            self.assertGreater(len(calls), 5)
            for call in calls:
                self.assertEqual(call["pid"], child.pid)
                self.assertTrue(call["why"])
                if call["call"] is not None:
                    self.assertIsInstance(call["result"], int)
                    self.assertEqual("error" in call, call["result"] == -1)
        self.assertTrue(any(call["call"] == "openat" and self.names in call["arguments"] for call in calls))

    def test_it_changes_nothing_of_what_is_transferred(self):
        receiver = self.channel("dgram").receiver("--explain", stderr=subprocess.DEVNULL)
        self.assertEqual(self.run_to_end("dgram-send", "demo", input=b"1\n2\n3\n")[0], 0)
        self.assertEqual(receiver.end(PATIENCE)[:2], (0, b"1\n2\n3\n"))

    def test_a_call_that_fails_is_told_with_its_error(self):
        code, _, err = self.run_to_end("fifo-send", "demo", "x", "--explain")
        self.assertEqual(code, 3)
        self.assertRegex(err, r"(?m)^openat\(.*\.demo\.lease.*\) = -1 ENOENT \(No such file or directory\) +# ")


if __name__ == "__main__":
    main()

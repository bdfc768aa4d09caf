"""rpc-serve and rpc-call on every kind, driven from outside: python3 programs_test.py DIRECTORY-OF-THE-PROGRAMS"""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "cli"))
from pairs import PairTest, all_kinds, for_each_kind, main, program, wait_until  # noqa: E402

MANY = 16


def state_of(pid):
    """The letter of proc(5): R if it runs, S if it sleeps."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


class RpcTest(PairTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.clear)

    def clear(self):
        """What killed processes leave, the next receiver of the name clears away; there may be objects that are not
        in the directory (message queues)."""
        for lease in [name for name in self.left_behind() if name.endswith(".lease")]:
            with open(os.path.join(self.names, lease), "rb") as file:
                kind = file.read(40)[24:].rstrip(b"\0").decode()  # docs/formats.md
            name = lease.removeprefix(".").removesuffix(".lease")
            # A durable kind keeps what is unread until it is read.
            durable = all_kinds()[kind]["traits"]["durable"]
            code = self.run_to_end(f"{kind}-recv", name, *(["-t", "0.5"] if durable else ["-T", "0"]), "-q")[0]
            self.assertIn(code, (0, 4) if durable else (4,))
        self.assertEqual(self.left_behind(), [])

    def serve(self, kind, command, *arguments, **options):
        """A server that listens, and the words that name it to rpc-call."""
        named = all_kinds()[kind]["traits"]["named"]
        self.channels += 1
        address = [f"demo{self.channels}"] if named else []
        server = self.start("rpc-serve", *address, "--transport", kind, "-v", "-x", command, *arguments, **options)
        server.err.until(b"serving at")
        if not named:
            address = [re.search(rb"serving at (/proc/\d+/fd/\d+)", server.err.bytes)[1].decode()]
        return server, [*address, "--transport", kind]

    def call(self, where, *arguments, **options):
        return self.start("rpc-call", *where, *arguments, **options)

    def inboxes(self):
        return [name for name in self.left_behind() if ".reply." in name]


class Calls(RpcTest):
    @for_each_kind
    def test_an_echo_in_upper_case(self, kind):
        server, where = self.serve(kind, "tr a-z A-Z")
        self.assertEqual(self.call(where, "hello", "World 1").end(), (0, b"HELLO\nWORLD 1\n", ""))
        self.assertEqual(self.run_to_end("rpc-call", *where, input=b"a\nb c\n\nlast"), (0, b"A\nB C\n\nLAST\n", ""))
        server.terminate()
        self.assertEqual(server.end()[0], -signal.SIGTERM)
        self.assertEqual(self.left_behind(), [])

    @for_each_kind
    def test_bytes_pass_unaltered(self, kind):
        server, where = self.serve(kind, "cat")
        data = bytes(range(256)) * 500
        self.assertEqual(self.run_to_end("rpc-call", *where, "--whole", "-f", "raw", input=data), (0, data, ""))
        self.assertEqual(self.run_to_end("rpc-call", *where, "--whole", "-f", "raw", input=b""), (0, b"", ""))
        self.assertEqual(self.run_to_end("rpc-call", *where, "-0", input=b"one\n\0two"), (0, b"one\n\0two\0", ""))
        server.terminate()
        server.end()

    @for_each_kind
    def test_a_request_of_a_mebibyte(self, kind):
        server, where = self.serve(kind, "wc -c; cat", "-n", "1")
        data = os.urandom(1 << 20)
        code, out, err = self.run_to_end("rpc-call", *where, "--whole", "-f", "raw", input=data)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out, b"1048576\n")
        self.assertEqual(server.end()[0], 0)  # -n 1

    @for_each_kind
    def test_many_callers_at_once(self, kind):
        server, where = self.serve(kind, "cat", "-j", "4")
        contents = [bytes([65 + i]) * 20000 for i in range(MANY)]
        callers = []
        for content in contents:
            caller = self.call(where, "--whole", stdin=subprocess.PIPE)
            callers.append(caller)
            caller.stdin.write(content)
        for caller in callers:
            caller.stdin.close()
        for caller, content in zip(callers, contents):
            self.assertEqual(caller.end(), (0, content + b"\n", ""))
        server.terminate()
        server.end()
        self.assertEqual(self.left_behind(), [])

    @for_each_kind
    def test_a_command_that_fails_is_a_refusal(self, kind):
        server, where = self.serve(kind, 'read -r code; echo partial; exit "$code"')
        code, out, err = self.call(where, "0", "7", "0").end()
        self.assertEqual((code, out), (1, b"partial\npartial\n"))
        self.assertEqual(err, "rpc-call: request 2: the command exited with 7\n")
        server.terminate()
        self.assertIn("rpc-serve: request 2: the command exited with 7\n", server.end()[2])

    @for_each_kind
    def test_what_the_command_finds(self, kind):
        careless = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, careless)
        server, where = self.serve(kind, "ls /proc/self/fd; env | grep ^IPC_ | sort", pass_fds=[careless])
        caller = self.call(where, "x")
        code, out, _ = caller.end()
        self.assertEqual(code, 0)
        self.assertTrue(out.startswith(b"0\n1\n2\n3\nIPC_"), out)  # 3 is the directory that ls reads
        self.assertIn(b"IPC_NUMBER=1\n", out)
        if all_kinds()[kind]["traits"]["proves_peer"]:
            self.assertIn(f"IPC_SENDER_PID={caller.pid}\nIPC_SENDER_UID={os.getuid()}\n".encode(), out)
            self.assertNotIn(b"CLAIMED", out)
        else:
            self.assertIn(f"IPC_CLAIMED_PID={caller.pid}\n".encode(), out)
        server.terminate()
        server.end()


class Ends(RpcTest):
    @for_each_kind
    def test_a_killed_server_is_told_within_a_second(self, kind):
        server, where = self.serve(kind, "echo begun >&2; exec sleep 60")
        caller = self.call(where, "x")
        server.err.until(b"begun")
        server.kill()
        started = time.monotonic()
        code, out, err = caller.end()
        self.assertLess(time.monotonic() - started, 1)
        self.assertEqual((code, out), (3, b""))
        self.assertEqual(err, "rpc-call: the server is gone; whether it did what request 1 asked is not known\n")
        self.assertEqual(self.inboxes(), [])

    @for_each_kind
    def test_a_killed_server_takes_its_commands_along(self, kind):
        server, where = self.serve(kind, "echo begun by $$ >&2; exec sleep 60")
        caller = self.call(where, "x")
        pid = int(re.search(rb"begun by (\d+)\n", server.err.until(b"begun by")).group(1))
        server.kill()
        wait_until(lambda: self.has_ended(pid), "the command ended")
        caller.end()

    @staticmethod
    def has_ended(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"  # whoever inherits it may reap it late
        except (FileNotFoundError, ProcessLookupError):
            return True

    @for_each_kind
    def test_sigterm_finishes_what_is_begun_and_refuses_the_rest(self, kind):
        go = os.path.join(self.directory, f"go-{kind}")
        os.mkfifo(go)
        server, where = self.serve(kind, f"echo begun >&2; cat {go}", "-j", "1", "--stats")
        begun = self.call(where, "x")
        server.err.until(b"begun")
        waiting = self.call(where, "y")
        server.err.until(b"request 2 of")
        server.terminate()
        code, out, err = waiting.end()
        self.assertEqual((code, out), (1, b""))
        self.assertIn("the server is stopping", err)
        self.assertIsNone(server.poll())
        with open(go, "w") as file:
            file.write("done\n")
        self.assertEqual(begun.end(), (0, b"done\n", ""))
        code, _, err = server.end()
        self.assertEqual((code, err[-12:]), (-signal.SIGTERM, ", 1 refused\n"))
        if all_kinds()[kind]["traits"]["durable"]:
            self.clear()  # what its callers said after it had stopped reading
        self.assertEqual(self.left_behind(), [])

    @for_each_kind
    def test_a_second_signal_ends_the_server_at_once(self, kind):
        server, where = self.serve(kind, "echo begun >&2; exec sleep 60")
        caller = self.call(where, "x")
        server.err.until(b"begun")
        server.terminate()
        server.send_signal(signal.SIGINT)
        self.assertIn(server.end()[0], (-signal.SIGINT, -signal.SIGTERM))
        self.assertEqual(caller.end()[0], 3)

    @for_each_kind
    def test_a_killed_caller_harms_nobody(self, kind):
        # Its command is ended, so that its place is free for the next.
        server, where = self.serve(kind, "read -r word; [ $word = quick ] || { echo begun >&2; sleep 60; }; echo $word",
                                   "-j", "1")
        victim = self.call(where, "slow")
        server.err.until(b"begun")
        victim.kill()
        self.assertEqual(self.call(where, "quick").end(), (0, b"quick\n", ""))
        server.err.until(b"its caller has gone, so the command was ended")
        self.assertEqual(self.inboxes(), [])
        server.terminate()
        self.assertEqual(server.end()[0], -signal.SIGTERM)
        self.assertEqual(self.left_behind(), [])

    @for_each_kind
    def test_a_stopped_caller_holds_up_nobody(self, kind):
        server, where = self.serve(kind, "read -r word; echo begun >&2; [ $word = quick ] || head -c 1M /dev/zero",
                                   "-j", "1")
        stopped = self.call(where, "slow", "-f", "raw")
        server.err.until(b"begun")
        # Not in the middle of its request: a file's lock would stop with it, and hold up everybody.
        wait_until(lambda: state_of(stopped.pid) == "S", "the caller waits for its answer")
        stopped.send_signal(signal.SIGSTOP)
        for _ in range(5):
            started = time.monotonic()
            self.assertEqual(self.call(where, "quick").end()[0], 0)
            self.assertLess(time.monotonic() - started, 1.5)
        stopped.send_signal(signal.SIGCONT)
        code, out, err = stopped.end()
        self.assertEqual((code, len(out), err), (0, 1 << 20, ""))
        server.terminate()
        self.assertEqual(server.end()[0], -signal.SIGTERM)

    @for_each_kind
    def test_a_call_that_takes_too_long(self, kind):
        server, where = self.serve(kind, "sleep 60", "-j", "1")
        started = time.monotonic()
        code, out, err = self.call(where, "-t", "0.3", "x").end()
        self.assertEqual((code, out, err), (4, b"", "rpc-call: request 1 was not answered in time\n"))
        self.assertLess(time.monotonic() - started, 1)
        server.err.until(b"its caller has gone, so the command was ended")
        server.terminate()
        self.assertEqual(server.end()[0], -signal.SIGTERM)

    @for_each_kind
    def test_ctrl_c_at_the_caller_leaves_nothing(self, kind):
        server, where = self.serve(kind, "echo begun >&2; exec sleep 60")
        caller = self.call(where, "x")
        server.err.until(b"begun")
        caller.send_signal(signal.SIGINT)
        self.assertEqual(caller.end()[0], -signal.SIGINT)
        self.assertEqual(self.inboxes(), [])
        server.err.until(b"its caller has gone")
        server.terminate()
        server.end()

    @for_each_kind
    def test_what_is_no_call_is_told_once_and_dropped(self, kind):
        server, where = self.serve(kind, "cat")
        for _ in range(3):
            sent = self.start(f"{kind}-send", where[0], "hello", "is anybody there?")
            self.assertEqual(sent.end()[0], 0)
        self.assertEqual(self.call(where, "x").end(), (0, b"x\n", ""))
        server.terminate()
        code, _, err = server.end()
        self.assertEqual(code, -signal.SIGTERM)
        self.assertEqual(err.count("what came was no call, and is dropped; call with rpc-call"), 1)


class Options(RpcTest):
    def test_without_a_server(self):
        code, _, err = self.run_to_end("rpc-call", "demo", "x")
        self.assertEqual(code, 3)
        self.assertIn("no receiver (start: rpc-serve --transport seqpacket --exec CMD demo, or give --wait)", err)
        self.assertEqual(self.run_to_end("rpc-call", "demo", "--wait=0.2", "x")[0], 4)

    def test_waiting_for_a_server(self):
        caller = self.start("rpc-call", "demo", "--wait", "x")
        self.start("rpc-serve", "demo", "-x", "cat", "-n", "1")
        self.assertEqual(caller.end(), (0, b"x\n", ""))

    def test_the_environment_names_the_kind(self):
        environment = self.environment | {"IPC_TRANSPORT": "dgram"}
        server = self.start("rpc-serve", "demo", "-x", "cat", "-n", "1", env=environment)
        caller = self.start("rpc-call", "demo", "--wait", "x", env=environment)
        self.assertEqual(caller.end(), (0, b"x\n", ""))
        self.assertEqual(server.end()[0], 0)
        server = self.start("rpc-serve", "other", "-v", "-x", "cat", env=environment)
        server.err.until(b"serving")
        code, _, err = self.run_to_end("rpc-call", "other", "x")
        self.assertNotEqual(code, 0)
        self.assertIn("is a dgram", err)

    def test_two_servers_at_one_address(self):
        server, where = self.serve("seqpacket", "cat")
        code, _, err = self.run_to_end("rpc-serve", where[0], "-x", "cat")
        self.assertEqual(code, 1)
        self.assertIn(str(server.pid), err)

    def test_usage(self):
        for arguments in (["rpc-serve"], ["rpc-serve", "demo"], ["rpc-serve", "-x", "cat"],
                          ["rpc-serve", "demo", "-x", "cat", "-j", "0"], ["rpc-serve", "a", "b", "-x", "cat"],
                          ["rpc-serve", "demo", "-x", "cat", "--bare"],
                          ["rpc-serve", "demo", "-x", "cat", "--max-message", "10"],
                          ["rpc-serve", "demo", "-x", "cat", "--transport", "pigeon"],
                          ["rpc-call"], ["rpc-call", "demo", "--whole", "x"], ["rpc-call", "demo", "-0", "--whole"],
                          ["rpc-call", "--transport", "pipe", "x"]):
            with self.subTest(arguments):
                code, out, err = self.run_to_end(*arguments)
                self.assertEqual((code, out), (2, b""))
                self.assertRegex(err, rf"^{arguments[0]}: .*\n$")

    def test_help_begins_with_three_examples(self):
        for name in ("rpc-serve", "rpc-call"):
            code, out, _ = self.run_to_end(name, "--help")
            self.assertEqual(code, 0)
            self.assertRegex(out.decode(), rf"^Examples:\n(  .*{name}.*\n){{3}}\nUsage: {name} ")

    def test_a_reply_that_is_too_long_is_a_refusal(self):
        _, where = self.serve("stream", "read -r size; head -c $size /dev/zero")
        code, out, err = self.call(where, "3", "20M", "3").end()
        self.assertEqual((code, out), (1, b"\0\0\0\n" * 2))
        self.assertRegex(err, r"request 2: the command wrote more than the \d+ bytes of a reply\n$")

    def test_a_command_that_never_ends_is_ended(self):
        server, where = self.serve("stream", "trap '' TERM; while :; do :; done", "-t", "0.2", "-j", "1")
        code, _, err = self.call(where, "x").end()
        self.assertEqual(code, 1)
        self.assertIn("the command took longer than it may", err)
        self.assertIsNone(server.poll())

    def test_a_command_that_closes_its_output_costs_no_time(self):
        server, where = self.serve("stream", "exec >&-; echo begun >&2; sleep 2")
        caller = self.call(where, "x")
        server.err.until(b"begun")
        before = self.processor_time(server)
        self.assertEqual(caller.end(), (0, b"\n", ""))
        self.assertLess(self.processor_time(server) - before, 0.2)

    @staticmethod
    def processor_time(process):
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_lines_are_called_with_as_they_come(self):
        _, where = self.serve("seqpacket", "cat")
        caller = self.call(where, stdin=subprocess.PIPE)
        for line in (b"one\n", b"two\n"):
            caller.stdin.write(line)
            caller.stdin.flush()
            caller.out.until(line)
        # Two at once, and the input stays open.
        caller.stdin.write(b"three\nfour\n")
        caller.stdin.flush()
        caller.out.until(b"four\n")
        caller.stdin.close()
        self.assertEqual(caller.end(), (0, b"one\ntwo\nthree\nfour\n", ""))

    def test_a_closed_output_ends_the_caller(self):
        _, where = self.serve("seqpacket", "cat")
        shell = self.start("/bin/bash", "-c", 'yes | "$0" "$@" | head -n 1; echo "${PIPESTATUS[1]}"', program("rpc-call"),
                           *where)
        self.assertEqual(shell.end()[:2], (0, b"y\n141\n"))

    def test_a_signal_ends_a_caller_that_is_stuck_in_its_output(self):
        server, where = self.serve("seqpacket", "head -c 64K /dev/zero", "-n", "2")  # the first reply fills a pipe
        reader = self.start("/bin/sleep", "60", stdin=subprocess.PIPE)
        caller = self.call(where, "-f", "raw", "a", "b", stdout=reader.stdin)
        server.end()
        self.wait_until_blocked(caller)
        caller.terminate()
        self.assertEqual((*caller.end(), self.inboxes()), (-signal.SIGTERM, b"", "", []))

    def test_what_a_parent_ignored_or_closed_does_not_matter(self):
        def careless():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            os.closerange(0, 2)

        _, where = self.serve("seqpacket", "cat", preexec_fn=careless)
        self.assertEqual(self.call(where, "one", "two").end(), (0, b"one\ntwo\n", ""))

    def test_every_call_of_the_library_is_narrated(self):
        # Not at once: a reply that is there already is not slept for.
        _, where = self.serve("seqpacket", "sleep 0.5; cat")
        code, out, err = self.call(where, "--explain", "x").end()
        self.assertEqual((code, out), (0, b"x\n"))
        self.assertRegex(err, r"(?m)^ppoll\(.*# sleep until a reply")
        self.assertRegex(err, r"(?m)^send(to|msg)\(")

    def test_tcp_by_port(self):
        server, where = self.serve_at_port()
        self.assertEqual(self.call(where, "hello").end(), (0, b"HELLO\n", ""))
        server.terminate()
        self.assertEqual(server.end()[0], -signal.SIGTERM)
        self.assertEqual(self.left_behind(), [])

    def test_tcp_says_where_replies_come(self):
        _, where = self.serve_at_port()
        self.assertEqual(self.call(where, "--reply-at", "127.0.0.1:0", "hello").end(), (0, b"HELLO\n", ""))
        code, _, err = self.run_to_end("rpc-call", "demo", "--transport", "fifo", "--reply-at", "127.0.0.1:0", "x")
        self.assertNotEqual(code, 0)

    def serve_at_port(self):
        server = self.start("rpc-serve", "0", "--transport", "tcp", "-v", "-x", "tr a-z A-Z")
        server.err.until(b"serving at")
        port = re.search(rb"serving at (127\.0\.0\.1:\d+)", server.err.bytes)[1].decode()
        return server, [port, "--transport", "tcp"]


if __name__ == "__main__":
    main()

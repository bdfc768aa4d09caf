"""Every option of the pairs, every exit code, and what is said on stderr and on a terminal."""
import json
import os
import re
import signal
import subprocess
import time

from pairs import PairTest, all_kinds, for_each_kind, main, read_until


class SendOptions(PairTest):
    def received(self, *send, input=None, receive=(), **options):
        """What a line receiver prints of one fifo-send that ends well."""
        receiver = self.channel("fifo").receiver(*receive)
        if input is not None:
            options["stdin"] = subprocess.PIPE
        sender = self.start("fifo-send", *receiver.args[1:2], *send, **options)
        if input is not None:
            sender.stdin.write(input)
            sender.stdin.close()
        self.assertEqual(sender.end(), (0, b"", ""))
        code, out, err = receiver.end()
        self.assertEqual((code, err), (0, ""))
        return out

    def test_each_argument_is_a_message_as_it_stands(self):
        self.assertEqual(self.received("a b", "", "[1,2]", "{}", "%s"), b"a b\n\n[1,2]\n{}\n%s\n")

    def test_dashes(self):
        self.assertEqual(self.received("-5", "--", "-x", "--", "-"), b"-5\n-x\n--\n-\n")
        self.assertEqual(self.received("first", "-", "last", input=b"1\n2"), b"first\n1\n2\nlast\n")

    def test_how_stdin_is_cut(self):
        self.assertEqual(self.received(input=b"1\n\n2", receive=["-f", "quoted"]), b'"1"\n""\n"2"\n')
        self.assertEqual(self.received("-0", input=b"1\n\0\0002", receive=["-f", "quoted"]), b'"1\\n"\n""\n"2"\n')
        self.assertEqual(self.received("--whole", input=b"1\n2\n", receive=["-f", "quoted"]), b'"1\\n2\\n"\n')
        self.assertEqual(self.received("--chunk", "3", input=b"12345678"), b"123\n456\n78\n")
        self.assertEqual(self.received("--chunk=1K", input=b"x" * 1025), b"x" * 1024 + b"\nx\n")
        self.assertEqual(self.received("-q", input=b""), b"")

    def test_repeat_and_interval(self):
        started = time.monotonic()
        self.assertEqual(self.received("a", "b", "--repeat", "2", "--interval", "50ms"), b"a\nb\na\nb\n")
        self.assertGreaterEqual(time.monotonic() - started, 0.15)

    def test_without_a_receiver(self):
        code, out, err = self.run_to_end("fifo-send", "demo", "x")
        self.assertEqual((code, out), (3, b""))
        self.assertEqual(err, f"fifo-send: connect {self.names}/demo: no receiver "
                              "(start: fifo-recv demo, or give --wait)\n")
        code, _, err = self.run_to_end("ipc", "send", "--transport", "dgram", "demo", "x")
        self.assertEqual(code, 3)
        self.assertIn("ipc send: connect ", err)
        self.assertIn("(start: ipc recv --transport dgram demo, or give --wait)", err)

    def test_a_name_that_lives_in_another_directory_is_pointed_out(self):
        elsewhere = os.path.join(self.directory, "runtime")
        os.makedirs(elsewhere + "/ipc", mode=0o700)
        other = dict(self.environment, XDG_RUNTIME_DIR=elsewhere)
        other.pop("IPC_DIR")
        receiver = self.start("fifo-recv", "demo", "-v", env=other)
        receiver.err.until(b"receiving at")
        code, _, err = self.run_to_end("fifo-send", "demo", "x", env=dict(other, IPC_DIR=self.names))
        self.assertEqual(code, 3)
        self.assertIn(f"that name exists as {elsewhere}/ipc/demo", err)

    @for_each_kind
    def test_wait_ends_with_4_if_nobody_comes(self, kind):
        if not all_kinds()[kind]["traits"]["named"]:
            return  # nobody can come to a pipe that is inherited
        started = time.monotonic()
        code, _, err = self.run_to_end(f"{kind}-send", "demo", "x", "--wait=0.3")
        self.assertEqual(code, 4)
        self.assertIn("no receiver, and none came", err)
        self.assertGreaterEqual(time.monotonic() - started, 0.3)
        self.assertLess(time.monotonic() - started, 2)

    def test_the_limit_of_wait_may_follow_its_short_name(self):
        code, _, err = self.run_to_end("fifo-send", "demo", "x", "-w0.2")
        self.assertEqual((code, "none came" in err), (4, True))
        code, _, err = self.run_to_end("fifo-send", "demo", "x", "-w=0.2")
        self.assertEqual((code, "none came" in err), (4, True))

    def test_a_limit_of_wait_that_became_the_address_is_told(self):
        sender = self.start("fifo-send", "--wait", "5", "x")
        sender.err.until(b'fifo-send: waiting for a receiver of "5" (a limit is given as --wait=5)\n')
        self.assertEqual(self.start("fifo-recv", "5").end(), (0, b"x\n", ""))
        self.assertEqual(sender.end()[0], 0)

    def test_wait_learns_of_the_receiver_at_once(self):
        sender = self.start("fifo-send", "demo", "-w", "x")
        time.sleep(0.4)  # it is to be asleep between two of its own looks, not in one
        receiver = self.start("fifo-recv", "demo")
        started = time.monotonic()
        self.assertEqual(receiver.end(), (0, b"x\n", ""))
        self.assertEqual(sender.end()[0], 0)
        self.assertLess(time.monotonic() - started, 1)

    def test_wait_for_a_directory_that_is_not_there_yet(self):
        address = os.path.join(self.names, "later", "demo")
        sender = self.start("fifo-send", address, "--wait", "x")
        time.sleep(0.1)
        os.mkdir(os.path.dirname(address), 0o700)
        receiver = self.start("fifo-recv", address)
        self.assertEqual(receiver.end(), (0, b"x\n", ""))
        self.assertEqual(sender.end(), (0, b"", ""))

    @for_each_kind
    def test_a_timeout_at_a_full_channel_ends_with_4(self, kind):
        channel = self.channel(kind)
        receiver = channel.receiver("-q", *channel.small())
        os.kill(receiver.pid, signal.SIGSTOP)
        started = time.monotonic()
        sender = channel.sender("--repeat", "0", "x" * 1000, "-t", "0.2")
        channel.started()
        code, _, err = sender.end()
        self.assertGreaterEqual(time.monotonic() - started, 0.2)
        self.assertEqual(code, 4)
        self.assertRegex(err, rf"^{kind}-send: message \d+ found no room in time; \d+ sent before\n$")
        os.kill(receiver.pid, signal.SIGCONT)
        code, _, err = receiver.end()
        self.assertEqual(code, 3)  # it had not sent all that it was asked to
        # Only these may take part of so short a message: TCP any part; a signal carries a few bytes, and so
        # do the entries of a queue when little of the user's quota is left.
        unfinished = r"(, one unfinished dropped)?" if kind in ("tcp", "signal", "mq") else ""
        self.assertRegex(err, rf"sender \d+( \(claimed\))? died; \d+ messages whole{unfinished}\n$")

    def test_ack_returns_when_all_has_been_taken(self):
        for kind, facts in all_kinds().items():
            with self.subTest(kind=kind):
                if not facts["traits"]["acknowledges"]:
                    channel = self.channel(kind)
                    channel.receiver()
                    sender = channel.sender("x", "--ack")
                    channel.started()
                    self.assertEqual(sender.end()[0], 2)
                    continue
                channel = self.channel(kind)
                receiver = channel.receiver("-n", "2")
                self.assertEqual(channel.sender("1", "2", "--ack").end(), (0, b"", ""))
                self.assertEqual(receiver.end()[:2], (0, b"1\n2\n"))

    def test_ack_counts_what_was_not_taken(self):
        channel = self.channel("fifo")
        receiver = channel.receiver("-n", "3")
        sender = channel.sender("1", "2", "3", "4", "5", "--ack")
        self.assertEqual(receiver.end()[0], 0)
        code, _, err = sender.end()
        self.assertEqual(code, 3)
        self.assertRegex(err, r"^fifo-send: (the receiver is gone; )?3 taken, [0-2] not\n$")

    def test_ack_with_a_receiver_that_takes_nothing_times_out(self):
        receiver = self.channel("fifo").receiver()
        os.kill(receiver.pid, signal.SIGSTOP)
        self.assertEqual(self.run_to_end("fifo-send", "demo", "1", "2", "--ack", "-t", "0.2"),
                         (4, b"", "fifo-send: 0 taken, 2 not\n"))

    def test_verbose_and_stats(self):
        self.channel("fifo").receiver()
        code, _, err = self.run_to_end("fifo-send", "demo", "abc", "de", "-v", "--stats")
        self.assertEqual(code, 0)
        self.assertRegex(err, r"^fifo-send: connected to demo; messages of up to 16777216 bytes\n"
                              r"fifo-send: message 1: 3 bytes\nfifo-send: message 2: 2 bytes\n"
                              r"fifo-send: 2 messages, 5 bytes in \d+\.\d{3} s: \d+ messages/s, [\d.]+ MB/s\n$")

    def test_a_message_beyond_the_receivers_limit(self):
        receiver = self.channel("fifo").receiver("--max-message", "1K", "-F")
        code, _, err = self.run_to_end("fifo-send", "demo", "x" * 1025)
        self.assertEqual(code, 5)
        self.assertIn("1024", err)
        code, _, err = self.run_to_end("fifo-send", "demo", input=b"ok\n" + b"x" * 1025 + b"\nlost\n")
        self.assertEqual(code, 5)
        self.assertIn("message 2 of stdin is longer than the 1024 bytes that the receiver takes", err)
        receiver.out.until(b"ok\n")
        receiver.send_signal(signal.SIGINT)
        self.assertEqual(receiver.end()[1], b"ok\n")

    def test_on_a_terminal_it_says_how_to_end(self):
        person, end = self.terminal()
        receiver = self.channel("fifo").receiver()
        sender = self.start("fifo-send", "demo", stdin=end)
        os.close(end)
        sender.err.until(b"fifo-send: one message per line, Ctrl-D ends\n")
        os.write(person, b"typed\n\x04")
        self.assertEqual(sender.end()[0], 0)
        self.assertEqual(receiver.end()[:2], (0, b"typed\n"))


class ReceiveOptions(PairTest):
    def printed(self, *receive, messages=("one", "two"), code=0, err=""):
        receiver = self.channel("dgram").receiver(*receive)
        self.sender = self.start("dgram-send", *receiver.args[1:2], "--", *messages)
        self.assertEqual(self.sender.end(), (0, b"", ""))
        got = receiver.end()
        self.assertEqual((got[0], got[2]), (code, err))
        return got[1]

    def test_formats(self):
        self.assertEqual(self.printed("-f", "line"), b"one\ntwo\n")
        self.assertEqual(self.printed("-f", "raw"), b"onetwo")
        self.assertEqual(self.printed("-f", "raw", "-0"), b"one\0two\0")
        self.assertEqual(self.printed("-0"), b"one\0two\0")
        self.assertEqual(self.printed("-f", "hex"), b"6f6e65\n74776f\n")
        self.assertEqual(self.printed("-f", "quoted", messages=['a"b\\c\td\x1b', "\u00e4\u0080", ""]),
                         '"a\\"b\\\\c\\td\\x1b"\n"\u00e4\\xc2\\x80"\n""\n'.encode())
        out = self.printed("-f", "%i|%p|%u|%s|%%").decode()
        self.assertEqual(out, "".join(f"{i}|{self.sender.pid}|{os.getuid()}|{m}|%\n" for i, m in [(1, "one"), (2, "two")]))
        stamp = self.printed("-f", "%t", messages=["one"]).decode()
        self.assertRegex(stamp, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\n$")
        self.assertEqual(stamp[:16], time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time()))[:16])

    def test_json(self):
        lines = [json.loads(line) for line in self.printed("-f", "json", messages=['q"\n', os.fsdecode(b"\xff")]).splitlines()]
        self.assertEqual([(line["number"], line["pid"], line["uid"]) for line in lines],
                         [(1, self.sender.pid, os.getuid()), (2, self.sender.pid, os.getuid())])
        self.assertEqual((lines[0]["message"], lines[1]["hex"]), ('q"\n', "ff"))

    def test_a_claimed_pid_is_marked(self):
        receiver = self.channel("fifo").receiver("-f", "%p %u")
        sender = self.start("fifo-send", "demo", "x")
        self.assertEqual(sender.end()[0], 0)
        self.assertEqual(receiver.end()[1], f"{sender.pid} (claimed) ?\n".encode())

    def test_count(self):
        receiver = self.channel("fifo").receiver("-n", "2")
        sender = self.start("fifo-send", "demo", "1", "2")
        self.assertEqual(receiver.end(), (0, b"1\n2\n", ""))
        self.assertEqual(sender.end()[0], 0)
        self.assertEqual(self.left_behind(), [])

    @for_each_kind
    def test_timeouts_end_with_4(self, kind):
        for option, reason in (("-t", "nothing has come for too long"), ("-T", "the time is over")):
            for limit in (0.3, 3, 30):  # a busy machine may not have started the sender within the first
                channel = self.channel(kind)
                before = self.left_behind()
                started = time.monotonic()
                receiver = channel.receiver(option, str(limit), "-F", "-n", "5")
                # A channel without a name stays open here: its end would be the end of the receiver.
                sent = channel.sender("x").end()[0]
                got = receiver.end()
                if got[1]:
                    break
            self.assertEqual((sent, got), (0, (4, b"x\n", f"{kind}-recv: {reason}; 1 of 5 messages received\n")))
            self.assertGreaterEqual(time.monotonic() - started, limit)
            self.assertEqual(self.left_behind(), before)

    def test_the_idle_time_starts_anew_with_each_message(self):
        receiver = self.channel("fifo").receiver("-t", "1")
        sender = self.start("fifo-send", "demo", "1", "2", "3", "4", "--interval", "0.4")
        self.assertEqual(receiver.end(), (0, b"1\n2\n3\n4\n", ""))
        self.assertEqual(sender.end()[0], 0)

    def test_exec(self):
        out = self.printed("-x", "cat; echo \" $IPC_NUMBER $IPC_SENDER_PID; $(ls /proc/self/fd | wc -w)\"")
        # ls itself opens the directory: 0, 1, 2 and that.
        self.assertEqual(out.decode(), f"one 1 {self.sender.pid}; 4\ntwo 2 {self.sender.pid}; 4\n")
        big = "x" * 100000
        self.assertEqual(self.printed("-x", "wc -c", messages=[big]), b"100000\n")
        self.assertEqual(self.printed("-x", "true", messages=[big]), b"")

    def test_a_command_that_fails_is_told(self):
        self.assertEqual(self.printed("-x", "read x; echo $x; test $x = two", code=1,
                                      err="dgram-recv: message 1: the command ended with 1\n"), b"one\ntwo\n")
        self.printed("-x", "kill -9 $$", messages=["x"], code=1,
                     err="dgram-recv: message 1: the command was killed by SIGKILL\n")

    def test_what_is_received_is_flushed_whenever_the_channel_is_empty(self):
        receiver = self.channel("fifo").receiver()
        sender = self.start("fifo-send", "demo", stdin=subprocess.PIPE)
        for word in (b"a\n", b"b\n"):
            sender.stdin.write(word)
            sender.stdin.flush()
            receiver.out.until(word)
        sender.stdin.close()
        self.assertEqual(receiver.end()[0], 0)

    def test_mode_and_max_senders(self):
        old = os.umask(0o077)
        self.addCleanup(os.umask, old)
        receiver = self.channel("fifo").receiver("--mode", "0660", "--max-senders", "1")
        modes = {os.stat(os.path.join(self.names, name)).st_mode & 0o777 for name in self.left_behind()}
        self.assertEqual(modes, {0o660})
        first = self.start("fifo-send", "demo", stdin=subprocess.PIPE)
        first.stdin.write(b"in\n")
        first.stdin.flush()
        receiver.out.until(b"in\n")
        code, _, err = self.run_to_end("fifo-send", "demo", "x")
        self.assertEqual(code, 5)
        self.assertIn("1", err)

    def test_from_uid(self):
        receiver = self.channel("dgram").receiver("--from-uid", str(os.getuid() + 1), "-F")
        self.assertEqual(self.run_to_end("dgram-send", "demo", "unheard")[0], 0)
        receiver.err.until(b"bytes skipped")
        receiver.send_signal(signal.SIGTERM)
        self.assertEqual(receiver.end()[1], b"")

    def test_on_a_terminal_control_characters_are_escaped_and_the_end_is_told(self):
        person, end = self.terminal()
        receiver = self.channel("fifo").receiver("-F", stdout=end)
        os.close(end)
        self.assertEqual(self.run_to_end("fifo-send", "demo", "\x1b[2J\u00e4\u009b\x7f\ttab")[0], 0)
        self.assertIn("\\x1b[2J\u00e4\\xc2\\x9b\\x7f\ttab\r\n".encode(), read_until(person, b"tab\r\n"))
        receiver.err.until(b"fifo-recv: the last sender has left\n")

    def test_verbose_and_stats(self):
        receiver = self.channel("fifo").receiver("-v", "--stats")
        self.assertEqual(self.run_to_end("fifo-send", "demo", "abc")[0], 0)
        self.assertRegex(receiver.end()[2], r"^fifo-recv: receiving at .*demo\nfifo-recv: the last sender has left\n"
                                            r"fifo-recv: 1 messages, 3 bytes in ")

    def test_a_pipe_without_a_name_prints_its_address(self):
        receiver = self.start("pipe-recv")
        line = receiver.err.until(b"\n").decode()
        address = re.match(r"pipe-recv: receiving at (/proc/\d+/fd/\d+); send there: pipe-send \1\n", line)
        self.assertIsNotNone(address, line)
        self.assertEqual(self.run_to_end("pipe-send", address[1], "through the door"), (0, b"", ""))
        self.assertEqual(receiver.end()[:2], (0, b"through the door\n"))

    def test_follow_ends_where_nobody_can_come_any_more(self):
        channel = self.channel("pipe")
        receiver = channel.receiver("-F")
        sender = channel.sender("x")
        channel.started()
        self.assertEqual(sender.end()[0], 0)
        self.assertEqual(receiver.end(), (0, b"x\n", ""))

    def test_follow_ends_at_a_pipe_that_nobody_has_sent_to(self):
        receiver = self.start("pipe-recv", "-F", stdin=subprocess.PIPE)
        receiver.stdin.close()
        self.assertEqual(receiver.end(), (0, b"", ""))

    def test_senders_that_follow_each_other_in_a_shell(self):
        shell = self.start("/bin/bash", "-c", f"cd {os.path.dirname(self.start('ipc').args[0])}; "
                           "(./pipe-send 1; ./pipe-send 2; ./pipe-send 3) | ./pipe-recv; echo ${PIPESTATUS[@]}")
        self.assertEqual(shell.end(), (0, b"1\n2\n3\n0 0\n", ""))

    def test_pipe_fd(self):
        reading, writing = os.pipe()
        receiver = self.start("pipe-recv", "--fd", str(reading), pass_fds=[reading])
        sender = self.start("pipe-send", "--fd", str(writing), "-q", "x", pass_fds=[writing])
        os.close(reading)
        os.close(writing)
        self.assertEqual(sender.end()[0], 0)
        self.assertEqual(receiver.end(), (0, b"x\n", ""))

    def test_pipe_send_wants_a_pipe(self):
        sender = self.start("pipe-send", "x", stdout=subprocess.DEVNULL)
        code, _, err = sender.end()
        self.assertEqual(code, 2)
        self.assertIn("stdout is no pipe; try pipe-send | pipe-recv", err)

    def test_pipe_in_a_pipeline(self):
        shell = self.start("/bin/bash", "-c", f"cd {os.path.dirname(self.start('ipc').args[0])}; "
                           "seq 3 | ./pipe-send | ./pipe-recv; ./pipe-send hello | ./pipe-recv -; echo ${PIPESTATUS[@]}; "
                           "seq 100000 | ./pipe-send 2>/dev/null | ./pipe-recv | head -1; echo ${PIPESTATUS[@]}")
        # seq ends by SIGPIPE, or well if it has written all before the sender is gone.
        self.assertRegex(shell.end()[1], rb"^1\n2\n3\nhello\n0 0\n1\n(0|141) 3 141 0\n$")


class Usage(PairTest):
    def refused(self, *command, code=2):
        got = self.run_to_end(*command)
        self.assertEqual((got[0], got[1]), (code, b""), got)
        self.assertEqual(got[2].count("\n"), 1, got[2])
        self.assertTrue(got[2].startswith(("ipc" if command[0] == "ipc" else command[0]) + ""), got[2])
        return got[2]

    def test_unknown_options_get_the_nearest_match(self):
        self.assertEqual(self.refused("fifo-recv", "demo", "--cuont", "3"),
                         "fifo-recv: --cuont: unknown option; did you mean --count?\n")
        self.assertIn("did you mean --repeat?", self.refused("fifo-send", "demo", "--repaet=3"))
        self.assertIn("see dgram-send --help", self.refused("dgram-send", "demo", "--zzzzzzzz"))
        self.assertIn("-z: unknown option", self.refused("pipe-recv", "-z"))
        self.assertIn("did you mean --transport?", self.refused("ipc", "send", "--trasport", "fifo", "demo"))

    def test_what_cannot_be_is_refused_with_2(self):
        for command in (["fifo-send"], ["fifo-recv"], ["fifo-recv", "a", "b"], ["fifo-recv", "demo", "-n", "0"],
                        ["fifo-recv", "demo", "-n", "x"], ["fifo-recv", "demo", "-n"], ["fifo-recv", "demo", "-t", "-1"],
                        ["fifo-recv", "demo", "-t", "nan"], ["fifo-recv", "demo", "-f", "xml"],
                        ["fifo-recv", "demo", "-f", "%z"], ["fifo-recv", "demo", "-f", "100%"],
                        ["fifo-recv", "demo", "--mode", "999"], ["fifo-recv", "demo", "--explain=loud"],
                        ["fifo-recv", "demo", "--max-message", "17M"], ["fifo-recv", "demo", "--max-senders", "4097"],
                        ["fifo-recv", ".hidden"], ["fifo-recv", "/"], ["fifo-recv", "x" * 201],
                        ["fifo-send", "demo", "--chunk", "0"], ["fifo-send", "demo", "--chunk", "1X"],
                        ["fifo-send", "demo", "--whole", "-0"], ["fifo-send", "demo", "x", "--whole"],
                        ["fifo-send", "demo", "--repeat", "2"], ["fifo-send", "demo", "--fd", "3", "x"],
                        ["dgram-recv", "demo", "--from-uid", "me"], ["pipe-recv", "x"],
                        ["ipc"], ["ipc", "sned"], ["ipc", "kinds", "--xml"], ["ipc", "kinds", "pigeon"],
                        ["ipc", "kinds", "fifo", "dgram"], ["ipc", "send", "demo"]):
            with self.subTest(command=command):
                self.refused(*command)
                self.assertEqual(self.left_behind(), [])

    def test_an_unknown_transport_lists_the_known_ones(self):
        names = ", ".join(all_kinds())
        for half in ("send", "recv"):
            self.assertEqual(self.refused("ipc", half, "--transport", "pigeon", "demo"),
                             f"ipc {half}: unknown transport 'pigeon'; there are {names}\n")
            self.assertIn(names, self.refused("ipc", half, "demo"))
        self.assertIn("did you mean send?", self.refused("ipc", "sned"))

    def test_an_option_that_the_kind_does_not_know(self):
        self.assertIn("from", self.refused("ipc", "recv", "--transport", "fifo", "--from-uid", "0", "demo"))

    def test_another_kinds_address_is_refused_by_name(self):
        self.channel("fifo").receiver()
        code, _, err = self.run_to_end("dgram-send", "demo", "x")
        self.assertNotEqual(code, 0)
        self.assertIn("fifo", err.split(":", 1)[1])

    @for_each_kind
    def test_help_opens_with_three_examples_and_names_every_option(self, kind):
        for half in ("send", "recv"):
            code, out, err = self.run_to_end(f"{kind}-{half}", "--help")
            text = out.decode()
            self.assertEqual((code, err), (0, ""))
            lines = text.split("\n")
            self.assertEqual(lines[0], "Examples:")
            self.assertTrue(all(f"{kind}-{half}" in line for line in lines[1:4]), lines[:5])
            self.assertEqual(lines[4], "")
            options = (["--null", "--whole", "--chunk", "--repeat", "--interval", "--timeout", "--wait", "--ack"]
                       if half == "send" else
                       ["--count", "--timeout", "--total-time", "--follow", "--null", "--format", "--exec"])
            for option in options + ["--quiet", "--verbose", "--stats", "--explain", "--version", "--help"]:
                self.assertIn(option, text)
            # A pair shows the options that its kind knows, and no others.
            for field in ("mode", "max_message", "max_senders", "from_uid") if half == "recv" else ("fd",):
                self.assertEqual("--" + field.replace("_", "-") in text, field in all_kinds()[kind]["options"], field)

    def test_version(self):
        for name in ("fifo-send", "dgram-recv"):
            self.assertRegex(self.run_to_end(name, "--version")[1].decode(), rf"^{name} \(ipcways\) \d+\.\d+\.\d+\n$")
        self.assertRegex(self.run_to_end("ipc", "--version")[1].decode(), r"^ipc \(ipcways\) \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    main()

"""Every option of the sending half, its exit codes, and what it says on stderr and on a terminal."""
import os
import signal
import subprocess
import time

from pairs import PairTest, all_kinds, for_each_kind, main


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


if __name__ == "__main__":
    main()

"""Every option of the receiving half, its exit codes, and what it says on stderr and on a terminal."""
import json
import os
import re
import signal
import subprocess
import time

from pairs import PairTest, for_each_kind, main, read_until


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

    def test_commands_are_waited_for_where_a_parent_ignored_their_ends(self):
        def ignoring():
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)

        receiver = self.channel("fifo").receiver("-x", "cat", preexec_fn=ignoring)
        self.assertEqual(self.run_to_end("fifo-send", "demo", "one", "two")[0], 0)
        self.assertEqual(receiver.end(), (0, b"onetwo", ""))

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


if __name__ == "__main__":
    main()

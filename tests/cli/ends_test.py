"""How the programs end, and what the other half is told: kills, Ctrl-C, closed outputs, time-outs, codes."""
import io
import os
import select
import signal
import subprocess
import tarfile
import time

from pairs import PairTest, all_kinds, allowed, for_each_kind, main, program, wait_until


class Ends(PairTest):
    def feeding_sender(self, channel, *arguments, **options):
        """A sender that is alive and waits for its stdin."""
        return channel.sender(*arguments, stdin=subprocess.PIPE, **options)

    @for_each_kind
    def test_a_killed_sender_is_told_and_never_looks_complete(self, kind):
        channel = self.channel(kind)
        receiver = channel.receiver()
        sender = self.feeding_sender(channel)
        channel.started()
        sender.stdin.write(b"one\ntwo\n")
        sender.stdin.flush()
        receiver.out.until(b"one\ntwo\n")
        sender.kill()
        started = time.monotonic()
        code, out, err = receiver.end()
        self.assertLess(time.monotonic() - started, 1.5)
        self.assertEqual((code, out), (3, b"one\ntwo\n"))
        self.assertRegex(err, rf"^{kind}-recv: sender {sender.pid}( \(claimed\))? died; 2 messages whole\n$")
        self.assertEqual("(claimed)" not in err, all_kinds()[kind]["traits"]["proves_peer"])

    @for_each_kind
    def test_an_archive_cut_by_a_kill_ends_with_3(self, kind):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            content = os.urandom(1 << 20)
            for name in ("first", "second"):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        half = archive.getvalue()[: 1536 << 10]
        channel = self.channel(kind)
        # In bash, for PIPESTATUS; the receiver's stdin is the channel of a kind without names.
        target = os.path.join(self.directory, f"out-{kind}")
        os.mkdir(target)
        address = " ".join(channel.address)
        line = f'"$0" {address} -f raw | tar x -C {target} 2>/dev/null; echo "${{PIPESTATUS[0]}}"'
        options = {} if channel.named else {"stdin": channel.ends[0]}
        shell = self.start("/bin/bash", "-c", line, program(f"{kind}-recv"), **options)
        sender = self.feeding_sender(channel, "--chunk", "64K", *(["--wait"] if channel.named else []))
        channel.started()
        sender.stdin.write(half)
        sender.stdin.flush()
        wait_until(lambda: os.path.exists(os.path.join(target, "second")), "tar has begun with the second file")
        sender.kill()
        code, out, err = shell.end()
        self.assertEqual(out, b"3\n")
        self.assertIn("messages whole", err)

    @for_each_kind
    def test_ctrl_c_at_the_sender_is_no_goodbye(self, kind):
        channel = self.channel(kind)
        receiver = channel.receiver()
        sender = self.feeding_sender(channel)
        channel.started()
        sender.stdin.write(b"x\n")
        sender.stdin.flush()
        receiver.out.until(b"x\n")
        sender.send_signal(signal.SIGINT)
        self.assertEqual(sender.end()[0], -signal.SIGINT)
        code, _, err = receiver.end()
        self.assertEqual(code, 3)
        self.assertIn("died; 1 message whole", err)

    @for_each_kind
    def test_a_sender_that_ends_with_an_error_says_no_goodbye(self, kind):
        channel = self.channel(kind)
        receiver = channel.receiver()
        directory = os.open(self.directory, os.O_RDONLY)
        sender = channel.sender("first", "-", stdin=directory)
        os.close(directory)
        channel.started()
        code, _, err = sender.end()
        self.assertEqual((code, err), (1, f"{kind}-send: read stdin: Is a directory\n"))
        code, out, err = receiver.end()
        self.assertEqual((code, out), (3, b"first\n"))
        self.assertIn("died; 1 message whole", err)

    @for_each_kind
    def test_an_unfinished_message_is_dropped_and_told(self, kind):
        channel = self.channel(kind)
        receiver = channel.receiver("-f", "raw", *channel.small())
        os.kill(receiver.pid, signal.SIGSTOP)
        sender = channel.sender("x", "-", "--whole", stdin=subprocess.PIPE)
        channel.started()
        # More than any channel holds, so that the sender stands inside the message when it is killed; or, where a
        # message is begun only when there is room for all of it, before it.
        sender.stdin.write(bytes(8 << 20))
        sender.stdin.close()
        self.wait_until_blocked(sender)
        sender.kill()
        sender.wait()
        os.kill(receiver.pid, signal.SIGCONT)
        code, out, err = receiver.end()
        self.assertEqual((code, out), (3, b"x"))
        dropped = "" if channel.durable else ", one unfinished dropped"
        self.assertRegex(err, rf"died; 1 message whole{dropped}\n$")

    @for_each_kind
    def test_a_blocked_sender_whose_receiver_is_killed_ends_within_a_second(self, kind):
        channel = self.channel(kind)
        receiver = channel.receiver(*channel.small())
        os.kill(receiver.pid, signal.SIGSTOP)
        sender = channel.sender("--repeat", "0", "x" * 1000)
        channel.started()
        self.wait_until_blocked(sender)
        receiver.kill()
        killed = time.monotonic()
        code, _, err = sender.end()
        self.assertLess(time.monotonic() - killed, 1.2)
        self.assertEqual(code, 3)
        self.assertRegex(err, rf"^{kind}-send: the receiver is gone; \d+ sent before\n$")

    @for_each_kind
    def test_signals_end_a_receiver_that_removes_its_name_first(self, kind):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            channel = self.channel(kind)
            receiver = channel.receiver("--follow")
            sender = self.feeding_sender(channel)
            channel.started()
            sender.stdin.write(b"x\n")
            sender.stdin.flush()
            receiver.out.until(b"x\n")
            receiver.send_signal(number)
            self.assertEqual(receiver.end(), (-number, b"x\n", ""))
            if channel.durable:
                self.the_next_receiver_goes_on(channel, sender)
            self.assertEqual(self.left_behind(), [])
            self.stop(sender)

    def the_next_receiver_goes_on(self, channel, sender):
        """What a durable kind promises instead: its object stays while it is of use, and nothing in it is lost."""
        sender.stdin.write(b"y\n")
        sender.stdin.close()
        self.assertEqual(sender.end(), (0, b"", ""))
        self.assertEqual(channel.receiver().end(), (0, b"y\n", ""))

    def test_a_signal_ends_a_receiver_that_is_stuck_in_its_output(self):
        reading, writing = os.pipe()
        receiver = self.channel("fifo").receiver(stdout=writing)
        sender = self.start("fifo-send", "demo", "--repeat", "0", "x" * 4000)
        self.wait_until_blocked(receiver)
        receiver.send_signal(signal.SIGTERM)
        self.assertEqual(receiver.end()[0], -signal.SIGTERM)
        os.close(reading)
        os.close(writing)
        self.assertEqual(sender.end()[0], 3)

    def test_a_signal_in_the_middle_of_a_write_is_not_lost(self):
        reading, writing = os.pipe()
        receiver = self.channel("seqpacket").receiver("-f", "raw", stdout=writing)
        sender = self.start("seqpacket-send", "demo", "x" * 100000)  # a pipe takes 65536 of it
        self.assertEqual(sender.end()[0], 0)
        wait_until(lambda: select.select([reading], [], [], 0)[0], "the receiver began to write")
        self.wait_until_blocked(receiver)
        started = time.monotonic()
        receiver.send_signal(signal.SIGTERM)
        self.assertEqual(receiver.end()[0], -signal.SIGTERM)
        self.assertLess(time.monotonic() - started, allowed(0.8))
        os.close(reading)
        os.close(writing)
        self.assertEqual(self.left_behind(), [])

    @for_each_kind
    def test_a_closed_stdout_ends_a_receiver_by_sigpipe(self, kind):
        channel = self.channel(kind)
        reading, writing = os.pipe()
        receiver = channel.receiver(*channel.small(), stdout=writing)
        os.close(writing)
        sender = channel.sender("--repeat", "0", "x")
        channel.started()
        self.assertEqual(os.read(reading, 2), b"x\n")
        os.close(reading)
        self.assertEqual(receiver.end(), (-signal.SIGPIPE, b"", ""))
        if not channel.durable:
            self.assertEqual(self.left_behind(), [])
        self.assertEqual(sender.end()[0], 3)
        if channel.durable:
            code, out, err = channel.receiver().end()
            self.assertEqual((code, set(out.splitlines())), (3, {b"x"}))
            self.assertIn("died", err)  # a sender says no goodbye when it could not go on
            self.assertEqual(self.left_behind(), [])

    def test_a_stdout_that_is_closed_while_nothing_comes_ends_a_receiver_as_well(self):
        reading, writing = os.pipe()
        receiver = self.channel("dgram").receiver(stdout=writing)
        os.close(writing)
        os.close(reading)
        self.assertEqual(receiver.end(), (-signal.SIGPIPE, b"", ""))
        self.assertEqual(self.left_behind(), [])

    def test_with_sigpipe_ignored_a_closed_stdout_is_an_error(self):
        reading, writing = os.pipe()

        def ignoring():
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)

        receiver = self.start("fifo-recv", "demo", stdout=writing, preexec_fn=ignoring, restore_signals=False)
        os.close(writing)
        os.close(reading)
        self.assertEqual(receiver.end(), (1, b"", "fifo-recv: write stdout: Broken pipe\n"))
        self.assertEqual(self.left_behind(), [])

    def test_what_a_parent_has_closed_is_taken_by_nothing_else(self):
        def closing():
            os.closerange(0, 2)

        receiver = self.channel("seqpacket").receiver("-n", "1", preexec_fn=closing)
        self.assertEqual(self.run_to_end("seqpacket-send", "demo", "x")[0], 0)
        self.assertEqual(receiver.end(), (1, b"", "seqpacket-recv: write stdout: Bad file descriptor\n"))
        self.assertEqual(self.left_behind(), [])

    def test_follow_goes_on_after_a_death_and_after_the_last_sender(self):
        channel = self.channel("fifo")
        receiver = channel.receiver("--follow", "-n", "3")
        first = self.feeding_sender(channel)
        first.stdin.write(b"1\n")
        first.stdin.flush()
        receiver.out.until(b"1\n")
        first.kill()
        receiver.err.until(b"died")
        self.assertEqual(channel.sender("2").end()[0], 0)
        receiver.out.until(b"2\n")
        self.assertEqual(channel.sender("3").end()[0], 0)
        code, out, err = receiver.end()
        self.assertEqual((code, out), (3, b"1\n2\n3\n"))
        self.assertRegex(err, r"sender \d+ \(claimed\) died; 1 message whole\n$")

    def test_a_receiver_can_be_followed_by_another_and_a_killed_ones_name_taken_over(self):
        channel = self.channel("fifo")
        receiver = channel.receiver()
        code, _, err = self.run_to_end("fifo-recv", "demo")
        self.assertEqual(code, 1)
        self.assertIn(str(receiver.pid), err)
        self.assertIn("fifo-recv", err.split(":", 1)[1])
        receiver.kill()
        receiver.end()
        again = self.start("fifo-recv", "demo", "-n", "1")
        sender = self.start("fifo-send", "demo", "--wait", "new")
        self.assertEqual(again.end(), (0, b"new\n", ""))
        self.assertEqual(sender.end()[0], 0)


if __name__ == "__main__":
    main()

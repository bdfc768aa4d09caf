"""What kinds promise whose messages outlive both sides, seen through the pairs."""
import functools
import os
import signal

from pairs import PATIENCE, PairTest, all_kinds, main, program


def for_each_durable_kind(test):
    @functools.wraps(test)
    def run(self):
        kinds = [kind for kind, facts in all_kinds().items() if facts["traits"]["durable"]]
        self.assertTrue(kinds)
        for kind in kinds:
            with self.subTest(kind=kind):
                signal.alarm(3 * PATIENCE)
                test(self, kind)

    return run


class Durable(PairTest):
    def send(self, channel, *messages):
        self.assertEqual(channel.sender(*messages).end(), (0, b"", ""))

    @for_each_durable_kind
    def test_what_is_sent_to_nobody_waits_for_whoever_comes(self, kind):
        channel = self.channel(kind)
        for word in ("one", "two", "three"):
            self.send(channel, word)
        self.assertNotEqual(self.left_behind(), [])
        self.assertEqual(channel.receiver("-n", "1").end(), (0, b"one\n", ""))
        self.send(channel, "four")
        self.assertEqual(channel.receiver().end(), (0, b"two\nthree\nfour\n", ""))
        self.assertEqual(self.left_behind(), [])

    @for_each_durable_kind
    def test_a_killed_receiver_costs_no_message_and_doubles_one_at_most(self, kind):
        channel = self.channel(kind)
        count = 2000
        self.send(channel, *(f"{number:0200d}" for number in range(count)))  # several times what a pipe holds
        seen = []
        while not seen or seen[-1] != count - 1:
            reading, writing = os.pipe()
            receiver = channel.receiver(stdout=writing)
            os.close(writing)
            received = b""
            while received.count(b"\n") < 300 and (piece := os.read(reading, 4096)):
                received += piece
            receiver.kill()  # it stands in its output, or is on its way
            receiver.end()
            while piece := os.read(reading, 65536):
                received += piece
            os.close(reading)
            numbers = [int(line) for line in received.split(b"\n")[:-1]]
            if not numbers:
                break
            if seen:
                self.assertIn(numbers[0], (seen[-1], seen[-1] + 1))
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            seen += numbers
        # Who comes to what is empty waits for the first sender.
        code, out, _ = channel.receiver("-q", "-t", "0.2").end()
        rest = [int(line) for line in out.split()]
        self.assertEqual((code, len(rest) <= 1), (4 if not rest else 0, True))
        self.assertEqual(sorted(set(seen + rest)), list(range(count)))
        self.assertEqual(self.left_behind(), [])

    @for_each_durable_kind
    def test_what_nobody_read_from_a_pipe_is_not_consumed(self, kind):
        channel = self.channel(kind)
        count = 2000
        self.send(channel, *(f"{number:0200d}" for number in range(count)))
        shell = self.start("/bin/bash", "-c", f'"$0" {channel.address[0]} | head -n 1', program(f"{kind}-recv"))
        self.assertEqual(int(shell.end()[1]), 0)
        reading, writing = os.pipe()
        receiver = channel.receiver(stdout=writing)
        os.close(writing)
        first = int(os.read(reading, 201))
        self.assertLess(first, 1000)  # what head has read, or lay in the pipe
        self.wait_until_blocked(receiver)
        receiver.send_signal(signal.SIGTERM)
        self.assertEqual(receiver.end()[0], -signal.SIGTERM)
        got = b""
        while piece := os.read(reading, 65536):
            got += piece
        os.close(reading)
        code, out, _ = channel.receiver().end()
        self.assertEqual(code, 0)
        numbers = [first] + [int(line) for line in got.split() + out.split()]
        self.assertEqual(numbers, list(range(first, count)))
        self.assertEqual(self.left_behind(), [])

    @for_each_durable_kind
    def test_with_require_receiver_it_is_as_with_other_kinds(self, kind):
        channel = self.channel(kind)
        code, _, err = channel.sender("x", "--require-receiver").end()
        self.assertEqual(code, 3)
        self.assertIn(f"no receiver (start: {kind}-recv demo", err)
        self.assertEqual(self.left_behind(), [])
        receiver = channel.receiver()
        sender = channel.sender("--require-receiver", "--repeat", "0", "--interval", "10ms", "x")
        receiver.out.until(b"x\n")
        receiver.kill()
        code, _, err = sender.end()
        self.assertEqual(code, 3)
        self.assertIn("the receiver is gone", err)
        self.assertEqual(channel.receiver().end()[0], 3)  # that sender had not done all it was asked to
        self.assertEqual(self.left_behind(), [])

    @for_each_durable_kind
    def test_with_nobody_there_a_sender_stops_at_the_capacity(self, kind):
        channel = self.channel(kind)
        self.assertEqual(channel.receiver("-t", "0.01", "--capacity", "256K").end()[0], 4)
        # The object is gone with its empty end; who comes next says again how much may wait.
        receiver = channel.receiver("--capacity", "256K", "-n", "1")
        self.send(channel, "x" * 1000, "y")
        self.assertEqual(receiver.end()[0], 0)
        code, _, err = channel.sender("--repeat", "0", "z" * 1000).end()
        self.assertEqual(code, 3)
        self.assertRegex(err, r"the receiver is gone; \d+ sent before\n$")
        sent = int(err.split(" sent before")[0].split()[-1])
        code, out, _ = channel.receiver().end()
        self.assertEqual(out, b"y\n" + (b"z" * 1000 + b"\n") * sent)
        self.assertEqual(self.left_behind(), [])

    @for_each_durable_kind
    def test_with_sync_the_same_comes_through(self, kind):
        channel = self.channel(kind)
        self.assertEqual(channel.sender("--sync", "one", "two").end(), (0, b"", ""))
        self.assertEqual(channel.receiver("--sync").end(), (0, b"one\ntwo\n", ""))
        self.assertEqual(self.left_behind(), [])

    @for_each_durable_kind
    def test_what_may_hold_messages_does_not_give_way_to_another_kind(self, kind):
        channel = self.channel(kind)
        self.send(channel, "kept")
        code, _, err = self.run_to_end("fifo-recv", channel.address[0])
        self.assertEqual(code, 1)
        self.assertIn(f"is a {kind}, whose messages may wait", err)
        self.assertEqual(channel.receiver().end()[1], b"kept\n")

    @for_each_durable_kind
    def test_what_somebody_damaged_is_told_and_can_be_removed(self, kind):
        channel = self.channel(kind)
        address = channel.address[0]
        self.send(channel, "lost")
        damaged = os.path.realpath(os.path.join(self.names, address))
        if os.path.isdir(damaged):  # then its lease is what one file can damage
            damaged = os.path.join(self.names, f".{address}.lease")
        os.truncate(damaged, 200)
        for half in (channel.receiver("-t", "5"), channel.sender("more")):
            code, out, err = half.end()
            self.assertEqual((code, out), (6, b""), err)
            self.assertIn(f"(ipc remove {address} throws it away, with all that is unread)", err)
        self.assertEqual(self.run_to_end("ipc", "remove", address), (0, b"", ""))
        self.assertEqual(self.left_behind(), [])
        self.send(channel, "whole again")
        self.assertEqual(channel.receiver().end(), (0, b"whole again\n", ""))

    @for_each_durable_kind
    def test_nothing_is_removed_from_under_a_receiver(self, kind):
        channel = self.channel(kind)
        address = channel.address[0]
        receiver = channel.receiver()
        code, out, err = self.run_to_end("ipc", "remove", address, "nothing-there")
        self.assertEqual((code, out), (1, b""))
        self.assertRegex(err, rf"^ipc remove: remove \S+/{address}: in use by .*\n$")
        self.send(channel, "unharmed")
        self.assertEqual(receiver.end(), (0, b"unharmed\n", ""))


if __name__ == "__main__":
    main()

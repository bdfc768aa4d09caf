"""What goes in at one end comes out at the other: order, bytes, sizes, many senders, either half first."""
import hashlib
import random
import signal
import tempfile

from pairs import PairTest, for_each_kind, is_long, main

LONG = 120  # seconds for what may take ten: 100,000 messages, each of them a file in some kinds


def numbers(count):
    return "".join(f"{number}\n" for number in range(1, count + 1)).encode()


def has_time_for_many(kind):
    """Whether a hundred thousand messages may be sent: a mailbox makes a file for each."""
    return is_long() or kind != "mailbox"


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Streams(PairTest):
    def transfer(self, kind, data, send=(), receive=(), receiver_first=True):
        """Sends `data` from a file through a pair and returns what the receiver prints."""
        channel = self.channel(kind)
        wait = ["--wait"] if channel.named else []
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            if receiver_first:
                receiver = channel.receiver(*receive)
                sender = channel.sender(*send, *wait, stdin=file)
            else:
                sender = channel.sender(*send, *wait, stdin=file)
                receiver = channel.receiver(*receive, wait=False)
        channel.started()
        signal.alarm(2 * LONG)
        code, out, err = receiver.end(LONG)
        self.assertEqual((code, err), (0, ""))
        code, _, err = sender.end()
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(self.left_behind(), [])
        return out

    @for_each_kind
    def test_many_lines_arrive_the_same_whoever_starts_first(self, kind):
        lines = numbers(100_000 if has_time_for_many(kind) else 10_000)
        for receiver_first in (True, False):
            out = self.transfer(kind, lines, receiver_first=receiver_first)
            self.assertEqual(digest(out), digest(lines))

    @for_each_kind
    def test_messages_of_a_mebibyte(self, kind):
        data = random.Random(1).randbytes(8 << 20)
        out = self.transfer(kind, data, ["--chunk", "1M"], ["-f", "raw"])
        self.assertEqual(digest(out), digest(data))

    @for_each_kind
    def test_a_single_message_of_16_mebibytes(self, kind):
        data = random.Random(2).randbytes(16 << 20)
        out = self.transfer(kind, data, ["--whole"], ["-f", "raw", "-n", "1"])
        self.assertEqual(digest(out), digest(data))

    @for_each_kind
    def test_empty_messages_and_nul_bytes(self, kind):
        self.assertEqual(self.transfer(kind, b"a\0\0b\0\0", ["-0"], ["-0"]), b"a\0\0b\0\0")
        self.assertEqual(self.transfer(kind, b"\n\nx\n\n"), b"\n\nx\n\n")
        self.assertEqual(self.transfer(kind, b"a\0b\n", ["--whole"], ["-f", "raw"]), b"a\0b\n")
        self.assertEqual(self.transfer(kind, b"", ["--whole"], ["-f", "quoted"]), b'""\n')

    @for_each_kind
    def test_eight_senders_at_once_keep_each_its_own_order(self, kind):
        each = 5000 if has_time_for_many(kind) else 500
        channel = self.channel(kind)
        # --follow, since the first sender may have left before the last one comes.
        receiver = channel.receiver("--follow", "-n", str(8 * each))
        files = []
        for name in range(8):
            path = f"{self.directory}/{name}"
            with open(path, "w", encoding="ascii") as file:
                file.writelines(f"{name} {number}\n" for number in range(each))
            files.append(open(path, "rb"))
            self.addCleanup(files[-1].close)
        senders = [channel.sender(stdin=file) for file in files]
        channel.started()
        signal.alarm(2 * LONG)
        for sender in senders:
            self.assertEqual(sender.end(LONG)[0], 0)
        code, out, err = receiver.end()
        self.assertEqual((code, err), (0, ""))
        lines = [line.split() for line in out.decode().splitlines()]
        self.assertEqual(len(lines), 8 * each)
        for name in range(8):
            self.assertEqual([int(number) for sender, number in lines if sender == str(name)], list(range(each)))

    def test_the_ipc_command_is_the_same_code(self):
        environment = dict(self.environment, IPC_TRANSPORT="fifo")
        receiver = self.start("ipc", "recv", "demo", "-n", "2", env=environment)
        sender = self.start("ipc", "send", "--transport", "fifo", "--wait", "demo", "one", "two")
        self.assertEqual(sender.end()[0], 0)
        self.assertEqual(receiver.end(), (0, b"one\ntwo\n", ""))


if __name__ == "__main__":
    main()

"""--bare: our halves with programs that know nothing of us, as they stand in textbooks and manual pages."""
import os
import re
import signal
import socket
import subprocess
import sys

from pairs import PATIENCE, PairTest, main, wait_until

PYTHON_DATAGRAM_CLIENT = """
import socket, sys
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for word in sys.argv[2:]:
    client.sendto(word.encode(), sys.argv[1])
"""
PYTHON_DATAGRAM_SERVER = """
import os, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(sys.argv[1])
for _ in range(int(sys.argv[2])):
    print(server.recv(65536).decode(), flush=True)
"""
PYTHON_FIFO_WRITER = """
import sys
with open(sys.argv[1], "w") as fifo:
    for word in sys.argv[2:]:
        print(word, file=fifo)
"""
PYTHON_FIFO_READER = """
import sys
with open(sys.argv[1]) as fifo:
    for line in fifo:
        print(line, end="")
"""


class Strangers(PairTest):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.names, "demo")

    def python(self, text, *arguments):
        return self.start(sys.executable, "-c", text, *arguments)

    def shell(self, line, **options):
        return self.start("/bin/bash", "-c", line, "bash", self.path, **options)

    def appeared(self):
        wait_until(lambda: os.path.exists(self.path), "the other half made its object")

    def test_datagrams_from_python(self):
        receiver = self.channel("dgram", bare=True).receiver("-n", "3", "-f", "%p %u %s")
        client = self.python(PYTHON_DATAGRAM_CLIENT, self.path, "one", "", "two words")
        self.assertEqual(client.end()[0], 0)
        me = f"{client.pid} {os.getuid()}"
        self.assertEqual(receiver.end(), (0, f"{me} one\n{me} \n{me} two words\n".encode(), ""))
        self.assertEqual(self.left_behind(), [])

    def test_datagrams_to_python(self):
        server = self.python(PYTHON_DATAGRAM_SERVER, self.path, "2")
        sender = self.start("dgram-send", "--bare", "demo", "--wait", "one", "two words")
        self.assertEqual(sender.end(), (0, b"", ""))
        self.assertEqual(server.end()[:2], (0, b"one\ntwo words\n"))

    def test_lines_from_pythons_fifo_writer(self):
        receiver = self.channel("fifo", bare=True).receiver()
        self.assertEqual(self.python(PYTHON_FIFO_WRITER, self.path, "one", "two words").end()[0], 0)
        self.assertEqual(receiver.end(), (0, b"one\ntwo words\n", ""))

    def test_lines_to_pythons_fifo_reader(self):
        os.mkfifo(self.path)
        reader = self.python(PYTHON_FIFO_READER, self.path)
        sender = self.start("fifo-send", "--bare", "demo", "--wait", "one", "two words")
        self.assertEqual(sender.end(), (0, b"", ""))
        self.assertEqual(reader.end()[:2], (0, b"one\ntwo words\n"))

    def test_echo_and_cat(self):
        receiver = self.channel("fifo", bare=True).receiver("-F", "-n", "3")
        self.assertEqual(self.shell('echo hello >"$1"').end()[0], 0)
        self.assertEqual(self.shell('printf "two\\nthree" | cat >"$1"').end()[0], 0)
        self.assertEqual(receiver.end(), (0, b"hello\ntwo\nthree\n", ""))
        os.mkfifo(self.path)
        cat = self.shell('cat "$1"')
        sender = self.start("fifo-send", "--bare", "demo", "--wait", "seen by cat")
        self.assertEqual(sender.end(), (0, b"", ""))
        self.assertEqual(cat.end()[:2], (0, b"seen by cat\n"))

    def test_socat_sends_datagrams(self):
        receiver = self.channel("dgram", bare=True).receiver("-n", "1")
        self.assertEqual(self.shell('printf "from socat" | socat -u - UNIX-SENDTO:"$1"').end()[0], 0)
        self.assertEqual(receiver.end(), (0, b"from socat\n", ""))

    def test_socat_receives_datagrams(self):
        socat = self.shell('exec socat -u UNIX-RECVFROM:"$1" -')
        sender = self.start("dgram-send", "--bare", "demo", "--wait", "to socat")
        self.assertEqual(sender.end(), (0, b"", ""))
        self.assertEqual(socat.end()[:2], (0, b"to socat"))

    def test_socat_and_fifos(self):
        receiver = self.channel("fifo", bare=True).receiver()
        self.assertEqual(self.shell('echo "from socat" | socat -u - PIPE:"$1"').end()[0], 0)
        self.assertEqual(receiver.end(), (0, b"from socat\n", ""))
        os.mkfifo(self.path)
        socat = self.shell('exec socat -u OPEN:"$1",rdonly -')
        sender = self.start("fifo-send", "--bare", "demo", "--wait", "to socat")
        self.assertEqual(sender.end(), (0, b"", ""))
        self.assertEqual(socat.end()[:2], (0, b"to socat\n"))

    def test_pipes_with_any_filter(self):
        directory = os.path.dirname(self.start("ipc").args[0])
        shell = self.shell(f'cd {directory}; seq 3 | ./pipe-recv --bare -f "%i:%s"; ./pipe-send --bare a b | tr a-z A-Z')
        self.assertEqual(shell.end()[1], b"1:1\n2:2\n3:3\nA\nB\n")

    def test_bytes_that_are_not_ours_are_told_once_and_harm_nothing(self):
        receiver = self.channel("dgram").receiver("-F")
        self.appeared()
        stranger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(stranger.close)
        for _ in range(3):
            stranger.sendto(b"hello?", self.path)
        receiver.err.until(b"dgram-recv: ")
        self.assertEqual(self.run_to_end("dgram-send", "demo", "ours")[0], 0)
        receiver.out.until(b"ours\n")
        receiver.send_signal(signal.SIGTERM)
        _, out, err = receiver.end()
        self.assertEqual(out, b"ours\n")
        self.assertRegex(err, r"^dgram-recv: \d+ bytes skipped: not our framing; "
                              r"--bare receives from programs that are not ours\n$")

    def test_an_echo_into_a_framed_fifo_is_told(self):
        receiver = self.channel("fifo").receiver("-F")
        self.appeared()
        self.assertEqual(self.shell('echo hello >"$1"').end()[0], 0)
        receiver.err.until(b"not our framing; --bare")
        self.assertEqual(self.run_to_end("fifo-send", "demo", "ours")[0], 0)
        receiver.out.until(b"ours\n")

    def test_bare_without_a_receiver(self):
        code, _, err = self.run_to_end("fifo-send", "--bare", "demo", "x")
        self.assertEqual(code, 3)
        self.assertIn("(start: fifo-recv --bare demo, or give --wait)", err)

    def test_a_bare_sender_feels_back_pressure_and_the_end_of_its_reader(self):
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        sender = self.start("fifo-send", "--bare", "demo", "--repeat", "0", "x" * 1000)
        code, _, err = self.run_to_end("fifo-send", "--bare", "demo", "-t", "0.3", "--repeat", "0", "y" * 1000)
        self.assertEqual(code, 4, err)
        os.close(reader)
        code, _, err = sender.end(PATIENCE)
        self.assertEqual(code, 3)
        self.assertIn("the receiver is gone", err)

    def test_logger_sends_datagrams(self):
        receiver = self.channel("dgram", bare=True).receiver("-n", "1")
        self.assertEqual(self.shell('logger -u "$1" -t strangers "from logger"').end()[0], 0)
        code, out, err = receiver.end()
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, rb"^<13>.* strangers: from logger\n$")

    def test_lines_that_cat_appends_to_a_file(self):
        with open(self.path, "w", encoding="ascii") as file:
            file.write("was there\n")
        receiver = self.channel("file", bare=True).receiver("-n", "4")
        receiver.out.until(b"was there\n")
        self.assertEqual(self.shell('printf "one\\ntw" | cat >>"$1"').end()[0], 0)
        self.assertEqual(self.shell('printf "o\\n" | cat >>"$1"').end()[0], 0)
        receiver.out.until(b"two\n")
        self.assertEqual(self.run_to_end("file-send", "--bare", "demo", "three"), (0, b"", ""))
        self.assertEqual(receiver.end(), (0, b"was there\none\ntwo\nthree\n", ""))
        with open(self.path, encoding="ascii") as file:
            self.assertEqual(file.read(), "was there\none\ntwo\nthree\n")  # a text file, and left alone

    def test_tail_follows_what_a_file_is_sent(self):
        tail = self.shell(': >"$1"; exec tail -n +1 -f "$1"')
        self.appeared()
        self.assertEqual(self.run_to_end("file-send", "--bare", "demo", "one", "two words"), (0, b"", ""))
        tail.out.until(b"one\ntwo words\n")

    def test_a_log_that_is_rotated_is_followed(self):
        receiver = self.channel("file", bare=True).receiver("-n", "3")
        self.appeared()
        self.assertEqual(self.shell('echo old >>"$1"; mv "$1" "$1.1"; echo new >>"$1"').end()[0], 0)
        receiver.out.until(b"new\n")
        self.assertEqual(self.shell('echo newer >>"$1"').end()[0], 0)
        self.assertEqual(receiver.end(), (0, b"old\nnew\nnewer\n", ""))

    def test_files_that_mv_puts_into_a_mailbox(self):
        receiver = self.channel("mailbox", bare=True).receiver("-n", "3", "-f", "quoted")
        self.appeared()
        self.assertEqual(self.shell('echo "a report" >"$1.txt" && mv "$1.txt" "$1/report.txt"').end()[0], 0)
        receiver.out.until(b'"a report\\n"\n')
        # A draft is no message before it has its name.
        self.assertEqual(self.shell('printf draft >"$1/.draft" && mv "$1/.draft" "$1/done"').end()[0], 0)
        self.assertEqual(self.run_to_end("mailbox-send", "--bare", "demo", "ours"), (0, b"", ""))
        self.assertEqual(receiver.end(), (0, b'"a report\\n"\n"draft"\n"ours"\n', ""))
        self.assertEqual(os.listdir(self.path), [])

    def test_what_a_mailbox_is_sent_is_read_with_cat(self):
        self.assertEqual(self.run_to_end("mailbox-send", "--bare", "demo", "one", "two"), (0, b"", ""))
        self.assertEqual(self.shell('cat "$1"/*').end()[1], b"onetwo")

    def bare_signals(self, *arguments):
        """A bare signal-recv, and its pid as it has printed it."""
        receiver = self.start("signal-recv", *arguments)
        self.assertEqual(receiver.out.until(b"\n"), f"{receiver.pid}\n".encode())
        return receiver

    def test_signals_from_kill_and_from_python(self):
        receiver = self.bare_signals("-n", "4")
        pid = str(receiver.pid)
        for signal_name, said in (("-USR1", b"handle signal 10 (SIGUSR1)\n"),
                                  ("-RTMIN+3", b"handle signal 37 (SIGRTMIN+3)\n")):
            self.assertEqual(self.shell(f"kill {signal_name} {pid}").end()[0], 0)
            receiver.out.until(said)
        os.kill(receiver.pid, signal.SIGUSR2)
        receiver.out.until(b"handle signal 12 (SIGUSR2)\n")
        self.assertEqual(self.run_to_end("/bin/kill", "-q", "42", "-s", "RTMIN+1", pid)[0], 0)
        code, out, err = receiver.end()
        self.assertTrue(out.endswith(b"handle signal 35 (SIGRTMIN+1) 42\n"), out)
        self.assertEqual((code, err), (0, "signal-recv: received 4\n"))

    def test_ordinary_signals_are_one_bit_and_real_time_signals_a_queue(self):
        for number, received in (("USR1", 1), ("RTMIN+3", 1000)):
            receiver = self.bare_signals("--signal", number)
            os.kill(receiver.pid, signal.SIGSTOP)
            code, _, err = self.run_to_end("signal-send", "--signal", number, "--repeat", "1000", str(receiver.pid))
            self.assertEqual((code, err), (0, "signal-send: sent 1000\n"))
            os.kill(receiver.pid, signal.SIGCONT)
            wait_until(lambda: receiver.out.bytes.count(b"\n") >= 1 + received, "all that was kept was received")
            receiver.send_signal(signal.SIGTERM)
            code, out, err = receiver.end()
            self.assertEqual((code, err), (-signal.SIGTERM, f"signal-recv: received {received}\n"))
            self.assertEqual(out.count(b"handle signal"), received)

    def test_queued_signals_carry_a_number_and_keep_their_order(self):
        receiver = self.bare_signals("-n", "3")
        for value in ("7", "-8", "9"):
            self.assertEqual(self.run_to_end("signal-send", "--signal", "RTMIN+3", str(receiver.pid), value)[0], 0)
        self.assertEqual(re.findall(rb"\) (-?\d+)\n", receiver.end()[1]), [b"7", b"-8", b"9"])

    def test_an_ignored_interrupt_ends_nobody(self):
        receiver = self.bare_signals("--ignore", "INT", "--ignore=HUP")
        receiver.send_signal(signal.SIGINT)
        receiver.send_signal(signal.SIGHUP)
        receiver.send_signal(signal.SIGUSR1)
        receiver.out.until(b"handle signal 10 (SIGUSR1)\n")
        receiver.send_signal(signal.SIGTERM)
        self.assertEqual(receiver.end()[0], -signal.SIGTERM)
        receiver = self.bare_signals()
        receiver.send_signal(signal.SIGINT)
        self.assertEqual(receiver.end()[0], -signal.SIGINT)

    def test_an_output_that_fails_ends_a_bare_signal_receiver(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.run_to_end("signal-recv", "--bare", stdout=full),
                             (5, b"", "signal-recv: write stdout: No space left on device\n"))
        reading, writing = os.pipe()
        receiver = self.start("signal-recv", "--bare", stdout=writing)
        os.close(writing)
        self.assertEqual(os.read(reading, 100), f"{receiver.pid}\n".encode())
        os.close(reading)
        self.assertEqual(receiver.end(), (-signal.SIGPIPE, b"", ""))

    def test_the_time_is_over_also_while_signals_keep_coming(self):
        receiver = self.bare_signals("-t", "0.3", "--signal", "RTMIN+3")
        sender = self.start("signal-send", "--signal", "RTMIN+3", "--repeat", "1000000000", str(receiver.pid))
        self.assertEqual(receiver.end(PATIENCE / 2)[0], 0)
        self.assertEqual(sender.end()[0], 3)

    def test_an_address_makes_messages_of_signals_and_none_makes_them_bare(self):
        receiver = self.start("signal-recv", "-n", "1", "demo", "--signal", "RTMIN+5")
        self.assertEqual(self.run_to_end("signal-send", "--wait", "demo", "a message")[0], 0)
        self.assertEqual(receiver.end(), (0, b"a message\n", ""))
        for words in (["-n1"], ["--count=1", "-t", "20"], ["--bare", "-n", "1"]):
            receiver = self.bare_signals(*words)
            receiver.send_signal(signal.SIGUSR1)
            self.assertEqual(receiver.end()[0], 0)

    def test_a_signal_to_a_process_that_is_gone(self):
        other = self.shell("exit 0")
        other.end()
        code, _, err = self.run_to_end("signal-send", "--signal", "USR1", str(other.pid))
        self.assertEqual((code, err), (3, f"signal-send: connect {other.pid}: no such process\n"))


if __name__ == "__main__":
    main()

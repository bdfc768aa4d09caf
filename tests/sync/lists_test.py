"""The programs around shared lists, driven from outside. Run as: python3 lists_test.py DIRECTORY-OF-THE-PROGRAMS"""
import json
import os
import random
import signal
import struct
import time

from programs import SyncTest, main, wait_until

PROGRAMS = ["list-push", "list-pop", "list-show", "list-remove"]
TOKEN = 200  # where it stands in the file, docs/formats.md


class Lists(SyncTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.remove_segments)
        self.tokens = set()

    def segments(self):
        """The segments in /dev/shm of the lists that this test has met."""
        for name in self.left_behind():
            with open(os.path.join(self.names, name), "rb") as file:
                page = file.read(4096)
            if page[:8] == b"ipcwaysS" and page[16] == 7:
                self.tokens.add("%016x" % struct.unpack_from("Q", page, TOKEN))
        return sorted(name for name in os.listdir("/dev/shm") if any(token in name for token in self.tokens))

    def remove_segments(self):
        for name in self.segments():
            os.unlink(os.path.join("/dev/shm", name))

    def show(self, name="demo"):
        return json.loads(self.ends_with(0, "list-show", name, "--json"))

    def test_help_opens_with_three_examples(self):
        for name in PROGRAMS:
            with self.subTest(name=name):
                out = self.ends_with(0, name, "--help", err="^$")
                self.assertRegex(out, rf"^Examples:\n(  .+\n){{3}}\nUsage: {name} \[OPTION\.\.\.\] NAME")
                self.assertIn("Ends ", out)

    def test_what_goes_in_comes_out_at_either_end(self):
        self.ends_with(0, "list-push", "demo", "b", "c d", "-n")
        self.ends_with(0, "list-push", "--front", "demo", "a", "")
        self.assertEqual(self.ends_with(0, "list-show", "demo"), "\na\nb\nc d\n")
        self.assertEqual(len(self.segments()), 1)
        self.assertEqual(os.stat(os.path.join("/dev/shm", *self.segments())).st_mode & 0o777, 0o600)
        self.assertEqual(self.ends_with(0, "list-pop", "demo"), "c d\n")
        self.assertEqual(self.ends_with(0, "list-pop", "--front", "-c", "2", "demo"), "\na\n")
        self.assertEqual(self.ends_with(0, "list-pop", "demo", "--all"), "b\n")
        self.ends_with(4, "list-pop", "-n", "demo", err=rf"^list-pop: {self.names}/demo: nothing was to be had\n$")
        self.assertEqual((self.left_behind(), self.segments()), ([], []))

    def test_lines_of_stdin_and_forms_of_output(self):
        self.assertEqual(self.run_to_end("list-push", "demo", input=b"one\n\xff\xfe\n\nlast"), (0, b"", ""))
        self.assertEqual(self.run_to_end("list-push", "-0", "demo", input=b"x\ny\0z\0"), (0, b"", ""))
        self.assertEqual(self.show(), ["one", {"hex": "fffe"}, "", "last", "x\ny", "z"])
        self.assertEqual(self.run_to_end("list-show", "demo", "-0")[1], b"one\0\xff\xfe\0\0last\0x\ny\0z\0")
        self.assertEqual(self.ends_with(0, "list-show", "demo", "-f", "quoted").splitlines()[4], '"x\\ny"')
        self.assertEqual(self.ends_with(0, "list-pop", "demo", "--json", "-c", "2", "--front"), '["one",{"hex":"fffe"}]\n')
        self.ends_with(0, "list-remove", "demo")
        self.assertEqual(self.ends_with(0, "list-show", "demo", "--json"), "[]\n")
        self.assertEqual((self.left_behind(), self.segments()), ([], []))

    def test_what_comes_slowly_is_in_as_soon_as_it_has_come(self):
        read, write = os.pipe()
        pusher = self.start("list-push", "demo", stdin=read)
        os.close(read)
        os.write(write, b"one\ntwo\nthr")
        self.assertEqual(self.ends_with(0, "list-pop", "demo", "--front", "-c", "5"), "one\ntwo\n")
        os.write(write, b"ee\nfour")
        self.assertEqual(self.ends_with(0, "list-pop", "demo", "--front", "-c", "5"), "three\n")
        os.close(write)
        self.assertEqual(pusher.end()[0], 0)
        self.assertEqual(self.show(), ["four"])
        self.ends_with(0, "list-remove", "demo")

    def test_many_lines(self):
        lines = "".join(f"{i}\n" for i in range(100_000)).encode()
        self.assertEqual(self.run_to_end("list-push", "demo", input=lines), (0, b"", ""))
        self.assertEqual(self.run_to_end("list-show", "demo")[1], lines)
        self.assertEqual(self.show(), lines.decode().split())
        self.assertEqual(self.run_to_end("list-pop", "demo", "--all", "--front")[1], lines)
        self.assertEqual((self.left_behind(), self.segments()), ([], []))

    def test_who_pops_waits(self):
        waiters = [self.waiter("list-pop", "demo") for _ in range(3)]
        self.ends_with(0, "list-push", "demo", "a", "b")
        self.ends_with(0, "list-push", "demo", "c")
        self.assertEqual(sorted(waiter.end()[1] for waiter in waiters), [b"a\n", b"b\n", b"c\n"])
        started = time.monotonic()
        self.ends_with(4, "list-pop", "demo", "-w", "0.3")
        self.assertGreaterEqual(time.monotonic() - started, 0.3)
        self.ends_with(9, "list-pop", "demo", "-n", "-E", "9", "-q", err="^$")
        self.assertEqual(self.left_behind(), [])

    def test_who_waits_and_is_asked_to_end_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            waiter = self.waiter("list-pop", "demo")
            waiter.send_signal(number)
            self.assertEqual(waiter.end(), (-number, b"", ""))
            read, write = os.pipe()
            pusher = self.start("list-push", "demo", stdin=read)
            os.write(write, b"one\n")
            self.assertEqual(self.ends_with(0, "list-pop", "demo"), "one\n")
            pusher.send_signal(number)
            self.assertEqual(pusher.end(), (-number, b"", ""))
            os.close(read)
            os.close(write)
            self.assertEqual((self.left_behind(), self.segments()), ([], []))

    def test_output_that_nobody_reads(self):
        self.run_to_end("list-push", "demo", input="".join(f"{i}\n" for i in range(100_000)).encode())
        for ignored, expected in ((False, -signal.SIGPIPE), (True, 1)):
            read, write = os.pipe()
            shown = self.start("list-show", "demo", stdout=write, restore_signals=not ignored,
                               preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN if ignored else signal.SIG_DFL))
            os.close(write)
            os.read(read, 10)
            os.close(read)
            self.assertEqual(shown.end(), (expected, b"", "list-show: write stdout: Broken pipe\n" if ignored else ""))
            # Blocked in its write, and asked to end.
            read, write = os.pipe()
            shown = self.start("list-show", "demo", stdout=write)
            os.close(write)
            os.read(read, 10)
            shown.terminate()
            self.assertEqual(shown.end()[0], -signal.SIGTERM)
            os.close(read)
        self.ends_with(0, "list-remove", "demo")

    def test_killed_at_random_nothing_is_torn_and_nothing_is_left(self):
        chance = random.Random(3)
        self.ends_with(0, "list-push", "demo", "first")
        end = time.monotonic() + 3
        killed = 0
        while time.monotonic() < end:
            pusher = self.start("list-push", "demo", *(f"{killed}:{i}" for i in range(5)))
            time.sleep(chance.uniform(0.0002, 0.01))
            pusher.kill()
            pusher.wait()
            killed += 1
            self.assertLessEqual(len(self.segments()), 2)
        values = self.show()
        self.assertEqual(values.pop(0), "first")
        for i in range(0, len(values), 5):
            number = values[i].split(":")[0]
            self.assertEqual(values[i:i + 5], [f"{number}:{j}" for j in range(5)])
        self.ends_with(0, "list-remove", "demo")
        self.assertEqual((self.left_behind(), self.segments()), ([], []))

    def test_damage_is_told_and_can_be_removed(self):
        for damage in ("cut", "overwrite", "remove"):
            self.ends_with(0, "list-push", "demo", "one", "x" * 500)
            path = os.path.join("/dev/shm", *self.segments())
            if damage == "cut":
                os.truncate(path, 100)
            elif damage == "overwrite":
                with open(path, "r+b") as file:
                    file.seek(300)
                    file.write(os.urandom(300))
            else:
                os.unlink(path)
            for program in ("list-show", "list-pop"):
                self.ends_with(6, program, "demo", err=rf"^{program}: (segment|use) [^\n]+\n$")
            self.ends_with(6, "list-push", "demo", "two", err=r"^list-push: (segment|use) [^\n]+\n$")
            self.ends_with(0, "list-remove", "demo")
            self.assertEqual((self.left_behind(), self.segments()), ([], []))

    def test_garbage_in_its_file_is_an_error_or_nothing(self):
        chance = random.Random(4)
        for _ in range(25):
            self.ends_with(0, "list-push", "demo", "one", "two")
            path = os.path.join(self.names, "demo")
            self.segments()
            with open(path, "r+b") as file:
                file.seek(chance.randrange(0, 320))
                file.write(os.urandom(chance.randrange(1, 40)))
            for program in (["list-show", "demo"], ["list-pop", "-n", "demo"], ["list-push", "demo", "three", "-n"]):
                code, _, err = self.run_to_end(*program)
                self.assertIn(code, (0, 4, 6), err)
            self.remove_segments()  # also those of a list that was made anew
            if os.path.exists(path):
                os.unlink(path)

    def test_command_lines_that_cannot_be_obeyed(self):
        for wrong in (["list-push"], ["list-pop"], ["list-show", "demo", "more"], ["list-pop", "demo", "more"],
                      ["list-pop", "--front", "--back", "demo"], ["list-push", "--front", "--back", "demo", "x"],
                      ["list-pop", "-c", "0", "demo"], ["list-show", "-f", "json", "demo"], ["list-show", "--bogus", "demo"],
                      ["list-push", ".demo", "x"], ["list-remove", "--explain=xml", "demo"]):
            with self.subTest(wrong=wrong):
                self.ends_with(2, *wrong, err=rf"^{wrong[0]}: [^\n]+\n$")
        self.assertEqual(self.left_behind(), [])

    def test_explain(self):
        code, out, err = self.run_to_end("list-push", "--explain", "demo", "one")
        self.assertEqual((code, out), (0, b""))
        for line in err.splitlines():
            self.assertRegex(line, r"^(\w+\(.*\) = -?\d+( E[A-Z0-9]+ \(.+\))?|\(no call\)|\(not shown\).*|\(.*\)) +# \S.*$")
        self.assertRegex(err, r"FUTEX_WAKE_OP.* # it is in force")
        self.assertIn("Boost makes a segment", err)
        code, _, err = self.run_to_end("list-pop", "--explain=json", "demo")
        self.assertEqual(code, 0)
        self.assertTrue(all(json.loads(line) for line in err.splitlines()))

    def test_several_work_through_one_list(self):
        self.run_to_end("list-push", "demo", input="".join(f"{i}\n" for i in range(60)).encode())
        loop = 'while value=$(list-pop demo --front -n -q); do echo "$value"; done'
        where = os.path.dirname(self.start("list-show", "demo").args[0])
        environment = dict(self.environment, PATH=where + ":" + os.environ["PATH"])
        workers = [self.start("/bin/sh", "-c", loop, env=environment) for _ in range(4)]
        done = [int(line) for worker in workers for line in worker.end()[1].split()]
        self.assertEqual(sorted(done), list(range(60)))
        wait_until(lambda: self.left_behind() == [], "the empty list goes")


if __name__ == "__main__":
    main()

"""mmap-peek, mmap-poke, shm-peek and shm-poke: against Python's own mmap and shared_memory, on the same bytes."""
import array
import mmap
import os
import re
import struct
import subprocess
import threading
from multiprocessing import shared_memory

from pairs import PATIENCE, TRACED, PairTest, main, program

TYPES = "bBhHiIqQfd"
CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")


def run(name, *arguments, stdin=b"", **options):
    return subprocess.run([program(name), *map(str, arguments)], input=stdin, capture_output=True, timeout=PATIENCE,
                          check=False, **options)


class MemoryTest(PairTest):
    def setUp(self):
        super().setUp()
        self.segments = []
        self.path = os.path.join(self.directory, "file")

    def tearDown(self):
        for name in self.segments:
            if os.path.exists("/dev/shm/" + name):
                os.unlink("/dev/shm/" + name)
        if os.path.exists(self.path):
            os.unlink(self.path)
        super().tearDown()

    def name(self):
        name = f"ipcways-test-{os.getpid()}-{len(self.segments)}"
        self.segments.append(name)
        return name

    def says(self, expected, name, *arguments, **options):
        done = run(name, *arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, b""), (name, arguments))
        self.assertEqual(done.stdout, expected)

    def fails(self, code, part, name, *arguments, **options):
        done = run(name, *arguments, **options)
        self.assertEqual(done.returncode, code, (name, arguments, done))
        self.assertEqual(done.stdout, b"")
        self.assertTrue(done.stderr.startswith(name.encode() + b": "), done.stderr)
        self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assertIn(part.encode(), done.stderr)

    def write(self, content):
        with open(self.path, "wb") as file:
            file.write(content)

    def test_bytes_of_a_file_in_place(self):
        self.write(b"Hello World!\nsecond\x00line")
        self.says(b"Hello", "mmap-peek", self.path, "--slice", "0:5")
        self.says(b"Hello World!\n", "mmap-peek", self.path, "--line")
        self.says(b"World!\n", "mmap-peek", self.path, "--line", "--at", 6)
        self.says(b"Hello World!\nsecond\x00line", "mmap-peek", self.path)
        self.says(b"line", "mmap-peek", self.path, "--slice", "-4:")
        self.says(b"line", "mmap-peek", self.path, "--at", "-4")
        self.says(b"", "mmap-peek", self.path, "--slice", "9:3")
        self.says(b"line", "mmap-peek", self.path, "--slice", "20:1000")
        self.says(b'"second\\x00line"\n', "mmap-peek", self.path, "--slice", "13:", "-f", "quoted")
        self.says(b"48656c6c6f\n", "mmap-peek", self.path, "--slice", "0:5", "-f", "hex")
        self.says(b"", "mmap-poke", self.path, "--at", 7, "ORLD?")
        self.says(b"", "mmap-poke", self.path, "--at", -4, "-", stdin=b"LINE")
        self.says(b"", "mmap-poke", self.path, "--", "-")  # a dash, not stdin
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), b"-ello WORLD?\nsecond\x00LINE")

    def test_what_lies_beyond_the_end_is_refused_and_nothing_stored(self):
        self.write(b"0123456789")
        self.fails(1, "has 10 bytes; 4 from 7 on do not fit", "mmap-poke", self.path, "--at", 7, "four")
        self.fails(1, "has no byte 11", "mmap-peek", self.path, "--at", 11)
        self.fails(1, "has 2 values of type i", "mmap-poke", self.path, "--type", "i", "--index", 1, 5, 6)
        self.fails(1, "has 2 values of type i", "mmap-peek", self.path, "--type", "i", "--index", 2)
        self.fails(1, "has 2 values of type i", "mmap-peek", self.path, "--type", "i", "--index", -3)
        self.fails(2, "is no value of type B: from 0 to 255", "mmap-poke", self.path, "--type", "B", 1, 2, 300)
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), b"0123456789")

    def test_of_many_who_create_it_at_once_all_find_it_whole(self):
        for _ in range(5):
            add = [program("mmap-poke"), self.path, "--create", "8", "--type", "Q", "--index", "0", "--add", "1"]
            adders = [subprocess.Popen(add, stdout=subprocess.DEVNULL) for _ in range(12)]
            self.assertEqual([adder.wait(PATIENCE) for adder in adders], [0] * 12)
            self.says(b"12\n", "mmap-peek", self.path, "--type", "Q")
            os.unlink(self.path)

    def test_values_are_those_of_struct_and_array(self):
        for code in TYPES:
            with self.subTest(code=code):
                size = struct.calcsize("=" + code)
                if code in "fd":
                    values = [0.0, -1.5, 0.1 if code == "d" else 0.5, 2.0**100, float("inf")]
                else:
                    bits = 8 * size
                    values = [0, 1, 2**(bits - 1) - 1] + ([-1, -2**(bits - 1)] if code.islower() else [2**bits - 1])
                self.write(array.array(code, values).tobytes() + b"x" * (size - 1))  # the rest is no value
                shown = run("mmap-peek", self.path, "--type", code).stdout.split()
                shown = [float(v) if code in "fd" else int(v) for v in shown]
                self.assertEqual(array.array(code, shown).tolist(), values)
                self.write(bytes(8 * len(values)))
                self.says(b"", "mmap-poke", self.path, "--type", code, "--index", 1, "--", *values[1:])
                with open(self.path, "rb") as file:
                    self.assertEqual(array.array(code, file.read(size * len(values))).tolist(), values)
                for wrong in ("", "x", "1x", "1.5" if code not in "fd" else "0x10"):
                    self.fails(2, "type " + code, "mmap-poke", self.path, "--type", code, "--", wrong)
                if code not in "fd":
                    self.fails(2, "type " + code, "mmap-poke", self.path, "--type", code, "--", values[-1] * 2)
        self.says(b"", "mmap-poke", self.path, "--type", "H", "0xbeef")
        self.says(b"48879\n", "mmap-peek", self.path, "--type", "H", "--index", 0)
        self.fails(2, "is no type", "mmap-peek", self.path, "--type", "l")

    def test_python_s_mmap_sees_it_at_once_and_is_seen(self):
        self.says(b"", "mmap-poke", self.path, "--create", "8K")
        self.assertEqual(os.stat(self.path).st_mode & 0o7777, 0o600)
        with open(self.path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            self.assertEqual(memory[:], bytes(8192))
            self.says(b"", "mmap-poke", self.path, "--at", 5000, "from a poke")
            self.assertEqual(memory[5000:5011], b"from a poke")
            memory[0:11] = b"from Python"
            self.says(b"from Python", "mmap-peek", self.path, "--slice", "0:11")
            memory[16:24] = struct.pack("q", -7)
            self.says(b"-7\n", "mmap-peek", self.path, "--type", "q", "--index", 2)
            self.says(b"-6\n", "mmap-poke", self.path, "--type", "q", "--index", 2, "--add", 1, "--sync")
            self.assertEqual(struct.unpack("q", memory[16:24]), (-6,))

    def test_python_s_shared_memory_both_ways(self):
        theirs = shared_memory.SharedMemory(create=True, size=80)
        try:
            numbers = theirs.buf.cast("i")
            numbers[3] = 42
            self.says(b"42\n", "shm-peek", theirs.name, "--type", "i", "--index", 3)
            self.says(b"43\n", "shm-poke", theirs.name, "--type", "i", "--index", 3, "--add", 1)
            self.assertEqual(numbers[3], 43)
            self.says(b"", "shm-poke", "/" + theirs.name, "--type", "i", "--index", 5, "--count", 10, 7)
            self.assertEqual(list(numbers[4:16]), [0] + [7] * 10 + [0])
            self.says(b"43\n0\n7\n", "shm-peek", theirs.name, "--type", "i", "--slice", "3:6")
            self.says(b"7\n7\n", "shm-peek", theirs.name, "--type", "i", "--index", 5, "--count", 2)
            numbers.release()
        finally:
            theirs.close()
            theirs.unlink()
        name = self.name()
        self.says(b"", "shm-poke", name, "--create", 40, "--mode", "640", "text")
        self.assertEqual(os.stat("/dev/shm/" + name).st_mode & 0o7777, 0o640)
        program_text = ("import sys\nfrom multiprocessing import shared_memory, resource_tracker\n"
                        "m = shared_memory.SharedMemory(sys.argv[1])\n"
                        "resource_tracker.unregister(m._name, 'shared_memory')\n"
                        "print(m.size, bytes(m.buf[:5])); m.buf[4] = 33; m.close()\n")
        done = subprocess.run(["python3", "-c", program_text, name], capture_output=True, timeout=PATIENCE, check=True)
        self.assertEqual(done.stdout, b"40 b'text\\x00'\n")
        self.says(b"text!", "shm-peek", name, "--slice", ":5")

    def test_what_is_there_is_not_made_again(self):
        name = self.name()
        self.says(b"", "shm-poke", name, "--create", 16, "kept")
        self.says(b"", "shm-poke", name, "--create", 16)
        self.says(b"kept", "shm-peek", name, "--slice", ":4")
        self.fails(1, "is there already, and 16 bytes long, not 32", "shm-poke", name, "--create", 32, "x")
        self.fails(1, "no such segment (shm-poke NAME --create SIZE makes one)", "shm-peek", self.name())
        self.fails(1, "no such file (mmap-poke FILE --create SIZE makes one)", "mmap-poke", self.path, "x")
        self.fails(2, "no name of a segment", "shm-peek", "a/b")
        self.fails(2, "no name of a segment", "shm-peek", "..")
        self.fails(1, "is no regular file", "mmap-peek", self.directory)

    def test_an_empty_file_has_no_bytes_and_no_values(self):
        self.write(b"")
        self.says(b"", "mmap-peek", self.path)
        self.says(b"", "mmap-peek", self.path, "--type", "d")
        self.fails(1, "has 0 bytes", "mmap-poke", self.path, "x")

    def test_no_addition_is_lost(self):
        for code, length in (("i", 4), ("Q", 8), ("d", 8), ("B", 1)):
            with self.subTest(code=code):
                name = self.name()
                self.says(b"", "shm-poke", name, "--create", 64)
                sums = []

                def add(code=code, name=name, sums=sums):
                    for _ in range(30):
                        sums.append(float(run("shm-poke", name, "--type", code, "--index", 3, "--add", 2).stdout))

                threads = [threading.Thread(target=add) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                # Each sum comes once: what --add prints is a number that nobody else has got.
                self.assertEqual(sorted(sums), [2.0 * n for n in range(1, 121)])
                with open("/dev/shm/" + name, "rb") as file:
                    self.assertEqual(struct.unpack(code, file.read()[3 * length:4 * length]), (240,))
        self.says(b"255\n", "shm-poke", self.segments[-1], "--type", "B", "--index", 0, "--add", -1)
        self.says(b"4\n", "shm-poke", self.segments[-1], "--type", "B", "--index", 0, "--add", 5)
        self.fails(1, "only a value at a multiple of its 4 bytes", "shm-poke", self.segments[-1], "--type", "i", "--at",
                   1, "--add", 1)
        self.says(b"", "shm-poke", self.segments[-1], "--type", "i", "--at", 1, 5)  # stored all the same

    def test_a_file_that_is_truncated_meanwhile_is_an_error(self):
        # The program stands still when the pipe is full, long after it has mapped the file.
        self.write(bytes(64 << 20))
        peek = subprocess.Popen([program("mmap-peek"), self.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = os.read(peek.stdout.fileno(), 10)  # then it waits for the rest of its bytes to be read
        os.truncate(self.path, 4096)
        out, err = peek.communicate(timeout=PATIENCE)
        self.assertEqual(peek.returncode, 6, err)
        self.assertIn(b"is 4096 bytes long, not 67108864; somebody truncated it", err)
        self.assertLess(len(first) + len(out), 64 << 20)
        self.assertEqual((first + out).strip(b"\0"), b"")

    def test_no_room_is_an_error_that_says_so(self):
        script = """mount -t tmpfs -o size=1M none "$1" && cd "$1" || exit 77
            "$2" big --create 2M x; echo "$?"; ls
            "$2" small --create 512K x; echo "$?"
            truncate -s 4M sparse; "$2" sparse --at 4000000 x; echo "$?"
            head -c 1M /dev/zero > rest 2> /dev/null
            "$2" sparse --at 2000000 y; echo "$?" """
        folder = os.path.join(self.directory, "mount")
        os.mkdir(folder)
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", folder, program("mmap-poke")],
                              capture_output=True, timeout=PATIENCE, check=False)
        os.rmdir(folder)
        self.assertEqual(done.stdout.split(), [b"5", b"0", b"0", b"5"], done.stderr)
        self.assertIn(b"no room for 2097152 bytes", done.stderr)
        limited = ["sh", "-c", 'ulimit -f 1; "$1" "$2" --create 1M', "sh", program("mmap-poke"), self.path]
        done = subprocess.run(limited, capture_output=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(b"File too large", done.stderr)
        self.assertFalse(os.path.exists(self.path))

    def test_usage(self):
        for name in ("mmap-peek", "mmap-poke", "shm-peek", "shm-poke"):
            done = run(name, "--help")
            self.assertEqual(done.returncode, 0)
            examples = done.stdout.split(b"\n\n")[0].splitlines()
            self.assertEqual(examples[0], b"Examples:")
            self.assertEqual(len(examples), 4)
            self.assertTrue(all(line.startswith(b"  " + name.encode()) for line in examples[1:]))
            self.fails(2, "is missing", name)
        self.write(b"x" * 8)
        self.fails(2, "nothing to store", "mmap-poke", self.path)
        self.fails(2, "--add needs the --type", "mmap-poke", self.path, "--add", 1)
        self.fails(2, "--add is for one value", "mmap-poke", self.path, "--type", "i", "--add", 1, 2)
        self.fails(2, "give their --type", "mmap-peek", self.path, "--index", 1)
        self.fails(2, "BYTES are one argument", "mmap-poke", self.path, "two", "words")
        self.fails(2, "is no slice", "mmap-peek", self.path, "--slice", 5)
        self.fails(2, "did you mean --slice", "mmap-peek", self.path, "--slise", "0:5")

    def test_explain_tells_the_calls_that_strace_sees(self):
        self.write(b"Hello World!")
        log = os.path.join(self.directory, "trace")
        for arguments in (["mmap-peek", self.path, "--slice", "0:5"], ["mmap-poke", self.path, "--at", "6", "w"]):
            command = ["strace", "-qq", "-o", log, program(arguments[0]), *arguments[1:], "--explain"]
            done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True,
                                  env=dict(os.environ, **TRACED))
            with open(log, encoding="utf-8") as file:
                traced = [CALL.match(line) for line in file if self.path in line or "MAP_SHARED" in line]
            told = [CALL.match(line) for line in done.stderr.decode().splitlines()]
            told = [call for call in told if call and (self.path in call[2] or "MAP_SHARED" in call[2])]
            traced = [call[1] for call in traced if call and call[1] != "execve"]
            self.assertEqual([call[1] for call in told], traced)
            self.assertEqual(traced, ["openat", "mmap"])
            self.assertIn(b"(no call)", done.stderr)
        os.unlink(log)


if __name__ == "__main__":
    main()

"""Runs each line of docs/from-python.md by itself, and compares what it prints: python3 from_python_test.py DOCUMENT BIN"""
import os
import re
import unittest

from document import DOCUMENT, DocumentTest, blocks

PROMISE = re.compile(r"^(\S.*\S) {4}#=> (.+)$")
# What a course names, as it stands in the comments.
CONSTRUCTS = """signal.signal os.kill SIG_IGN sigwait alarm setitimer os.pipe os.mkfifo subprocess flock SOCK_STREAM SOCK_DGRAM
    SOCK_SEQPACKET socketpair AF_INET settimeout mmap.mmap flush readline Process Queue Pipe Pool imap apply_async Lock RLock Semaphore
    BoundedSemaphore Event Barrier Condition Timer Value Array SharedMemory Manager().list Manager().dict Namespace create_task gather
    open_unix_connection open_connection asyncio.Queue create_subprocess_exec wait_for xmlrpc SimpleXMLRPCServer""".split()


class FromPython(DocumentTest):
    def lines(self):
        for block in blocks("sh"):
            said = None
            for line in block.splitlines():
                if line.startswith("# "):
                    said = line
                    continue
                self.assertIsNotNone(said, f"a line without its Python: {line}")
                promise = PROMISE.match(line)
                self.assertIsNotNone(promise, f"a line that does not say what it prints: {line}")
                yield said, *promise.groups()
                said = None

    def test_every_line_prints_what_it_promises(self):
        lines = list(self.lines())
        self.assertGreater(len(lines), 50)
        for number, (said, line, promised) in enumerate(lines):
            with self.subTest(python=said, line=line):
                directory = os.path.join(self.directory.name, str(number))
                os.mkdir(directory)
                self.environment["IPC_DIR"] = os.path.join(directory, "ipc")
                output = self.run_shell(line, directory)
                self.assertEqual(" ".join(output.split()), promised)
                names = self.environment["IPC_DIR"]
                self.assertEqual(os.listdir(names) if os.path.exists(names) else [], [], "names are left")

    def test_every_construct_of_a_course_is_there(self):
        with open(DOCUMENT, encoding="utf-8") as document:
            headings = [line for line in document if line.startswith("## ")]
        said = " ".join(headings + [comment for comment, _, _ in self.lines()])
        for construct in CONSTRUCTS:
            self.assertIn(construct, said)


if __name__ == "__main__":
    unittest.main(verbosity=2)

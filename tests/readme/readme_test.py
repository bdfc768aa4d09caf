"""Runs every command of the README in order, in one shell, and its C++ example: python3 readme_test.py README.md BIN"""
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

README, PROGRAMS = (os.path.abspath(argument) for argument in sys.argv[1:3])
del sys.argv[1:3]
PATIENCE = 100  # seconds for what takes ten


def blocks(language):
    with open(README, encoding="utf-8") as readme:
        return re.findall(rf"^```{language}\n(.*?)^```$", readme.read(), re.MULTILINE | re.DOTALL)


class Readme(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="readme.")
        self.addCleanup(self.directory.cleanup)
        self.environment = os.environ | {
            "IPC_DIR": os.path.join(self.directory.name, "ipc"),
            "PATH": PROGRAMS + ":" + os.environ["PATH"],
        }

    def run_shell(self, script):
        # A session of its own, so that whatever a failing command leaves behind ends with it.
        shell = subprocess.Popen(
            ["bash", "-eu", "-c", script], cwd=self.directory.name, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True)
        timer = threading.Timer(PATIENCE, os.killpg, (shell.pid, signal.SIGKILL))
        timer.start()
        try:
            output, _ = shell.communicate()
        finally:
            timer.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
        self.assertEqual(shell.returncode, 0, output)
        return output

    def test_commands(self):
        first, *rest = blocks("sh")
        # The first only says where the programs are; here they may be elsewhere.
        self.assertEqual(first, "export PATH=$PWD/build/release/bin:$PATH\n")
        self.assertGreater(len(rest), 5)
        output = self.run_shell("\n".join(rest))
        for expected in (
            r"(?m)^1\n2\n3$",
            r"sendto\(\d+, .*# ",
            r"(?m)^Hello, datagram$",
            r"died; \d+ messages whole",
            r"(?m)^exit code 3$",
            r"(?m)^Dear cat,$",
            r"(?m)^Hello world!\n8\n7\n7\n8\n7\n",
            r"(?m)^one\ntwo\nthree$",
            r"(?m)^100000$",
            r"(?m)^HELLO\n100$",
            r"(?m)^4$",
            r"(?m)^it is ready$",
            r"(?m)^owner died: 1$",
            r"(?m)^400$",
            r"(?m)^Downloaded URLs: 10\b",
        ):
            self.assertRegex(output, expected)
        with open(os.path.join(self.directory.name, "pages.jsonl"), encoding="utf-8") as pages:
            self.assertEqual(len(pages.readlines()), 9)
        self.assertEqual(os.listdir(self.environment["IPC_DIR"]), [])

    def test_the_two_commands_exist(self):
        for script in ("demo", "test"):
            self.assertTrue(os.access(os.path.join(os.path.dirname(README), "scripts", script), os.X_OK))

    def test_example(self):
        output = self.run_shell(
            "readme-example > received & receiver=$!\n"
            "until readme-example send 2> /dev/null; do sleep 0.05; done\n"
            "wait $receiver\n"
            "cat received\n")
        self.assertRegex(output, r"(?m)^5 bytes from connection \d+$")


if __name__ == "__main__":
    unittest.main(verbosity=2)

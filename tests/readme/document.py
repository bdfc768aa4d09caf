"""Running what a document shows: python3 TEST.py DOCUMENT.md BIN"""
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

DOCUMENT, PROGRAMS = (os.path.abspath(argument) for argument in sys.argv[1:3])
del sys.argv[1:3]
PATIENCE = 100  # seconds for what takes ten


def blocks(language):
    with open(DOCUMENT, encoding="utf-8") as document:
        return re.findall(rf"^```{language}\n(.*?)^```$", document.read(), re.MULTILINE | re.DOTALL)


class DocumentTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="document.")
        self.addCleanup(self.directory.cleanup)
        self.environment = os.environ | {
            "IPC_DIR": os.path.join(self.directory.name, "ipc"),
            "PATH": PROGRAMS + ":" + os.environ["PATH"],
        }

    def run_shell(self, script, directory=None):
        # A session of its own, so that whatever a failing command leaves behind ends with it.
        shell = subprocess.Popen(
            ["bash", "-eu", "-c", script], cwd=directory or self.directory.name, env=self.environment,
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

"""Runs scripts/demo for each mechanism and each further demo, on a build that is there: python3 demos_test.py SOURCES BUILD"""
import json
import os
import signal
import subprocess
import sys
import unittest

SOURCES, BUILD = (os.path.abspath(argument) for argument in sys.argv[1:3])
del sys.argv[1:3]
DEMOS = os.path.join(SOURCES, "scripts", "demos")
NOT_BY_NAME = {"stage", "everything", "kind"}
PATIENCE = 60  # seconds: what is promised for a demo


def names():
    kinds = json.loads(subprocess.check_output([os.path.join(BUILD, "bin", "ipc"), "kinds", "--json"]))
    return [kind["name"] for kind in kinds] + sorted(set(os.listdir(DEMOS)) - NOT_BY_NAME)


class Demos(unittest.TestCase):
    def run_demo(self, *arguments):
        # A session of its own, so that whatever a failing demo leaves behind ends with it.
        demo = subprocess.Popen(
            [os.path.join(SOURCES, "scripts", "demo"), *arguments], env=os.environ | {"IPCWAYS_BUILD": BUILD},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True)
        try:
            output, _ = demo.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(demo.pid, signal.SIGKILL)
            output, _ = demo.communicate()
        return demo.returncode, output

    def test_each(self):
        self.assertGreater(len(names()), 8)
        for name in names():
            with self.subTest(name):
                code, output = self.run_demo(name)
                self.assertEqual(code, 0, output)
                self.assertNotIn("No such file", output.replace("ENOENT (No such file", ""))

    def test_what_is_not_there(self):
        code, output = self.run_demo("carrier-pigeon")
        self.assertEqual(code, 2)
        self.assertIn("no mechanism is called carrier-pigeon", output)


if __name__ == "__main__":
    unittest.main(verbosity=2)

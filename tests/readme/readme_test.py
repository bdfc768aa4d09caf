"""Runs every command of the README in order, in one shell, and its C++ example: python3 readme_test.py README.md BIN"""
import os
import unittest

from document import DOCUMENT, DocumentTest, blocks


class Readme(DocumentTest):
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
            r'(?m)^\["one","two","three","4","5"\]\none$',
            r"(?m)^400$",
            r"(?m)^Downloaded URLs: 10\b",
        ):
            self.assertRegex(output, expected)
        with open(os.path.join(self.directory.name, "pages.jsonl"), encoding="utf-8") as pages:
            self.assertEqual(len(pages.readlines()), 9)
        self.assertEqual(os.listdir(self.environment["IPC_DIR"]), [])

    def test_the_two_commands_exist(self):
        for script in ("demo", "test"):
            self.assertTrue(os.access(os.path.join(os.path.dirname(DOCUMENT), "scripts", script), os.X_OK))

    def test_example(self):
        output = self.run_shell(
            "readme-example > received & receiver=$!\n"
            "until readme-example send 2> /dev/null; do sleep 0.05; done\n"
            "wait $receiver\n"
            "cat received\n")
        self.assertRegex(output, r"(?m)^5 bytes from connection \d+$")


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""What the tests of the programs around synchronisation objects share with those of the pairs."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from pairs import PATIENCE, TRACED, PairTest, allowed, main, program, read_until, wait_until  # noqa: E402, F401

AT_ONCE = 0.1  # seconds that nobody may wait longer for a dead one
STARTING = 0.1  # seconds that it may take to start a program


def sleeps_in_futex(child):
    with open(f"/proc/{child.pid}/wchan", encoding="ascii") as file:
        return file.read().startswith("futex")


class SyncTest(PairTest):
    def waiter(self, name, *arguments, **options):
        """Starts a program and returns when it waits."""
        child = self.start(name, *arguments, **options)
        wait_until(lambda: child.poll() is not None or sleeps_in_futex(child), f"{name} waits")
        return child

    def ends_with(self, code, *command, err=None):
        """Runs a program to an end with that code; returns what it has printed."""
        got, out, said = self.run_to_end(*command)
        self.assertEqual(got, code, said)
        if err is not None:
            self.assertRegex(said, err)
        return out.decode()

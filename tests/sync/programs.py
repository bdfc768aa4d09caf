"""What the tests of the programs around synchronisation objects share with those of the pairs."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from pairs import PATIENCE, PairTest, main, read_until, wait_until  # noqa: E402, F401

AT_ONCE = 0.1  # seconds that nobody may wait longer for a dead one
WAITED = "futex(addr, FUTEX_WAIT"  # what one says with --explain who has begun to wait


class SyncTest(PairTest):
    program = ""  # which one, in a class for one of them

    def waiter(self, name, *arguments, **options):
        """Starts a program and returns when it waits."""
        child = self.start(name, "--explain", *arguments, **options)
        child.err.until(WAITED.encode())
        return child

    def ends_with(self, code, *command, err=None):
        """Runs a program to an end with that code; returns what it has printed."""
        got, out, said = self.run_to_end(*command)
        self.assertEqual(got, code, said)
        if err is not None:
            self.assertRegex(said, err)
        return out.decode()

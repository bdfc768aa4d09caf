"""lock-run, driven from outside. Run as: python3 lock_run_test.py DIRECTORY-OF-THE-PROGRAMS"""
import fcntl
import json
import os
import re
import signal
import termios
import time

from programs import AT_ONCE, STARTING, TRACED, SyncTest, allowed, main, program, read_until, wait_until


class LockRun(SyncTest):
    def holder(self, *arguments, **options):
        """A lock-run whose command runs until it is killed."""
        child = self.start("lock-run", *arguments, "demo", "--", "sh", "-c", "echo here; exec sleep 60", **options)
        child.out.until(b"here")
        return child

    def test_the_command_gets_stdin_and_gives_its_output_and_its_status(self):
        code, out, err = self.run_to_end("lock-run", "demo", "--", "sh", "-c", "cat; echo x >&2; exit 42", input=b"in")
        self.assertEqual((code, out, err), (42, b"in", "x\n"))
        self.assertEqual(self.ends_with(0, "lock-run", "demo", "echo", "one", "two"), "one two\n")
        self.assertEqual(self.ends_with(0, "lock-run", "demo", "--", "printf", "%s", "-n", "--", "-w"), "-n---w")
        self.assertEqual(self.left_behind(), [])

    def test_a_command_that_cannot_be_run(self):
        self.ends_with(127, "lock-run", "demo", "--", "no-such-command", err=r"^lock-run: no-such-command: No such file")
        self.ends_with(126, "lock-run", "demo", "--", "/", err=r"^lock-run: /: Permission denied")
        self.assertEqual(self.left_behind(), [])

    def test_a_command_that_is_killed(self):
        self.ends_with(-signal.SIGTERM, "lock-run", "demo", "--", "sh", "-c", "kill -TERM $$")
        self.ends_with(-signal.SIGSEGV, "lock-run", "demo", "--", "sh", "-c", "kill -SEGV $$")
        self.assertEqual(self.left_behind(), [])
        self.assertEqual(os.listdir(self.directory), ["names"])  # and no core file

    def test_who_counts_under_the_lock_loses_no_count(self):
        total = os.path.join(self.directory, "total")
        with open(total, "w", encoding="ascii") as file:
            file.write("0\n")
        count = f"echo $((1 + $(cat {total}))) > {total}"
        loop = 'for i in 1 2 3 4 5 6 7 8 9 10; do lock-run demo -- sh -c "$1"; done'
        environment = dict(self.environment, PATH=os.path.dirname(self.start("lock-run").args[0]) + ":" +
                           os.environ["PATH"])
        children = [self.start("/bin/sh", "-c", loop, "sh", count, env=environment) for _ in range(6)]
        for child in children:
            self.assertEqual(child.end()[0], 0)
        with open(total, encoding="ascii") as file:
            self.assertEqual(file.read(), "60\n")
        self.assertEqual(self.left_behind(), [])

    def test_not_to_be_had(self):
        holder = self.holder()
        said = rf"^lock-run: {self.names}/demo: is held by process {holder.pid}\n$"
        started = time.monotonic()
        self.ends_with(4, "lock-run", "-n", "demo", "--", "true", err=said)
        self.ends_with(4, "lock-run", "--nonblock", "demo", "--", "true", err=said)
        self.ends_with(4, "lock-run", "-w", "0", "demo", "--", "true", err=said)
        self.ends_with(77, "lock-run", "-n", "-E", "77", "demo", "--", "true", err=said)
        self.ends_with(0, "lock-run", "-n", "-E0", "-q", "demo", "--", "true", err="^$")
        self.assertLess(time.monotonic() - started, allowed(2))
        started = time.monotonic()
        self.ends_with(4, "lock-run", "demo", "-w", "0.3", "--", "true", err=said)
        self.assertGreaterEqual(time.monotonic() - started, 0.3)
        holder.kill()

    def test_a_killed_holder_frees_it_at_once_and_takes_its_command_along(self):
        for who_waits in (False, True):
            holder = self.start("lock-run", "demo", "--", "sh", "-c", "echo $$; exec sleep 60")
            command = int(holder.out.until(b"\n"))
            environment = ["sh", "-c", 'echo "died=$IPC_OWNER_DIED"']
            if who_waits:
                heir = self.waiter("lock-run", "-v", "demo", "--", *environment)
            started = time.monotonic()
            holder.kill()
            if not who_waits:
                heir = self.start("lock-run", "-v", "demo", "--", *environment)
            heir.out.until(b"died=1\n")
            self.assertLess(time.monotonic() - started, allowed(AT_ONCE + STARTING))
            code, _, err = heir.end()
            self.assertEqual(code, 0)
            self.assertIn(f"lock-run: {self.names}/demo: its last holder died; what it was at may be half done\n", err)
            self.assertRegex(err, r"lock-run: has it after \d\.\d{3} s\n")
            wait_until(lambda: is_dead(command), "the command is killed")
            self.assertEqual(self.ends_with(0, "lock-run", "-n", "demo", "--", *environment), "died=\n")
            # Nor does it tell of another lock, whose lock-run has started this one.
            self.assertEqual(self.ends_with(0, "lock-run", "-n", "other", "--", "env", "IPC_OWNER_DIED=1",
                                            program("lock-run"), "-n", "demo", "--", *environment), "died=\n")
            self.assertEqual(self.left_behind(), [])

    def test_what_the_command_leaves_behind_does_not_keep_the_lock(self):
        out = self.ends_with(0, "lock-run", "demo", "--", "sh", "-c",
                             "sleep 60 > /dev/null 2>&1 & echo $!; ls /proc/self/fd | wc -l")
        daemon, descriptors = map(int, out.split())
        try:
            self.ends_with(0, "lock-run", "-n", "demo", "--", "true")
            self.assertEqual(descriptors, 4)  # 0 to 2, and that of ls
        finally:
            os.kill(daemon, signal.SIGKILL)

    def test_signals_are_passed_on_and_the_lock_is_held_until_the_command_ends(self):
        may_end = os.path.join(self.directory, "may-end")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
            child = self.start("lock-run", "demo", "--", "sh", "-c",
                               f"trap 'echo caught; until [ -e {may_end} ]; do sleep 0.01; done; exit 7' {int(number)}; "
                               "echo here; while :; do sleep 0.01; done")
            child.out.until(b"here")
            child.send_signal(number)
            child.out.until(b"caught")
            self.ends_with(4, "lock-run", "-n", "demo", "--", "true")
            with open(may_end, "x", encoding="ascii"):
                pass
            self.assertEqual(child.end()[0], 7)
            self.assertEqual(self.left_behind(), [])
            os.unlink(may_end)

    def test_control_c_on_a_terminal_reaches_both_once(self):
        may_end = os.path.join(self.directory, "may-end")
        person, end = self.terminal()
        child = self.start("lock-run", "demo", "--", "sh", "-c",
                           f"trap 'echo caught; until [ -e {may_end} ]; do sleep 0.01; done; exit 7' INT; "
                           "echo here; while :; do sleep 0.01; done",
                           stdin=end, stdout=end, stderr=end, preexec_fn=lambda: take_terminal(end))
        read_until(person, b"here")
        os.write(person, b"\x03")
        said = read_until(person, b"caught")
        self.ends_with(4, "lock-run", "-n", "demo", "--", "true")
        with open(may_end, "x", encoding="ascii"):
            pass
        self.assertEqual(child.end()[0], 7)
        self.assertEqual(said.count(b"caught"), 1)

    def test_who_waits_and_is_asked_to_end_leaves_nothing(self):
        holder = self.holder()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            waiter = self.waiter("lock-run", "demo", "--", "true")
            waiter.send_signal(number)
            code, _, err = waiter.end()
            self.assertEqual(code, -number)
            self.assertNotIn("is held by", err)
        holder.kill()
        holder.wait()
        self.ends_with(0, "lock-run", "demo", "--", "true")
        self.assertEqual(self.left_behind(), [])

    def test_ignored_signals_stay_ignored(self):
        child = self.start("lock-run", "demo", "--", "sh", "-c", "kill -HUP $$; echo still here",
                           preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.assertEqual(child.end()[:2], (0, b"still here\n"))
        child = self.start("lock-run", "demo", "--", "sh", "-c", "exit 5",
                           preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertEqual(child.end()[0], 5)

    def test_what_has_the_name_already(self):
        with open(os.path.join(self.names, "letter"), "w", encoding="ascii") as file:
            file.write("hello")
        self.ends_with(6, "lock-run", "letter", "--", "true", err="letter: is no synchronisation object")
        self.ends_with(1, "lock-run", f"{self.directory}/missing/demo", "--", "true", err="No such file or directory")
        self.assertEqual(self.left_behind(), ["letter"])

    def test_no_more_than_its_places(self):
        holder = self.holder("--max-parties", "1")
        self.ends_with(5, "lock-run", "demo", "--", "true", err="all 1 places are taken")
        holder.kill()

    def test_the_mode_is_the_one_asked_for(self):
        for mode in ("0600", "0660"):
            out = self.ends_with(0, "lock-run", "--mode", mode, "demo", "--", "stat", "-c", "%a", f"{self.names}/demo")
            self.assertEqual(int(out, 8), int(mode, 8))

    def test_command_lines_that_cannot_be_obeyed(self):
        for arguments in ([], ["demo"], ["demo", "--"], ["--bogus", "demo", "--", "true"], ["-w", "x", "demo", "--", "true"],
                          ["-E", "256", "demo", "--", "true"], ["--explain=xml", "demo", "--", "true"],
                          [".demo", "--", "true"]):
            with self.subTest(arguments=arguments):
                self.ends_with(2, "lock-run", *arguments, err=r"^lock-run: [^\n]+\n$")

    def test_explain(self):
        code, out, err = self.run_to_end("lock-run", "--explain", "demo", "--", "true")
        self.assertEqual((code, out), (0, b""))
        for line in err.splitlines():
            self.assertRegex(line, r"^(\w+\(.*\) = -?\d+( E[A-Z0-9]+ \(.+\))?|\(no call\)) +# \S.*$")
        self.assertIn("O_TMPFILE", err)
        self.assertIn("compare-and-swap", err)
        self.assertNotIn("futex", err)  # nobody else is there
        code, _, err = self.run_to_end("lock-run", "--explain=json", "demo", "--", "true")
        self.assertEqual(code, 0)
        self.assertTrue(all(json.loads(line)["why"] for line in err.splitlines()))

    def test_explain_agrees_with_strace(self):
        trace = os.path.join(self.directory, "trace")
        calls = "openat,linkat,fchmod,pwrite64,pread64,unlink,renameat2,futex,newfstatat,fcntl,mmap,madvise,munmap"
        child = self.start("/usr/bin/strace", "-s", "4096", "-e", f"trace={calls}", "-o", trace,
                           self.start("lock-run").args[0], "--explain", "demo", "--", "true",
                           env=dict(self.environment, **TRACED))
        code, _, err = child.end()
        self.assertEqual(code, 0)
        with open(trace, encoding="utf-8") as file:
            seen = [line for line in file if about_the_object(self.names, line)]
        told = [line for line in err.splitlines() if about_the_object(self.names, line)]
        self.assertEqual([re.match(r"\w+", line)[0] for line in told], [re.match(r"\w+", line)[0] for line in seen])
        self.assertGreater(len(told), 8)


def about_the_object(names, line):
    return f"{names}/" in line or "F_OFD" in line or "O_TMPFILE" in line


def is_dead(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return ") Z " in file.read()
    except FileNotFoundError:
        return True


def take_terminal(end):
    """Makes the child the foreground of that terminal, as a shell does."""
    os.setsid()
    fcntl.ioctl(end, termios.TIOCSCTTY, 0)


if __name__ == "__main__":
    main()

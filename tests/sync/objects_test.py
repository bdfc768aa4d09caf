"""The programs around semaphores, events, barriers, conditions and timers, driven from outside.
Run as: python3 objects_test.py DIRECTORY-OF-THE-PROGRAMS"""
import os
import re
import signal
import subprocess
import time

from programs import AT_ONCE, STARTING, SyncTest, allowed, main, wait_until

PROGRAMS = {
    "lock-run": ["demo", "--", "true"],
    "sem-run": ["demo", "--", "true"],
    "sem-wait": ["demo"],
    "sem-post": ["demo"],
    "event-wait": ["demo"],
    "event-set": ["demo"],
    "event-clear": ["demo"],
    "barrier-wait": ["demo", "-n", "2"],
    "cond-wait": ["demo"],
    "cond-notify": ["demo"],
    "timer-wait": ["demo"],
    "timer-set": ["demo", "--off"],
}
WAITS = ["sem-wait", "event-wait", "barrier-wait", "cond-wait", "timer-wait"]


class All(SyncTest):
    def test_help_opens_with_three_examples(self):
        for name in PROGRAMS:
            with self.subTest(name=name):
                out = self.ends_with(0, name, "--help", err="^$")
                self.assertRegex(out, rf"^Examples:\n(  .+\n){{3}}\nUsage: {name} \[OPTION\.\.\.\] NAME")
                self.assertIn(name, out.split("\n\n")[0])
                self.assertIn("Ends ", out)
                self.assertIn("ipcways", self.ends_with(0, name, "--version"))

    def test_command_lines_that_cannot_be_obeyed(self):
        for name, arguments in PROGRAMS.items():
            for wrong in ([], ["--bogus", *arguments], [".hidden", *arguments[1:]], ["--explain=xml", *arguments],
                          ["--mode", "9", *arguments], ["--max-parties", "0", *arguments]):
                with self.subTest(name=name, wrong=wrong):
                    self.ends_with(2, name, *wrong, err=rf"^{name}: [^\n]+\n$")
            if "--" not in arguments:
                self.ends_with(2, name, "one", *arguments, err="one NAME is enough")
        for wrong in (["barrier-wait", "demo"], ["barrier-wait", "demo", "-n", "0"], ["timer-set", "demo"],
                      ["timer-set", "demo", "--off", "--in", "1"], ["timer-wait", "demo", "--every", "0"],
                      ["sem-run", "-j", "0", "demo", "--", "true"], ["sem-wait", "demo", "--initial", "3", "--most", "2"]):
            with self.subTest(wrong=wrong):
                self.ends_with(2, *wrong, err=rf"^{wrong[0]}: [^\n]+\n$")
        self.assertEqual(self.left_behind(), [])

    def test_what_is_something_else_is_refused_and_named(self):
        user = self.start("lock-run", "demo", "--", "sh", "-c", "echo here; exec sleep 60")
        user.out.until(b"here")
        for name, arguments in PROGRAMS.items():
            if name != "lock-run":
                self.ends_with(6, name, *arguments, err=rf"^{name}: open {self.names}/demo: it is a mutex; use lock-run\n$")
        self.ends_with(0, "event-set", "event")
        self.ends_with(6, "lock-run", "event", "--", "true", err="it is an event; use event-wait, event-set or event-clear")
        user.kill()

    def test_an_object_that_is_cut_short_is_an_error_and_no_signal(self):
        path = os.path.join(self.names, "demo")
        for name in [*WAITS, "lock-run"]:
            with self.subTest(name=name):
                if name == "lock-run":
                    holder = self.start("lock-run", "demo", "--", "sh", "-c", "echo here; read -r line", stdin=subprocess.PIPE)
                    holder.out.until(b"here")
                waiter = self.waiter(name, *PROGRAMS[name])
                os.truncate(path, 100)
                code, _, err = waiter.end()
                self.assertEqual(code, 6, err)
                self.assertEqual(err, f"{name}: use {path}: is 100 bytes long, not 20480; somebody truncated it\n")
                if name == "lock-run":
                    holder.stdin.close()
                    self.assertEqual(holder.end()[0], 6)  # it was not alone under the lock for sure
                self.ends_with(6, name, *PROGRAMS[name], err=rf"^{name}: open {path}: is no synchronisation object")
                os.unlink(path)

    def test_who_waits_ends_in_time_with_the_code_asked_for(self):
        for name in WAITS:
            with self.subTest(name=name):
                started = time.monotonic()
                self.ends_with(4, name, *PROGRAMS[name], "-w", "0.2", err=rf"^{name}: {self.names}/demo: [^\n]+\n$")
                self.assertGreaterEqual(time.monotonic() - started, 0.2)
                self.ends_with(4, name, *PROGRAMS[name], "--nonblock")
                self.ends_with(9, name, *PROGRAMS[name], "-w", "0.01", "-E", "9", "-q", err="^$")
        self.assertEqual(self.left_behind(), [])

    def test_who_waits_and_is_asked_to_end_leaves_nothing(self):
        for name in WAITS:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                with self.subTest(name=name, number=number):
                    child = self.waiter(name, *PROGRAMS[name])
                    child.send_signal(number)
                    self.assertEqual(child.end(), (-number, b"", ""))
                    self.assertEqual(self.left_behind(), [])

    def test_who_waits_for_what_needs_no_holder_does_not_wake_up(self):
        def switches(child):
            with open(f"/proc/{child.pid}/status", encoding="ascii") as file:
                return int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", file.read())[1])
        children = [self.waiter("event-wait", "event"), self.waiter("barrier-wait", "barrier", "-n", "2"),
                    self.waiter("timer-wait", "timer")]
        before = [switches(child) for child in children]
        time.sleep(0.5)
        self.assertEqual([switches(child) for child in children], before)

    def test_explain_says_why(self):
        for name, arguments in PROGRAMS.items():
            with self.subTest(name=name):
                wait = ["--nonblock"] if name in WAITS else []
                code, _, err = self.run_to_end(name, "--explain", *wait, *arguments)
                self.assertEqual(code, 4 if wait else 0)
                lines = [line for line in err.splitlines() if not line.startswith(name)]
                self.assertGreater(len(lines), 10)
                for line in lines:
                    self.assertRegex(line, r"^(\w+\(.*\) = -?\d+( E[A-Z0-9]+ \(.+\))?|\(no call\)) +# \S.*$")
            self.run_to_end("sem-wait", "-n", "demo")  # what sem-post has made


class Semaphores(SyncTest):
    def test_no_more_run_than_are_allowed_and_all_get_their_turn(self):
        log = os.path.join(self.directory, "log")
        children = [self.start("sem-run", "demo", "-j", "2", "--", "sh", "-c", f"echo + >> {log}; sleep 0.1; echo - >> {log}")
                    for _ in range(6)]
        for child in children:
            self.assertEqual(child.end(), (0, b"", ""))
        with open(log, encoding="ascii") as file:
            signs = file.read().split()
        running = 0
        for sign in signs:
            running += 1 if sign == "+" else -1
            self.assertIn(running, (0, 1, 2))
        self.assertEqual(signs.count("+"), 6)
        self.assertEqual(self.left_behind(), [])

    def test_a_killed_runner_gives_its_permit_back_at_once(self):
        for _ in range(3):
            runners = [self.start("sem-run", "-j", "2", "demo", "--", "sh", "-c", "echo here; exec sleep 60") for _ in range(2)]
            for runner in runners:
                runner.out.until(b"here")
            self.ends_with(4, "sem-run", "-n", "-j", "2", "demo", "--", "true", err="there is no permit")
            heir = self.waiter("sem-run", "-j", "2", "demo", "--", "echo", "mine")
            started = time.monotonic()
            runners[0].kill()
            heir.out.until(b"mine")
            self.assertLess(time.monotonic() - started, allowed(AT_ONCE + STARTING))
            runners[1].kill()
            self.assertEqual(heir.end()[0], 0)

    def test_how_many_is_what_the_first_has_said(self):
        user = self.start("sem-run", "-j", "2", "demo", "--", "sh", "-c", "echo here; exec sleep 60")
        user.out.until(b"here")
        self.ends_with(2, "sem-run", "-j", "3", "demo", "--", "true", err="was made with 2 permits, not 3")
        self.ends_with(0, "sem-run", "-n", "demo", "--", "true")  # which says nothing of it
        self.ends_with(5, "sem-post", "demo", err="of at most 2 permits there are 2")
        user.kill()

    def test_a_permit_that_is_used_up_stays_so_and_a_posted_one_stays(self):
        self.ends_with(0, "sem-post", "demo", "--count", "2")
        self.assertEqual(self.left_behind(), ["demo"])
        self.ends_with(0, "sem-wait", "-v", "demo", err="^sem-wait: 1 are left\n$")
        self.ends_with(0, "sem-wait", "-n", "demo")
        self.ends_with(4, "sem-wait", "-n", "demo")
        self.assertEqual(self.left_behind(), [])

    def test_a_poster_wakes_one_who_waits(self):
        waiters = [self.waiter("sem-wait", "demo") for _ in range(2)]
        self.ends_with(0, "sem-post", "demo")
        wait_until(lambda: any(waiter.poll() is not None for waiter in waiters), "one goes on")
        time.sleep(0.1)
        self.assertEqual(sum(waiter.poll() is None for waiter in waiters), 1)
        self.ends_with(0, "sem-post", "demo")
        for waiter in waiters:
            self.assertEqual(waiter.end(), (0, b"", ""))
        self.assertEqual(self.left_behind(), [])

    def test_a_bound_is_kept_as_long_as_the_semaphore_lives(self):
        self.ends_with(0, "sem-post", "demo", "--most", "1")
        self.ends_with(5, "sem-post", "demo", err="of at most 1 permits there are 1")
        self.ends_with(0, "sem-wait", "demo")
        self.assertEqual(self.left_behind(), [])

    def test_a_permit_used_up_is_missing_to_those_who_run(self):
        user = self.start("sem-run", "-j", "2", "demo", "--", "sh", "-c", "echo here; exec sleep 60")
        user.out.until(b"here")
        self.ends_with(0, "sem-wait", "demo")
        self.ends_with(4, "sem-run", "-n", "-j", "2", "demo", "--", "true")
        self.ends_with(0, "sem-post", "demo")
        self.ends_with(0, "sem-run", "-n", "-j", "2", "demo", "--", "true")
        user.kill()


class Others(SyncTest):
    def test_an_event_lets_all_go_until_it_is_cleared(self):
        waiters = [self.waiter("event-wait", "demo") for _ in range(3)]
        self.ends_with(0, "event-set", "demo")
        for waiter in waiters:
            self.assertEqual(waiter.end(), (0, b"", ""))
        self.assertEqual(self.left_behind(), ["demo"])
        self.ends_with(0, "event-wait", "-n", "demo")
        self.ends_with(0, "event-clear", "demo")
        self.assertEqual(self.left_behind(), [])
        self.ends_with(4, "event-wait", "-n", "demo", err="is not set")

    def test_nobody_passes_a_barrier_alone_and_the_dead_are_not_counted(self):
        one, two = (self.waiter("barrier-wait", "-v", "demo", "-n", "3") for _ in range(2))
        two.kill()
        two.wait()
        self.ends_with(4, "barrier-wait", "demo", "-n", "3", "-w", "0.1", err="not all 3 have come")
        other = self.waiter("barrier-wait", "demo", "-n", "3")
        self.assertIsNone(one.poll())
        self.ends_with(0, "barrier-wait", "-v", "demo", "-n", "3", err="this was the last")
        self.assertEqual(one.end(), (0, b"", "barrier-wait: all are here\n"))
        self.assertEqual(other.end()[0], 0)
        self.assertEqual(self.left_behind(), [])

    def test_how_many_meet_is_what_the_first_has_said(self):
        self.waiter("barrier-wait", "demo", "-n", "3")
        self.ends_with(2, "barrier-wait", "demo", "-n", "2", err="was made with 3 places, not 2")

    def test_a_condition_lets_one_go_or_all(self):
        waiters = [self.waiter("cond-wait", "demo") for _ in range(3)]
        self.ends_with(0, "cond-notify", "-v", "demo", err="notified 1")
        self.assertEqual(waiters[0].end(), (0, b"", ""))
        time.sleep(0.1)
        self.assertEqual([waiter.poll() for waiter in waiters[1:]], [None, None])
        self.ends_with(0, "cond-notify", "-v", "--all", "demo", err="notified 2")
        for waiter in waiters[1:]:
            self.assertEqual(waiter.end(), (0, b"", ""))
        self.ends_with(0, "cond-notify", "-v", "demo", err="notified 0")
        self.assertEqual(self.left_behind(), [])

    def test_a_notification_for_a_killed_waiter_is_passed_on(self):
        victim = self.waiter("cond-wait", "demo")
        heir = self.waiter("cond-wait", "demo")
        victim.send_signal(signal.SIGSTOP)
        self.ends_with(0, "cond-notify", "demo")
        time.sleep(0.1)
        self.assertIsNone(heir.poll())
        victim.kill()
        self.assertEqual(heir.end(2), (0, b"", ""))

    def test_all_who_wait_for_a_timer_go_on_at_the_same_moment(self):
        started = time.monotonic()
        waiters = [self.start("timer-wait", "demo", "--in", "2")]  # all are there by then
        wait_until(lambda: self.left_behind() == ["demo"], "the timer is there")
        waiters += [self.waiter("timer-wait", "demo"), self.waiter("timer-wait", "demo", "--in", "60")]
        for waiter in waiters:
            self.assertEqual(waiter.end(), (0, b"", ""))
        self.assertGreaterEqual(time.monotonic() - started, 2)
        self.assertLess(time.monotonic() - started, allowed(5))
        self.assertEqual(self.left_behind(), [])

    def test_a_timer_with_a_period_runs_on_until_it_is_stopped(self):
        for _ in range(3):
            self.ends_with(0, "timer-wait", "tick", "--every", "0.1")
        self.assertEqual(self.left_behind(), ["tick"])
        self.ends_with(0, "timer-wait", "tick")
        self.ends_with(0, "timer-set", "tick", "--off")
        self.assertEqual(self.left_behind(), [])

    def test_who_waits_heeds_a_new_setting(self):
        waiter = self.waiter("timer-wait", "demo", "--in", "60")
        self.ends_with(0, "timer-set", "demo", "--in", "0.1")
        self.assertEqual(waiter.end(5), (0, b"", ""))
        self.assertEqual(self.left_behind(), [])


if __name__ == "__main__":
    main()

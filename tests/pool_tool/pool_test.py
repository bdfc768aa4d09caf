"""The program pool on every kind, driven from outside: python3 pool_test.py DIRECTORY-OF-THE-PROGRAMS"""
import glob
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "cli"))
from pairs import PATIENCE, TRACED, PairTest, for_each_kind, main, program, wait_until  # noqa: E402


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"  # whoever inherits it may reap it late
    except (FileNotFoundError, ProcessLookupError):
        return True


def numbers(first, last):
    return "".join(f"{n}\n" for n in range(first, last + 1)).encode()


SQUARE = ["sh", "-c", "read -r n; echo $((n * n))"]


class PoolTest(PairTest):
    def pool(self, *arguments, worker=None, **options):
        """Starts pool; `worker` is a program to stand in for pool-worker."""
        options.setdefault("stdin", subprocess.PIPE)
        if worker is None:
            return self.start("pool", *arguments, **options)
        beside = os.path.join(self.directory, "bin")  # pool starts the pool-worker that is beside itself
        if not os.path.exists(beside):
            os.mkdir(beside)
            os.link(program("pool"), os.path.join(beside, "pool"))
            os.symlink(worker, os.path.join(beside, "pool-worker"))
        return self.start(os.path.join(beside, "pool"), *arguments, **options)

    def run_pool(self, tasks, *arguments):
        return self.run_to_end("pool", *arguments, input=tasks)

    def workers(self, pool, count):
        """The pids of its workers, once there are so many."""
        wait_until(lambda: len(children_of(pool.pid)) >= count, "the workers were started")
        return children_of(pool.pid)


class Results(PoolTest):
    @for_each_kind
    def test_each_task_is_done_once(self, kind):
        code, out, err = self.run_pool(numbers(1, 100), "-j", "4", "--transport", kind, "--", *SQUARE)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(sorted(int(line) for line in out.split()), [n * n for n in range(1, 101)])
        self.assertEqual(self.left_behind(), [])

    @for_each_kind
    def test_in_order(self, kind):
        # The later, the faster.
        command = ["sh", "-c", "read -r n; sleep 0.0$((9 - n)); echo $n"]
        code, out, _ = self.run_pool(numbers(1, 8), "-j", "4", "--ordered", "--transport", kind, "--", *command)
        self.assertEqual((code, out), (0, numbers(1, 8)))

    @for_each_kind
    def test_long_tasks_and_long_results(self, kind):
        tasks = b"".join(bytes([65 + n]) * 150_000 + b"\n" for n in range(6))
        code, out, err = self.run_pool(tasks, "-j", "3", "--ordered", "--transport", kind, "--", "cat")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out, tasks)

    def test_as_they_are_done(self):
        pool = self.pool("-j", "2", "--", "sh", "-c", "read -r n; [ $n = fast ] || cat go; echo $n", cwd=self.directory)
        os.mkfifo(os.path.join(self.directory, "go"))
        pool.stdin.write(b"slow\nfast\n")
        pool.stdin.close()
        pool.out.until(b"fast\n")
        with open(os.path.join(self.directory, "go"), "w") as file:
            file.write("go\n")
        self.assertEqual(pool.end(), (0, b"fast\ngo\nslow\n", ""))

    def test_a_task_is_begun_as_it_comes(self):
        pool = self.pool("-j", "2", "--", "cat")
        for line in (b"one\n", b"two\n", b"three\n"):
            pool.stdin.write(line)
            pool.stdin.flush()
            pool.out.until(line)
        pool.stdin.write(b"last")
        pool.stdin.close()
        self.assertEqual(pool.end(), (0, b"one\ntwo\nthree\nlast\n", ""))

    def test_empty_tasks_and_empty_results(self):
        code, out, err = self.run_pool(b"\n\nx\n\n", "--ordered", "--", "cat")
        self.assertEqual((code, out, err), (0, b"\n\nx\n\n", ""))

    def test_tasks_that_end_with_nul(self):
        code, out, _ = self.run_pool(b"a\nb\0c\0", "-0", "--ordered", "--", "cat")
        self.assertEqual((code, out), (0, b"a\nb\0c\0"))

    def test_formats(self):
        code, out, _ = self.run_pool(b"x\ny\n", "--ordered", "-f", "%i: %s", "--", "cat")
        self.assertEqual((code, out), (0, b"1: x\n2: y\n"))
        code, out, _ = self.run_pool(b"x\ny\n", "--ordered", "-f", "json", "--", "cat")
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([line["number"] for line in lines], [1, 2])
        code, out, _ = self.run_pool(b"x\ny\n", "--ordered", "-f", "raw", "--", "tr", "-d", "\n")
        self.assertEqual((code, out), (0, b"xy"))

    def test_stdin_and_stdout_may_be_files(self):
        tasks, results = (os.path.join(self.directory, name) for name in ("tasks", "results"))
        with open(tasks, "wb") as file:
            file.write(numbers(1, 50))
        with open(tasks, "rb") as stdin, open(results, "wb") as stdout:
            pool = self.start("pool", "--ordered", "--", "cat", stdin=stdin, stdout=stdout)
            self.assertEqual(pool.end()[0], 0)
        with open(results, "rb") as file:
            self.assertEqual(file.read(), numbers(1, 50))
        self.assertEqual(self.start("pool", "--", "cat").end(), (0, b"", ""))  # stdin is /dev/null

    def test_what_the_command_finds(self):
        careless = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, careless)
        pool = self.pool("--", "sh", "-c", "cat; echo; ls /proc/self/fd; env | grep ^IPC_[NA] | sort", pass_fds=[careless])
        pool.stdin.write(b"x\n")
        pool.stdin.close()
        # 3 is the directory that ls reads.
        self.assertEqual(pool.end(), (0, b"x\n0\n1\n2\n3\nIPC_ATTEMPT=1\nIPC_NUMBER=1\n", ""))

    def test_what_an_outer_pool_says_is_not_for_the_command(self):
        pool = self.pool("--", "sh", "-c", "env | grep ^IPC_ATTEMPT", env=dict(self.environment, IPC_ATTEMPT="7"))
        pool.stdin.write(b"x\n")
        pool.stdin.close()
        self.assertEqual(pool.end(), (0, b"IPC_ATTEMPT=1\n", ""))

    def test_an_ignored_sigchld_is_no_reason_to_fail(self):
        pool = self.start("/usr/bin/env", "--ignore-signal=CHLD", program("pool"), "--", "cat", stdin=subprocess.PIPE)
        pool.stdin.write(b"x\n")
        pool.stdin.close()
        self.assertEqual(pool.end(), (0, b"x\n", ""))

    def test_a_reader_that_is_slow_stops_the_tasks_not_the_workers(self):
        reader, writer = os.pipe()
        pool = self.pool("-j", "2", "-f", "raw", "--", "sh", "-c", "head -c 200000 /dev/zero", stdout=writer)
        os.close(writer)
        self.addCleanup(os.close, reader)
        feeder = threading.Thread(target=lambda: (pool.stdin.write(b"x\n" * 100), pool.stdin.close()))
        feeder.start()
        time.sleep(1)  # nobody reads
        total = 0
        while piece := os.read(reader, 1 << 16):
            total += len(piece)
        feeder.join()
        self.assertEqual(total, 100 * 200_000)
        self.assertEqual(pool.end()[0], 0)


class Failures(PoolTest):
    def test_a_command_that_fails(self):
        code, out, err = self.run_pool(numbers(1, 5), "--ordered", "-f", "raw", "--", "sh", "-c",
                                       "read -r n; echo $n; [ $n != 2 ] && [ $n != 4 ]")
        self.assertEqual((code, out), (1, b"1\n3\n5\n"))
        self.assertEqual(sorted(err.splitlines()),
                         [f"pool: task {n} has failed: the command exited with 1" for n in (2, 4)])

    def test_a_command_that_crashes_is_not_tried_again(self):
        code, out, err = self.run_pool(b"x\n", "--", "sh", "-c", "echo tried >&2; kill -SEGV $$")
        self.assertEqual((code, out), (1, b""))
        self.assertEqual(err, "tried\npool: task 1 has failed: the command was killed by SIGSEGV\n")

    def test_a_command_that_takes_too_long(self):
        started = time.monotonic()
        code, out, err = self.run_pool(b"0\n30\n0\n", "-t", "0.3", "-f", "raw", "--", "sh", "-c", "read -r n; sleep $n")
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual((code, out), (1, b""))
        self.assertEqual(err, "pool: task 2 has failed: the command took longer than it may (--timeout)\n")

    @for_each_kind
    def test_a_task_that_crashes_its_workers_is_poison(self, kind):
        code, out, err = self.run_pool(
            b"a\nbad\nb\nc\n", "-j", "2", "--transport", kind, "--", "sh", "-c",
            "read -r n; [ $n != bad ] || { kill -ABRT $PPID; exec sleep 60; }; echo $n")
        self.assertEqual((code, sorted(out.split())), (1, [b"a", b"b", b"c"]))
        self.assertEqual(err, "pool: task 2 has failed: poison: each worker that tried it crashed, 3 of them\n")
        self.assertEqual(self.left_behind(), [])

    @for_each_kind
    def test_a_worker_that_answers_with_nonsense_is_killed(self, kind):
        for tasks, ending, results, deaths in ((["a", "nonsense-once", "b"], 0, ["a", "b", "nonsense-once"], 1),
                                               (["a", "nonsense", "b"], 1, ["a", "b"], 3)):
            with self.subTest(tasks=tasks):
                pool = self.pool("-j", "1", "-v", "--stats", "--transport", kind, "--", "true",
                                 worker=program("nonsense-worker"))
                pool.stdin.write("".join(f"{task}\n" for task in tasks).encode())
                pool.stdin.close()
                code, out, err = pool.end()
                self.assertEqual((code, sorted(out.decode().split())), (ending, results), err)
                killed = re.findall(r"^pool: worker w1\.\d+ \(pid (\d+)\) answers a task with nonsense: killed", err, re.M)
                self.assertEqual(len(killed), deaths, err)
                self.assertTrue(all(has_ended(int(pid)) for pid in killed))
                self.assertIn(f"{deaths} workers died\n", err)
                if ending == 1:
                    self.assertIn("pool: task 2 has failed: poison: each worker that tried it crashed, 3 of them\n", err)
                self.assertEqual(self.left_behind(), [])

    def test_nonsense_about_a_task_of_nobody_harms_nobody(self):
        pool = self.pool("-j", "1", "-v", "--stats", "--", "true", worker=program("nonsense-worker"))
        pool.stdin.write(b"aside\n" * 20)
        pool.stdin.close()
        code, out, err = pool.end()
        self.assertEqual((code, out), (0, b"aside\n" * 20), err)
        self.assertIn("; 0 workers died\n", err)

    def test_a_task_that_is_too_long(self):
        code, out, err = self.run_pool(b"x" * (17 << 20) + b"\nshort\n", "--ordered", "--", "cat")
        self.assertEqual((code, out), (1, b"short\n"))
        self.assertRegex(err, r"^pool: task 1 has failed: it is longer than the \d+ bytes that a message takes\n$")

    def test_usage(self):
        for arguments in ([], ["--"], ["-j", "0", "--", "cat"], ["--", "no-such-program"], ["--", "/etc/passwd"],
                          ["--transport", "pigeon", "--", "cat"], ["cat", "-n"], ["--unordered", "--", "cat"]):
            with self.subTest(arguments):
                code, out, err = self.run_to_end("pool", *arguments)
                self.assertEqual((code, out), (2, b""))
                self.assertRegex(err, r"^pool: .*\n$")
        code, _, err = self.run_to_end("pool-worker")
        self.assertEqual((code, err), (2, "pool-worker: is started by pool\n"))

    def test_help_begins_with_three_examples(self):
        code, out, _ = self.run_to_end("pool", "--help")
        self.assertEqual(code, 0)
        self.assertRegex(out.decode(), r"^Examples:\n(  .*pool.*\n){3}\nUsage: pool ")

    def test_workers_that_cannot_work_end_it_with_a_reason(self):
        script = os.path.join(self.directory, "exit-7")
        with open(script, "w") as file:
            file.write("#!/bin/sh\nexit 7\n")
        os.chmod(script, 0o755)
        code, out, err = self.pool("-j", "8", "--", "cat", worker=script).end()
        self.assertEqual((code, out), (1, b""))
        self.assertRegex(err, r"pool: giving up: \d+ workers in a row died before they said hello; the last one "
                              r"exited with 7\n$")


class Ends(PoolTest):
    @for_each_kind
    def test_nothing_is_lost_when_workers_are_killed(self, kind):
        """200 of 200, with kill -9 of a random worker every 100 ms."""
        # The leak sanitizer looks from a child of its own at the end, and waits for it for ever if that is killed.
        pool = self.pool("-j", "4", "--stats", "--transport", kind, "--", "sh", "-c", "read -r n; sleep 0.02; echo $n",
                         env=dict(self.environment, **TRACED))
        over = threading.Event()
        killed = []

        def kill_now_and_then():
            chance = random.Random(kind)
            while not over.wait(0.1):
                if workers := children_of(pool.pid):
                    victim = chance.choice(workers)
                    try:
                        os.kill(victim, signal.SIGKILL)
                        killed.append(victim)
                    except ProcessLookupError:
                        pass

        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        try:
            pool.stdin.write(numbers(1, 200))
            pool.stdin.close()
            code, out, err = pool.end(patience=3 * PATIENCE)
        finally:
            over.set()
            killer.join()
        self.assertEqual(code, 0, err)
        self.assertEqual(sorted(int(line) for line in out.split()), list(range(1, 201)))
        self.assertGreater(len(killed), 3)
        self.assertIn("200 tasks done, 0 failed", err)
        self.assertEqual(self.left_behind(), [])

    def test_a_killed_worker_takes_its_command_along(self):
        pool = self.pool("-j", "1", "--", "sh", "-c", "echo by $$ >&2; read -r n; [ $IPC_ATTEMPT = 2 ] || exec sleep 60; echo $n")
        pool.stdin.write(b"x\n")
        pool.stdin.close()
        pid = int(pool.err.until(b"\n").split()[1])
        (worker,) = self.workers(pool, 1)
        os.kill(worker, signal.SIGKILL)
        self.assertEqual(pool.end()[:2], (0, b"x\n"))
        self.assertTrue(has_ended(pid))

    @for_each_kind
    def test_a_killed_pool_leaves_no_process_and_the_next_clears_its_objects(self, kind):
        pool = self.pool("-j", "2", "--transport", kind, "--", "sh", "-c", "echo by $$ >&2; exec sleep 60")
        pool.stdin.write(b"x\ny\n")
        pool.stdin.flush()
        workers = self.workers(pool, 2)
        wait_until(lambda: pool.err.bytes.count(b"by ") == 2, "both have begun")
        commands = [int(word) for word in pool.err.bytes.split() if word != b"by"]
        pool.kill()
        pool.wait()
        for pid in workers + commands:
            wait_until(lambda pid=pid: has_ended(pid), f"process {pid} ended")
        self.assertEqual(self.run_pool(b"z\n", "--transport", kind, "--", "cat"), (0, b"z\n", ""))
        self.assertEqual(self.left_behind(), [])

    def test_signals_end_it_with_its_workers(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                pool = self.pool("-j", "2", "--", "sh", "-c", "echo by $$ >&2; exec sleep 60")
                pool.stdin.write(b"x\n")
                pool.stdin.flush()
                pid = int(pool.err.until(b"\n").split()[1])
                pool.send_signal(number)
                code, out, err = pool.end()
                self.assertEqual((code, out), (-number, b""))
                self.assertIn("pool: stopped; 0 tasks done, 0 failed\n", err)
                wait_until(lambda pid=pid: has_ended(pid), "the command ended")
                self.assertEqual(self.left_behind(), [])

    def test_a_closed_output_ends_it(self):
        shell = self.start("/bin/bash", "-c", 'yes | "$0" -- cat | head -n 3; echo "${PIPESTATUS[1]}"', program("pool"))
        self.assertEqual(shell.end()[:2], (0, b"y\ny\ny\n141\n"))
        self.assertEqual(self.left_behind(), [])

    def test_two_pools_at_once(self):
        pools = [self.pool("--ordered", "--", "cat") for _ in range(3)]
        for pool in pools:
            pool.stdin.write(numbers(1, 30))
            pool.stdin.close()
        for pool in pools:
            self.assertEqual(pool.end(), (0, numbers(1, 30), ""))
        self.assertEqual(self.left_behind(), [])

    def test_no_descriptor_is_left_by_the_dead(self):
        pool = self.pool("-j", "1", "--", "cat")
        counts = []
        for _ in range(8):
            pool.stdin.write(b"x\n")
            pool.stdin.flush()
            done = pool.out.bytes.count(b"x\n") + 1
            wait_until(lambda done=done: pool.out.bytes.count(b"x\n") >= done, "the task was done")
            counts.append(len(glob.glob(f"/proc/{pool.pid}/fd/*")))
            (worker,) = self.workers(pool, 1)
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda worker=worker: children_of(pool.pid) not in ([worker], []), "another was started")
        self.assertLessEqual(max(counts[2:]), counts[1] + 1)
        pool.stdin.close()
        self.assertEqual(pool.end()[0], 0)


if __name__ == "__main__":
    main()

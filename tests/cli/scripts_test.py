"""The scripts that a person types: that check-layers can fail, and that setup and test know their arguments.
Run as: python3 scripts_test.py ROOT-OF-THE-PROJECT"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **options)
    return done.returncode, done.stdout, done.stderr


class Layers(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.mkdtemp(prefix="layers-")
        self.addCleanup(shutil.rmtree, self.tree)

    def plant(self, path, *includes):
        full = os.path.join(self.tree, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.writelines(f"#include {include}\n" for include in includes)

    def check(self):
        return run(os.path.join(ROOT, "scripts/check-layers"), self.tree)

    def test_the_project_keeps_to_its_layers(self):
        code, out, _ = run(os.path.join(ROOT, "scripts/check-layers"))
        self.assertEqual(code, 0, out)

    def test_each_forbidden_include_is_found_alone(self):
        for path, include in (("ipc/wire/frame.cpp", '"ipc/sys/fd.hpp"'), ("ipc/sys/fd.cpp", '"ipc/wire/frame.hpp"'),
                              ("ipc/wire/frame.cpp", "<unistd.h>"), ("ipc/kinds/fifo.cpp", '"ipc/kinds/pipe.cpp"'),
                              ("ipc/kinds/fifo.cpp", "<spdlog/spdlog.h>"), ("ipc/sys/fd.cpp", "<CLI/CLI.hpp>"),
                              ("ipc/transport.hpp", '"ipc/kinds.hpp"'), ("ipc/transport.hpp", "<boost/asio.hpp>"),
                              ("ipc/sys/fd.hpp", '"tools/cli.hpp"'), ("tools/pairs/a_send.cpp", '"ipc/sys/fd.hpp"'),
                              ("tools/cli/send.cpp", '"ipc/framed/inbox.hpp"'),
                              ("tools/pool/dispatch.hpp", '"ipc/transport.hpp"'),
                              ("tools/pool/envelope.cpp", '"tools/crawler/url.hpp"'),
                              ("tools/crawler/master.cpp", '"tools/crawler/worker.hpp"'),
                              ("tools/crawler/worker.hpp", '"tools/crawler/master.hpp"'),
                              ("tools/crawler/client.cpp", '"tools/crawler/master.hpp"'),
                              ("tools/crawler/master.cpp", "<curl/curl.h>"),
                              ("tools/crawler/master.cpp", "<boost/beast/http.hpp>"),
                              ("tools/crawler/html/tokens.cpp", '"tools/crawler/fetch.hpp"'),
                              ("ipc/elsewhere/x.cpp", "<vector>"), ("tools/cli.hpp", '"tests/support/guard.hpp"')):
            with self.subTest(path=path, include=include):
                self.plant("ipc/kinds.cpp", '"ipc/kinds.hpp"')
                self.assertEqual(self.check()[0], 0)
                self.plant(path, "<string>", include)
                code, out, _ = self.check()
                self.assertEqual(code, 1, out)
                # The line number is that of the include, or the file's first if the file has no rule.
                self.assertRegex(out, rf"(?m)^{path}:[12]: ")
                self.assertEqual(out.count("\n"), 2, out)
                os.remove(os.path.join(self.tree, path))

    def test_a_second_file_with_beast_is_found(self):
        self.plant("tools/crawler/http_connection.cpp", "<boost/beast/core.hpp>")
        self.assertEqual(self.check()[0], 0)
        self.plant("tools/crawler/http_connection_too.cpp", "<boost/beast/http.hpp>")
        self.assertEqual(self.check()[0], 1)

    def test_an_empty_tree_is_no_success(self):
        self.assertEqual(self.check()[0], 1)


class Arguments(unittest.TestCase):
    def test_help_and_unknown_arguments(self):
        for script in ("setup", "test", "demo"):
            path = os.path.join(ROOT, "scripts", script)
            code, out, _ = run(path, "--help")
            self.assertEqual(code, 0)
            self.assertIn(f"scripts/{script}", out)
            code, _, err = run(path, "--bogus")
            self.assertEqual(code, 2)
            self.assertIn("--bogus", err)

    def test_setup_has_nothing_to_do_where_this_was_built(self):
        code, out, err = run(os.path.join(ROOT, "scripts/setup"))
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, r"^setup: nothing to do, all \d+ packages are installed\n$")

    def test_setup_prints_the_line_for_what_is_missing(self):
        # A dpkg-query that knows of nothing stands in for a machine with nothing installed.
        with tempfile.TemporaryDirectory() as tools:
            query = os.path.join(tools, "dpkg-query")
            with open(query, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\nexit 1\n")
            os.chmod(query, 0o755)
            code, out, _ = run(os.path.join(ROOT, "scripts/setup"), "--print",
                               env=dict(os.environ, PATH=tools + ":" + os.environ["PATH"]))
        if os.getuid() == 0 or shutil.which("sudo"):
            self.assertEqual(code, 0)
            self.assertRegex(out, r"^setup: (sudo )?apt-get install --no-install-recommends -y g\+\+ cmake .*strace")
        else:
            self.assertEqual(code, 1)


if __name__ == "__main__":
    if not ROOT:
        sys.exit("usage: python3 scripts_test.py ROOT-OF-THE-PROJECT")
    unittest.main(verbosity=2)

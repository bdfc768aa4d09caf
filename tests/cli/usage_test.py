"""What both halves say of themselves, and of a command line that cannot be."""
from pairs import PairTest, all_kinds, for_each_kind, main


class Usage(PairTest):
    def refused(self, *command, code=2):
        got = self.run_to_end(*command)
        self.assertEqual((got[0], got[1]), (code, b""), got)
        self.assertEqual(got[2].count("\n"), 1, got[2])
        self.assertTrue(got[2].startswith(("ipc" if command[0] == "ipc" else command[0]) + ""), got[2])
        return got[2]

    def test_unknown_options_get_the_nearest_match(self):
        self.assertEqual(self.refused("fifo-recv", "demo", "--cuont", "3"),
                         "fifo-recv: --cuont: unknown option; did you mean --count?\n")
        self.assertIn("did you mean --repeat?", self.refused("fifo-send", "demo", "--repaet=3"))
        self.assertIn("see dgram-send --help", self.refused("dgram-send", "demo", "--zzzzzzzz"))
        self.assertIn("-z: unknown option", self.refused("pipe-recv", "-z"))
        self.assertIn("did you mean --transport?", self.refused("ipc", "send", "--trasport", "fifo", "demo"))

    def test_what_cannot_be_is_refused_with_2(self):
        for command in (["fifo-send"], ["fifo-recv"], ["fifo-recv", "a", "b"], ["fifo-recv", "demo", "-n", "0"],
                        ["fifo-recv", "demo", "-n", "x"], ["fifo-recv", "demo", "-n"], ["fifo-recv", "demo", "-t", "-1"],
                        ["fifo-recv", "demo", "-t", "nan"], ["fifo-recv", "demo", "-f", "xml"],
                        ["fifo-recv", "demo", "-f", "%z"], ["fifo-recv", "demo", "-f", "100%"],
                        ["fifo-recv", "demo", "--mode", "999"], ["fifo-recv", "demo", "--explain=loud"],
                        ["fifo-recv", "demo", "--max-message", "17M"], ["fifo-recv", "demo", "--max-senders", "4097"],
                        ["fifo-recv", ".hidden"], ["fifo-recv", "/"], ["fifo-recv", "x" * 201],
                        ["fifo-send", "demo", "--chunk", "0"], ["fifo-send", "demo", "--chunk", "1X"],
                        ["fifo-send", "demo", "--whole", "-0"], ["fifo-send", "demo", "x", "--whole"],
                        ["fifo-send", "demo", "--repeat", "2"], ["fifo-send", "demo", "--fd", "3", "x"],
                        ["dgram-recv", "demo", "--from-uid", "me"], ["pipe-recv", "x"],
                        ["ipc"], ["ipc", "sned"], ["ipc", "kinds", "--xml"], ["ipc", "kinds", "pigeon"],
                        ["ipc", "kinds", "fifo", "dgram"], ["ipc", "send", "demo"]):
            with self.subTest(command=command):
                self.refused(*command)
                self.assertEqual(self.left_behind(), [])

    def test_an_unknown_transport_lists_the_known_ones(self):
        names = ", ".join(all_kinds())
        for half in ("send", "recv"):
            self.assertEqual(self.refused("ipc", half, "--transport", "pigeon", "demo"),
                             f"ipc {half}: unknown transport 'pigeon'; there are {names}\n")
            self.assertIn(names, self.refused("ipc", half, "demo"))
        self.assertIn("did you mean send?", self.refused("ipc", "sned"))

    def test_an_option_that_the_kind_does_not_know(self):
        self.assertIn("from", self.refused("ipc", "recv", "--transport", "fifo", "--from-uid", "0", "demo"))

    def test_another_kinds_address_is_refused_by_name(self):
        self.channel("fifo").receiver()
        code, _, err = self.run_to_end("dgram-send", "demo", "x")
        self.assertNotEqual(code, 0)
        self.assertIn("fifo", err.split(":", 1)[1])

    @for_each_kind
    def test_help_opens_with_three_examples_and_names_every_option(self, kind):
        for half in ("send", "recv"):
            code, out, err = self.run_to_end(f"{kind}-{half}", "--help")
            text = out.decode()
            self.assertEqual((code, err), (0, ""))
            lines = text.split("\n")
            self.assertEqual(lines[0], "Examples:")
            self.assertTrue(all(f"{kind}-{half}" in line for line in lines[1:4]), lines[:5])
            self.assertEqual(lines[4], "")
            options = (["--null", "--whole", "--chunk", "--repeat", "--interval", "--timeout", "--wait", "--ack"]
                       if half == "send" else
                       ["--count", "--timeout", "--total-time", "--follow", "--null", "--format", "--exec"])
            for option in options + ["--quiet", "--verbose", "--stats", "--explain", "--version", "--help"]:
                self.assertIn(option, text)
            # A pair shows the options that its kind knows, and no others.
            for field in ("mode", "max_message", "max_senders", "from_uid") if half == "recv" else ("fd",):
                self.assertEqual("--" + field.replace("_", "-") in text, field in all_kinds()[kind]["options"], field)

    def test_version(self):
        for name in ("fifo-send", "dgram-recv"):
            self.assertRegex(self.run_to_end(name, "--version")[1].decode(), rf"^{name} \(ipcways\) \d+\.\d+\.\d+\n$")
        self.assertRegex(self.run_to_end("ipc", "--version")[1].decode(), r"^ipc \(ipcways\) \d+\.\d+\.\d+\n$")

    def test_help_that_cannot_be_written_is_an_error(self):
        for option in ("--help", "--version"):
            with self.subTest(option), open("/dev/full", "wb") as full:
                self.assertEqual(self.run_to_end("fifo-recv", option, stdout=full),
                                 (5, b"", "fifo-recv: write stdout: No space left on device\n"))


if __name__ == "__main__":
    main()

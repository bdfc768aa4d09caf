"""`ipc kinds` tells the truth: about the contract what docs/contract.md says, word by word, and about this machine what
/proc, getrlimit(2) and statvfs(2) say. Run as: python3 kinds_test.py DIRECTORY-OF-THE-PROGRAMS docs/contract.md"""
import json
import os
import re
import resource
import signal
import sys

CONTRACT = sys.argv.pop(2) if len(sys.argv) > 2 else ""

from pairs import PairTest, all_kinds, for_each_kind, main  # noqa: E402  (it takes the arguments that are left)

COLUMNS = 80


def words(text):
    return " ".join(text.split())


class Document:
    """The table of docs/contract.md and the paragraphs below it."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        rows = [[cell.strip() for cell in line.strip("|").split("|")]
                for line in re.search(r"^\| sentence \|.*?\n\n", text, re.M | re.S)[0].strip().splitlines()]
        kinds, marks = rows[0][1:], rows[2:]
        self.kinds = {kind: {row[0]: row[column + 1] for row in marks} for column, kind in enumerate(kinds)}
        self.deviations = {letter: (because.replace("`", ""), words(about)) for letter, because, about in
                           re.findall(r"^- \*\*(\w)\*\* \((.+?)\): (.*?)(?=^- |\n\n|\Z)", text, re.M | re.S)}


def read_again(limits):
    """Each limit with what this test reads by itself; None is unlimited."""
    for limit in limits:
        name = limit["name"]
        if name.startswith("RLIMIT_"):
            soft, _ = resource.getrlimit(getattr(resource, name))
            yield limit, None if soft == resource.RLIM_INFINITY else soft
        elif name.startswith("/"):
            about = os.statvfs(name)
            yield limit, about.f_blocks * about.f_frsize
        else:
            with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as file:
                yield limit, int(file.read().split()[-1])


class Kinds(PairTest):
    maxDiff = None

    def kind(self, name, **options):
        code, out, err = self.run_to_end("ipc", "kinds", name, "--json", **options)
        self.assertEqual((code, err), (0, ""))
        kind, = json.loads(out)
        return kind

    def limits(self, name, **options):
        return {limit["name"]: limit for limit in self.kind(name, **options)["limits"]}

    def text(self, *arguments):
        code, out, err = self.run_to_end("ipc", "kinds", *arguments)
        self.assertEqual((code, err), (0, ""))
        return out.decode()

    def in_columns(self, text):
        self.assertTrue(text.isascii())  # so that a character is a column
        self.assertLessEqual(max(map(len, text.splitlines())), COLUMNS)

    @for_each_kind
    def test_the_contract_is_the_documents(self, kind):
        document, told = Document(CONTRACT), self.kind(kind)
        self.assertEqual(told["contract"], document.kinds[kind])
        letters = sorted(set(re.findall(r"\b[a-z]\b", " ".join(document.kinds[kind].values()))))
        self.assertEqual([deviation["letter"] for deviation in told["deviations"]], letters)
        for deviation in told["deviations"]:
            self.assertEqual((deviation["because"], deviation["text"]), document.deviations[deviation["letter"]])

    @for_each_kind
    def test_a_deviation_is_a_trait(self, kind):
        told = self.kind(kind)
        for deviation in told["deviations"]:
            for trait in deviation["because"].split(", "):
                name, _, value = trait.partition(" = ")
                self.assertIs(told["traits"][name], value != "false", (deviation["letter"], trait))
        self.assertEqual(told["contract"]["peer's pid and uid proven"] == "+", told["traits"]["proves_peer"])
        if told["traits"]["may_lose"]:
            self.assertIn("may_lose", [deviation["because"] for deviation in told["deviations"]])

    def test_the_document_has_no_letter_that_no_kind_has(self):
        document = Document(CONTRACT)
        used = {letter for marks in document.kinds.values() for mark in marks.values()
                for letter in re.findall(r"\b[a-z]\b", mark)}
        self.assertEqual(set(document.deviations), used)

    @for_each_kind
    def test_limits_are_this_machines(self, kind):
        limits = self.kind(kind)["limits"]
        self.assertGreater(len(limits), 0)
        for limit, value in read_again(limits):
            with self.subTest(limit=limit["name"]):
                self.assertEqual((limit["value"], limit["unlimited"]), (value, value is None))
                if limit["name"].startswith("/"):
                    free = os.statvfs(limit["name"]).f_bavail * os.statvfs(limit["name"]).f_frsize
                    self.assertAlmostEqual(limit["free"], free, delta=1 << 30)  # it changes as we look
                for part in ("unit", "about", "remedy"):
                    self.assertTrue(limit[part])

    def test_limits_are_read_anew(self):
        lowered = {}

        def lower():
            resource.setrlimit(resource.RLIMIT_MSGQUEUE, (12345, 54321))
            resource.setrlimit(resource.RLIMIT_NOFILE, (77, 77))

        lowered["RLIMIT_MSGQUEUE"] = self.limits("mq", preexec_fn=lower)["RLIMIT_MSGQUEUE"]
        lowered["RLIMIT_NOFILE"] = self.limits("stream", preexec_fn=lower)["RLIMIT_NOFILE"]
        self.assertEqual(lowered["RLIMIT_MSGQUEUE"]["value"], 12345)
        self.assertIn("up to 54,321", lowered["RLIMIT_MSGQUEUE"]["remedy"])
        self.assertIn("ulimit -q", lowered["RLIMIT_MSGQUEUE"]["remedy"])
        self.assertEqual(lowered["RLIMIT_NOFILE"]["value"], 77)

    def test_what_is_left_is_told_where_the_kernel_tells_it(self):
        before = self.limits("sysv-mq")["kernel.msgmni"]
        self.assertGreater(before["free"], 0)
        receivers = [self.channel("sysv-mq").receiver() for _ in range(3)]
        # Other programs of this machine may have queues as well, but three are gone at least for a moment.
        self.assertLess(self.limits("sysv-mq")["kernel.msgmni"]["free"], before["value"] - len(receivers) + 1)

    @for_each_kind
    def test_the_text_says_the_same_in_eighty_columns(self, kind):
        text, told = self.text(kind), self.kind(kind)
        self.in_columns(text)
        flat = words(text)
        for part in (told["summary"], told["advice"], *(each["text"] for each in told["deviations"]),
                     *(limit["about"] for limit in told["limits"])):
            self.assertIn(part, flat)
        for limit in told["limits"]:
            amount = "unlimited" if limit["unlimited"] else f"{limit['value']:,}"
            self.assertRegex(text, rf"(?m)^  {re.escape(limit['name'])} +{amount} {limit['unit']}\b")
        for option in told["options"]:
            self.assertIn("--" + option.replace("_", "-"), text)

    def test_the_list_has_every_kind_with_its_advice(self):
        text = self.text()
        self.in_columns(text)
        for name, kind in all_kinds().items():
            self.assertRegex(text, rf"(?m)^{name} ")
            self.assertIn(kind["summary"], words(text))
            self.assertIn(kind["advice"], words(text))
            self.assertRegex(kind["advice"], r"^Take it .+; not .+\.$")

    def test_one_object_a_line(self):
        lines = self.text("--json").splitlines()
        self.assertEqual((lines[0], lines[-1]), ("[", "]"))
        self.assertEqual([json.loads(line.rstrip(","))["name"] for line in lines[1:-1]], list(all_kinds()))


if __name__ == "__main__":
    signal.alarm(120)
    main()

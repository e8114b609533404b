"""A report in a real browser: what Chromium makes of it, in light and dark, wide and narrow.

Runs the program KVSCOPE_BINARY on the embedded model. Skips where Chromium is not installed.
"""

import html.parser
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
import zlib

CHROMIUM = shutil.which("chromium")
ATTACK = "<script>document.title='attacked'</script>\"'><img src=x onerror=\"document.title='attacked'\">"
CELLS = {
    "full": ["--method", "full"],
    "slide": ["--method", "full+slide", "--window", "32", "--recent", "16"],
    "inactive": ["--method", "full+slide", "--window", "512", "--recent", "16"],
    "snapkv": ["--method", "snapkv", "--prefill-budget", "48"],
}
# Says of the page in the frame what only a browser knows. Runs in a page of its own: the report has no script.
PROBE = """<!DOCTYPE html><html><body><iframe id="frame" src="report.html" style="width:WIDTHpx;height:600px;border:0">
</iframe><pre id="result"></pre><script>
document.getElementById('frame').onload = () => {
  const page = document.getElementById('frame').contentDocument, view = page.defaultView;
  const all = selector => [...page.querySelectorAll(selector)];
  const ids = all('[id]').map(element => element.id);
  document.getElementById('result').textContent = JSON.stringify({
    title: page.title,
    scripts: all('script').length,
    images: all('img').length,
    handlers: all('*').filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length,
    tables: all('table').length,
    pictures: all('svg').length,
    headings: all('h1,h2,h3,h4').map(heading => +heading.tagName[1]),
    repeatedIds: ids.filter((id, i) => ids.indexOf(id) !== i),
    brokenLinks: all('a').map(a => a.getAttribute('href')).filter(href => !page.getElementById(href.slice(1))),
    brokenLabels: all('[aria-labelledby]').flatMap(e => e.getAttribute('aria-labelledby').split(' '))
        .filter(id => !page.getElementById(id)),
    unnamedPictures: all('svg').filter(svg => svg.getAttribute('role') !== 'img' || !svg.querySelector('title')).length,
    unscopedHeaders: all('th').filter(header => !header.hasAttribute('scope')).length,
    uncaptionedTables: all('table').filter(table => !table.caption).length,
    clippedTexts: all('svg text').filter(text => {
      const box = text.getBoundingClientRect(), picture = text.ownerSVGElement.getBoundingClientRect();
      return box.left < picture.left - 1 || box.right > picture.right + 1 || box.bottom > picture.bottom + 1;
    }).map(text => text.textContent),
    overlappingLabels: all('svg').flatMap(svg => {
      const boxes = [...svg.querySelectorAll('.label')].map(text => [text.textContent, text.getBoundingClientRect()]);
      return boxes.filter(([, a], i) => boxes.slice(0, i).some(([, b]) =>
          a.left < b.right && b.left < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom)).map(([name]) => name);
    }),
    overflow: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    background: view.getComputedStyle(page.body).backgroundColor,
    requests: view.performance.getEntriesByType('resource').map(entry => entry.name),
  });
};
</script></body></html>"""


BAD_LINES = 4  # the exit code where a run has lines that are no records


def kvscope(*arguments, exit_code=0):
    """Standard output of the program."""
    done = subprocess.run([os.environ["KVSCOPE_BINARY"], *arguments], capture_output=True, text=True, check=False)
    if done.returncode != exit_code:
        raise AssertionError(f"kvscope {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
    return done.stdout


def first_pixel(path):
    """Red, green and blue of a PNG's upper left corner: the first row has no filter that reads others' bytes."""
    data = path.read_bytes()
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    return tuple(zlib.decompress(packed)[1:4])


class Balance(html.parser.HTMLParser):
    """Collects elements that are not closed in the order in which they were opened."""

    VOID = {"br", "meta"}

    def __init__(self):
        super().__init__()
        self.open, self.errors, self.sources = [], [], []

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href", "xlink:href", "action", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.errors.append((tag, self.getpos()))


class Report(unittest.TestCase):
    """One report of four cells, with names, answers and warnings that try to break out of the page."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        os.environ["KVSCOPE_CACHE"] = str(cls.folder / "cache")
        common = ["--model", "arith-tiny", "--task", "arith+", "--questions", "8", "--limit", "3", "--threads", "1"]
        for name, flags in CELLS.items():
            kvscope("run", *common, *flags, "--timing", "--out", str(cls.folder / "runs" / name))
        cls.attack(cls.folder / "runs" / "snapkv")
        kvscope("report", str(cls.folder / "runs"), "-o", str(cls.folder / "report.html"), exit_code=BAD_LINES)
        cls.text = (cls.folder / "report.html").read_text(encoding="utf-8")

    @classmethod
    def report(cls, form):
        return kvscope("report", str(cls.folder / "runs"), "-o", form, exit_code=BAD_LINES)

    @staticmethod
    def attack(run):
        """Puts the attack wherever a run's files hold text that somebody else chose. Files of schema 1 have no seals."""
        samples = run / "samples.jsonl"
        records = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
        for record in records:
            record["text"] = f"Answer_1: {ATTACK} The answer is {ATTACK}\n" + record["text"]
            record.update(finish="error", error=ATTACK, schema=1)
            del record["seal"]
        samples.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        with open(samples, "a", encoding="utf-8") as file:
            file.write(json.dumps({"sample": ATTACK}) + "\n")
        path = run / "run.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        record.update(reason=ATTACK, status="failed", machine={"cpu": ATTACK}, build={"commit": ATTACK}, schema=1)
        del record["seal"], record["files"]
        path.write_text(json.dumps(record), encoding="utf-8")
        run.rename(run.with_name("<script>alert(1)<" + "\"'&"))


class Structure(Report):
    def test_is_well_formed(self):
        parser = Balance()
        parser.feed(self.text)
        self.assertEqual(parser.errors, [])
        self.assertEqual(parser.open, [])
        xml.etree.ElementTree.fromstring(self.text)

    def test_asks_for_nothing(self):
        parser = Balance()
        parser.feed(self.text)
        self.assertGreater(len(parser.sources), 0)
        self.assertEqual([source for source in parser.sources if not source.startswith("#")], [])
        self.assertIsNone(re.search(r"url\(|@import|@font-face", self.text))

    def test_every_format_warns_of_the_inactive_method(self):
        for text in (self.text, *(self.report(name) for name in ("md", "csv"))):
            self.assertIn("the budget of full+slide never binds", text)
            self.assertIn("so these methods were inactive", text)

    def test_the_ending_names_the_format(self):
        self.assertEqual(self.report("html"), self.text)
        done = subprocess.run(
            [os.environ["KVSCOPE_BINARY"], "report", str(self.folder / "runs"), "-o", "report.pdf"], capture_output=True, check=False
        )
        self.assertEqual(done.returncode, 2)


@unittest.skipUnless(CHROMIUM, "Chromium is not installed (scripts/setup --tests)")
class Browser(Report):
    def browse(self, url, *flags):
        """What Chromium prints, and what it logs of the page's console."""
        with tempfile.TemporaryDirectory() as profile:
            done = subprocess.run(
                [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
                 "--v=0", "--allow-file-access-from-files", f"--user-data-dir={profile}", *flags, url],
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    def probe(self, width, *flags):
        path = self.folder / f"probe{width}.html"
        path.write_text(PROBE.replace("WIDTH", str(width)), encoding="utf-8")
        dom, console = self.browse(path.as_uri(), "--dump-dom", "--virtual-time-budget=5000", "--window-size=1400,900", *flags)
        self.assertEqual(console, [])
        result = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
        self.assertIsNotNone(result, dom)
        self.assertTrue(result.group(1), "the probe did not run")
        return json.loads(html.unescape(result.group(1)))

    def test_the_page_is_what_was_written(self):
        seen = self.probe(1200)
        self.assertEqual(seen["title"], "kvscope report")
        for nothing in ("scripts", "images", "handlers", "unnamedPictures", "unscopedHeaders", "uncaptionedTables"):
            self.assertEqual(seen[nothing], 0, nothing)
        for nothing in ("repeatedIds", "brokenLinks", "brokenLabels", "clippedTexts", "overlappingLabels", "requests"):
            self.assertEqual(seen[nothing], [], nothing)
        self.assertEqual(seen["tables"], self.text.count("<table"))
        self.assertEqual(seen["pictures"], self.text.count("<svg"))
        self.assertGreaterEqual(seen["tables"], 9)
        self.assertGreaterEqual(seen["pictures"], 8)
        self.assertEqual(seen["headings"][:3], [1, 2, 3])
        self.assertTrue(all(after <= before + 1 for before, after in zip(seen["headings"], seen["headings"][1:])))

    def test_no_page_is_wider_than_its_window(self):
        for width in (320, 390, 768, 1200):
            self.assertLessEqual(self.probe(width)["overflow"], 0, width)

    def test_follows_the_readers_colour_scheme(self):
        light, dark = self.probe(1200), self.probe(1200, "--blink-settings=preferredColorScheme=0")
        self.assertEqual(light["background"], "rgb(246, 247, 249)")
        self.assertEqual(dark["background"], "rgb(20, 23, 28)")

    def test_can_be_photographed_in_light_and_dark_and_narrow(self):
        pixels = {}
        keep = os.environ.get("KVSCOPE_SCREENSHOTS")
        for name, size, flags in (
            ("light", "1200,2000", []),
            ("dark", "1200,2000", ["--blink-settings=preferredColorScheme=0"]),
            ("narrow", "500,2000", []),
        ):
            picture = pathlib.Path(keep or self.folder) / f"{name}.png"
            _, console = self.browse((self.folder / "report.html").as_uri(), f"--window-size={size}", f"--screenshot={picture}", *flags)
            self.assertEqual(console, [])
            pixels[name] = first_pixel(picture)
        self.assertEqual(pixels["light"], pixels["narrow"])
        self.assertGreater(min(pixels["light"]), 200)
        self.assertLess(max(pixels["dark"]), 60)


if __name__ == "__main__":
    unittest.main()

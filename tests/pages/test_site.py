"""The course as static pages: complete, usable without a network, with working widgets, and accessible."""

import base64
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import browser
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

from ddpm_core.teach.__main__ import main
from ddpm_core.teach.bank import bank, lesson as exercises_of
from ddpm_core.teach.maths.proofs import LEVELS, PROOFS
from ddpm_core.teach.site import MARK, build, runs
from ddpm_core.teach.site.lessons import cover

FIRST = [
    "# 00 · Ptarmigans\n\nA bird $x_0$ in snow. [Go on](01_second.ipynb#two-sums)\n\n"
    "| | a | $x_0$ |\n|---|---|--:|\n| of | 1 | $2$ |",
    "import torch\nfrom ddpm_core import linear\nfrom ddpm_core.teach import exercise, quiz, scrub_noise",
    "g = torch.Generator().manual_seed(0)\nw = scrub_noise(torch.ones(4, 1, 8, 8), linear(), generator=g)\nw",
    "## It asks\n\n"
    "$$\\boxed{\\begin{aligned} a+a &= \\underbrace{b}_{\\text{the gyrfalcon}} \\\\ a &= c \\end{aligned}}$$",
    "q = exercise('00.1')\nq",
    "q.check(...)",
    "quiz('00.2')",
    "w.t = 500",
]
SECOND = [
    "# 01 · Second\n\n## Two sums\n\n$\\sum_i x_i$ and $\\notlatex$",
    "import matplotlib.pyplot as plt\nfrom IPython.display import HTML\n"
    "from ddpm_core.teach import shape_schedule",
    "plt.plot([1, 2])\nplt.show()\ndef train(): pass\ntrain()",
    "HTML('<p class=\"told\">It costs $x_t$.</p>' + \"<a href='00_first.ipynb'>Back</a>\")",
    "shape_schedule()",
    "print('table(PROOFS)', 1 < 2)",
    "## Two sums\n\nThe same heading again.",
]


def written(path, cells):
    made = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(text) if text.startswith("#") else nbformat.v4.new_code_cell(text)
            for text in cells
        ]
    )
    nbformat.write(made, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "notebooks").mkdir()
    written(folder / "notebooks/00_first.ipynb", FIRST)
    written(folder / "notebooks/01_second.ipynb", SECOND)
    return folder


@pytest.fixture(scope="module")
def lessons(folder):
    return build(folder / "notebooks", folder / "site", folder / "runs")


@pytest.fixture(scope="module")
def site(folder, lessons):
    return folder / "site"


class Links(HTMLParser):
    """The ids of a page, the resources it loads, and its links."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.needs, self.leads = [], [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.leads += [attributes["href"]] if tag == "a" else []
        self.needs += [attributes["href"]] if tag == "link" else []
        self.needs += [attributes[name] for name in ("src", "srcset", "data", "poster") if name in attributes]


def pages(site):
    return sorted(site.glob("*.html"))


# what is written


def test_no_page_needs_anything_from_elsewhere(site):
    for page in pages(site):
        for need in Links(page).needs:
            assert need.startswith("data:") or (site / need).is_file(), (page.name, need)
    for style in [*site.glob("*.css"), *pages(site)]:
        for need in re.findall(r"url\([\"']?([^\"')]*)|@import\s+[\"']([^\"']*)", style.read_text("utf-8")):
            assert need[0].startswith(("data:", "#")) or (site / need[0]).is_file(), (style.name, need)
    for script in site.glob("*.js"):
        own = script.read_text("utf-8").replace("import(URL.createObjectURL(blob))", "")  # out of memory
        own = own.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
        assert not re.search(r"https?://|\bimport\b\s*[({\"']", own), script.name


def test_every_link_and_every_anchor_leads_somewhere(site):
    links = {page.name: Links(page) for page in pages(site)}
    for name, page in links.items():
        assert len(page.ids) == len(set(page.ids)), name
        for link in page.leads:
            if link.startswith(("http://", "https://")):
                continue  # external
            target, _, anchor = link.partition("#")
            assert (site / (target or name)).is_file(), (name, link)
            assert not anchor or unquote(anchor) in links[target or name].ids, (name, link)
    assert "01_second.html#two-sums" in links["00_first.html"].leads
    reached, waiting = set(), ["index.html"]
    while waiting:
        reached.add(here := waiting.pop())
        targets = {link.partition("#")[0] for link in links[here].leads} & set(links)
        waiting += targets - reached
    assert reached == set(links)


def test_a_lesson_knows_its_neighbours_and_its_sections(site, lessons):
    first, second = ((site / f"{name}.html").read_text("utf-8") for name in ("00_first", "01_second"))
    assert 'rel="next" href="01_second.html"' in first
    assert 'rel="prev"' not in first
    assert 'rel="prev" href="00_first.html"' in second
    assert 'rel="next"' not in second
    assert [s.id for s in lessons[1].sections] == ["01-second", "two-sums", "two-sums-2"]
    assert lessons[0].title == "Ptarmigans"


def test_the_first_page_shows_each_lesson_with_what_there_is_to_do(site, lessons):
    first = (site / "index.html").read_text("utf-8")
    tiles = re.findall(r'<li data-lesson="(\w+)"><a href="([^"]*)"><span class="cover">(.*?)</li>', first)
    assert [(number, page) for number, page, _ in tiles] == [(each.number, each.name) for each in lessons]
    for (number, _, tile), each in zip(tiles, lessons, strict=True):
        assert f'<img src="{each.cover}"' in tile
        assert (site / each.cover).read_bytes()[:4] == b"\x89PNG"
        assert "<span>5 minutes</span>" in tile
        assert f"<span>{len(exercises_of(number))} exercises</span>" in tile
        assert ("you train" in tile) == (number == "01")
    assert "VAEs later</b>" in first
    assert '<a href="01_second.html">01 From the VAE to the DDPM</a>' in first  # on a way


def test_a_lesson_s_picture_is_the_one_its_author_chose(folder):
    red, blue = (base64.b64encode(text).decode() for text in (b"red", b"blue"))
    cells = [nbformat.v4.new_markdown_cell("# None")] + [
        nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", {"image/png": data})])
        for data in (red, blue)
    ]
    assert cover(cells[:1]) == b""
    assert cover(cells) == b"red"
    cells[2].metadata["tags"] = ["cover"]
    assert cover(cells) == b"blue"


def test_a_link_from_elsewhere_shows_what_the_page_is(site, folder, tmp_path):
    first = (site / "index.html").read_text("utf-8")
    assert '<meta name="description" content="Say what it shall draw' in first
    assert "og:image" not in first  # which would need an address
    assert (site / "preview.png").read_bytes()[16:24] == bytes.fromhex("000004b000000276")  # 1200 by 630
    build(folder / "notebooks", tmp_path / "site", folder / "runs", "https://a.example/course/")
    for name, told in (("index.html", "Learning diffusion models"), ("00_first.html", "00 · Ptarmigans")):
        page = (tmp_path / "site" / name).read_text("utf-8")
        assert f'property="og:title" content="{told}"' in page
        assert 'property="og:image" content="https://a.example/course/preview.png"' in page


def test_the_search_is_over_every_section(site, lessons):
    sections = json.loads(
        (site / "search.js").read_text("utf-8").removeprefix("window.SECTIONS = ").rstrip(";\n")
    )
    assert len(sections) == sum(len(each.sections) for each in lessons)
    assert [link for link, *_, text in sections if "bird" in text] == ["00_first.html#00-ptarmigans"]


def test_an_exercise_stands_there_with_its_place_to_answer(site):
    text = (site / "00_first.html").read_text("utf-8")
    assert "standard deviation of the sum" in text
    assert "Which of these is" in text
    assert "Nothing here yet" not in text
    places = re.findall(r'data-exercise="([^"]*)">(.*?)</p></div>', text, re.S)
    assert [key for key, _ in places] == ["00.sum-of-noises", "00.clean-picture"]
    assert all('href="index.html#lab"' in place for _, place in places)  # where no script runs
    assert bank["00.sum-of-noises"].worked not in (site / "answers-00.js").read_text("utf-8")
    for name in ("course.js", "answers-00.js", "answers.js"):
        assert f'<script src="{name}" defer>' in text
    assert "judge.js" not in text  # it is fetched by the first answer that needs it


def test_the_site_is_not_heavy(site):
    assert sum(path.stat().st_size for path in site.iterdir()) < 40e6
    assert (site / "judge.js").stat().st_size < 8e6


def test_formulas_are_typeset_and_one_that_is_not_known_is_told(site, lessons, capsys):
    second = (site / "01_second.html").read_text("utf-8")
    assert re.search(r'class="told">It costs <math', second)
    assert "<code>\\notlatex</code>" in second
    assert lessons[1].unread == ["\\notlatex: \\notlatex is not known here"]
    assert not lessons[0].unread


def test_each_scrubber_has_a_page_of_its_own(site, lessons):
    stages = [stage for each in lessons for stage in each.stages]
    assert [stage.told for stage in stages] == [
        "a picture, noised level by level",
        "a schedule, bent by hand",
    ]
    names = [stage.name for stage in stages]
    assert names == ["stage-00_first-1.html", "stage-01_second-1.html"]
    for name in names:
        assert (site / name).read_text("utf-8").count('class="scrub-mount"') == 1
        assert f'href="{name}"' in (site / "index.html").read_text("utf-8")


def test_the_formula_sheet_holds_every_proof_and_every_function_that_runs_one(site):
    text = (site / "formulas.html").read_text("utf-8")
    rows = dict(re.findall(r'data-proof="([^"]*)">(.*?)</div>', text, re.S))
    assert list(rows) == [name.replace("'", "&#x27;") for name in PROOFS | LEVELS]
    source = (Path(runs.PACKAGE) / "teach/maths/proofs.py").read_text("utf-8").splitlines()
    for name, row in zip(PROOFS | LEVELS, rows.values(), strict=True):
        assert "<math" in row
        for run in (PROOFS | LEVELS)[name].runs:
            assert f'href="#{run.__module__}.{run.__qualname__}"' in row
        (line,) = re.findall(r"proofs\.py:(\d+)", row)
        place = "\n".join(source[int(line) - 1 : int(line) + 8])
        assert place.startswith(("@_proof", "@_law"))
        assert f'"{name}"' in place


# when notebooks are run


def test_a_notebook_is_run_again_when_its_code_changes_and_only_then(folder, lessons, monkeypatch):
    ran = []
    monkeypatch.setattr(runs, "_run", lambda notebook, *_: ran.append(len(notebook.cells)))
    path = folder / "notebooks/00_first.ipynb"
    before = runs.executed(path, folder / "runs")
    assert before.metadata.widgets
    changed = nbformat.read(path, as_version=4)
    changed.cells[0].source += " And a word."
    again = folder / "again" / path.name
    again.parent.mkdir()
    nbformat.write(changed, again)
    after = runs.executed(again, folder / "runs")
    assert not ran
    assert after.cells[0].source.endswith("And a word.")
    assert after.cells[2].outputs == before.cells[2].outputs != []
    shutil.copytree(folder / "runs", folder / "other runs")
    changed.cells[2].source += "\n"
    nbformat.write(changed, again)
    runs.executed(again, folder / "other runs")
    assert ran == [len(FIRST)]
    monkeypatch.setattr(runs, "_package", lambda: "another")
    runs.executed(path, folder / "other runs")
    assert len(ran) == 2
    assert len(list((folder / "other runs").glob("00_first-*"))) == 1


def test_a_folder_that_is_no_site_is_left_alone(folder, lessons, tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("dear to me")
    with pytest.raises(ValueError, match="something else than a site"):
        build(folder / "notebooks", tmp_path, folder / "runs")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    assert main(["site", str(tmp_path / "new"), "--notebooks", str(tmp_path)]) == 2
    assert "there is no notebook" in capsys.readouterr().err


@pytest.fixture
def old(folder, lessons, tmp_path):
    """A site from an earlier build, with the page of a lesson that no longer exists."""
    copy = tmp_path / "old"
    shutil.copytree(folder / "site", copy)
    (copy / "00_first.html").write_text("what it was")
    (copy / "99_gone.html").write_text("a page of before")
    listed = json.loads((copy / MARK).read_text("utf-8"))["files"]
    (copy / MARK).write_text(json.dumps({"files": [*listed, "99_gone.html"]}))
    return copy


def contents(path):
    return {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_a_style_sheet_does_not_make_a_site(folder, lessons, tmp_path):
    (tmp_path / "site.css").write_text("dear to me")
    (tmp_path / "thesis.tex").write_text("dear to me")
    with pytest.raises(ValueError, match=r"or an old site without its list site.json; name a new folder"):
        build(folder / "notebooks", tmp_path, folder / "runs")
    assert len(contents(tmp_path)) == 2


@pytest.mark.parametrize("names", ['["../dear"]', '[".."]', '["folder"]', "5", "[5]", "{"])
def test_a_list_that_build_did_not_write_deletes_nothing(folder, lessons, tmp_path, names):
    (tmp_path / "dear").write_text("to me")
    (tmp_path / "site/folder").mkdir(parents=True)
    (tmp_path / "site" / MARK).write_text(f'{{"files": {names}}}')
    with pytest.raises(ValueError, match="something else than a site"):
        build(folder / "notebooks", tmp_path / "site", folder / "runs")
    assert (tmp_path / "dear").exists()


def test_a_site_is_built_over_an_old_one_and_what_is_no_site_s_stays(folder, old):
    (old / "CNAME").write_text("course.example")
    build(folder / "notebooks", old, folder / "runs")
    assert contents(old) == contents(folder / "site") | {Path("CNAME"): b"course.example"}
    assert [p.name for p in old.parent.iterdir()] == ["old"]


def test_a_page_that_no_site_wrote_is_not_written_over(folder, old):
    listed = json.loads((old / MARK).read_text("utf-8"))["files"]
    (old / MARK).write_text(json.dumps({"files": [name for name in listed if name != "00_first.html"]}))
    before = contents(old)
    with pytest.raises(ValueError, match=r"holds 00_first\.html, which no site wrote"):
        build(folder / "notebooks", old, folder / "runs")
    assert contents(old) == before


@pytest.mark.parametrize("name", [".", "../link", "../new link"])
def test_a_site_is_built_where_one_stands_and_where_a_link_leads(folder, old, name, monkeypatch):
    monkeypatch.chdir(old)
    (old.parent / "link").symlink_to(old)
    (old.parent / "new link").symlink_to(old.parent / "new")
    build(folder / "notebooks", Path(name), folder / "runs")
    assert contents(Path(name)) == contents(folder / "site")
    assert (old.parent / "link").is_symlink()


@pytest.mark.parametrize("fails", ["_page", "_mark", "_found"])
def test_a_build_that_fails_leaves_the_old_site_whole(folder, old, fails, monkeypatch):
    before = contents(old)
    monkeypatch.setattr(f"ddpm_core.teach.site.{fails}", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build(folder / "notebooks", old, folder / "runs")
    assert contents(old) == before


def test_a_build_that_is_stopped_half_way_is_a_site_still(folder, old, monkeypatch):
    with monkeypatch.context() as stopped:
        stopped.setattr(shutil, "move", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(folder / "notebooks", old, folder / "runs")
    build(folder / "notebooks", old, folder / "runs")
    assert contents(old) == contents(folder / "site")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (runs.PACKAGE / "teach/site", "lies in the folder of the package"),
        (runs.PACKAGE / "new", "lies in the folder of the package"),
        (runs.PACKAGE.parent, "contains the folder of the package"),
        ("notebooks", "lies in the folder of the notebooks"),
        ("notebooks/site", "lies in the folder of the notebooks"),
        ("site/..", "contains the folder of the notebooks"),
        ("here", "contains the current folder"),
    ],
)
def test_a_site_has_a_place_apart(folder, lessons, place, words, monkeypatch):
    (folder / "here/inner").mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(folder / "here/inner")
    with pytest.raises(ValueError, match=words):
        build(folder / "notebooks", folder / place, folder / "runs")


def test_a_cell_that_fails_is_named(tmp_path, capsys):
    (tmp_path / "notebooks").mkdir()
    written(tmp_path / "notebooks/00_bad.ipynb", ["# 00 · Bad", "x = 1", "raise KeyError('x')"])
    flags = ["--notebooks", str(tmp_path / "notebooks"), "--runs", str(tmp_path / "runs")]
    assert main(["site", str(tmp_path / "new"), *flags]) == 2
    assert capsys.readouterr().err.endswith("error: 00_bad.ipynb, cell [2]: KeyError: 'x'\n")
    assert not (tmp_path / "new").exists()


def test_pictures_come_along_and_one_that_is_not_found_is_told(tmp_path, capsys):
    (tmp_path / "notebooks/in").mkdir(parents=True)
    (tmp_path / "notebooks/my pic.png").write_bytes(b"one")
    (tmp_path / "notebooks/in/größe.png").write_bytes(b"two")
    text = "![](my%20pic.png) ![](in/größe.png) ![](no%20pic.png) ![](data:image/png;base64,AAAA)"
    written(tmp_path / "notebooks/00_seen.ipynb", [f"# 00 · Seen\n\n{text}"])
    flags = ["--notebooks", str(tmp_path / "notebooks"), "--runs", str(tmp_path / "runs")]
    assert main(["site", str(tmp_path / "new"), *flags]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[1:] == ["00_seen.html: a picture that isn't found: no pic.png"]
    found = [need for need in Links(tmp_path / "new/00_seen.html").needs if need.endswith(".png")]
    assert [(tmp_path / "new" / unquote(name)).exists() for name in found] == [True, True, False]
    assert (tmp_path / "new/my pic.png").read_bytes() == b"one"
    assert (tmp_path / "new/größe.png").read_bytes() == b"two"


# in a browser that has no network, from the folder itself


@pytest.fixture
def tab(chrome, site):
    """A tab without a network; at the end, it must have had no errors."""
    wrong = []
    with chrome.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light") as context:
        context.set_offline(True)
        context.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or wrong.append(r.url))
        context.on("console", lambda m: m.type == "error" and wrong.append(m.text))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        yield context.new_page()
        assert wrong == []


def dark(tab):
    red, green, blue = re.findall(r"\d+", tab.evaluate("getComputedStyle(document.body).backgroundColor"))[:3]
    return int(red) + int(green) + int(blue) < 200


@pytest.mark.parametrize("name", ["00_first.html", "stage-00_first-1.html"])
def test_a_scrubber_is_dragged(tab, site, name):
    tab.goto((site / name).as_uri())
    tab.wait_for_selector("canvas[data-ready]")
    canvas, slider = tab.locator("canvas").first, tab.locator(".scrub-time").first
    assert canvas.get_attribute("data-t") == "500"
    slider.scroll_into_view_if_needed()
    box, seen = slider.bounding_box(), set()
    tab.mouse.move(box["x"] + 12, box["y"] + box["height"] / 2)
    tab.mouse.down()
    for k in range(1, 9):
        tab.mouse.move(box["x"] + k * box["width"] / 9, box["y"] + box["height"] / 2)
        seen.add((canvas.get_attribute("data-t"), browser.pixels(canvas).tobytes()))
    tab.mouse.up()
    assert len(seen) == len({t for t, _ in seen}) == 8


def test_lines_of_a_formula_stand_one_below_the_other_at_their_sign(tab, site):
    tab.goto((site / "00_first.html").as_uri())
    left = "mtable.aligned mtd:nth-child(odd) > *"
    long, short = tab.locator(left).evaluate_all("es => es.map(e => e.getBoundingClientRect())")
    assert long["width"] > 2 * short["width"]
    assert abs(long["right"] - short["right"]) < 1


def test_a_stage_fills_the_window(tab, site):
    tab.goto((site / "stage-00_first-1.html").as_uri())
    tab.wait_for_selector("canvas[data-ready]")
    for width, height in ((1280, 1000), (1920, 1080), (390, 844)):
        tab.set_viewport_size({"width": width, "height": height})
        tab.wait_for_timeout(1500)
        box = tab.locator(".scrub").bounding_box()
        assert box["width"] > 0.9 * width or box["y"] + box["height"] > 0.85 * height, (width, box)
        assert abs(box["x"] + box["width"] / 2 - width / 2) < 12, (width, box)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_a_stage_hears_keys_without_a_click(tab, site):
    tab.goto((site / "stage-00_first-1.html").as_uri())
    tab.wait_for_selector("canvas[data-ready]")
    at = lambda: tab.locator("canvas").first.get_attribute("data-t")  # noqa: E731
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(200)
    assert at() != "500"
    before = at()
    tab.keyboard.press(" ")
    tab.wait_for_timeout(900)
    assert at() != before


def test_search_shows_whole_words_with_their_formulas(tab, site):
    tab.goto((site / "index.html").as_uri())
    tab.keyboard.press("/")
    tab.keyboard.type("snow")
    tab.locator("#found a span").first.wait_for()
    assert "A bird x_0 in snow." in tab.locator("#found a span").first.text_content()


def test_dark_is_chosen_and_stays(tab, site):
    tab.goto((site / "index.html").as_uri())
    button = tab.get_by_role("button", name="Dark")
    assert not dark(tab)
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert dark(tab)
    assert button.get_attribute("aria-pressed") == "true"
    tab.get_by_role("link", name="Ptarmigans").first.click()
    tab.wait_for_selector("canvas[data-ready]")
    assert dark(tab)
    tab.get_by_role("button", name="Dark").click()
    assert not dark(tab)
    tab.emulate_media(color_scheme="dark")
    assert not dark(tab)  # the reader's choice overrides the system's
    tab.evaluate("localStorage.clear()")
    tab.reload()
    assert dark(tab)


def test_a_word_is_found_by_keyboard(tab, site):
    tab.goto((site / "01_second.html").as_uri())
    tab.keyboard.press("/")
    tab.keyboard.type("PTARMIGAN bird")
    tab.get_by_text("1 section", exact=True).wait_for()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/00_first.html#00-ptarmigans")
    tab.keyboard.press("/")
    tab.keyboard.type("albatross")
    tab.get_by_text("0 sections").wait_for()
    tab.keyboard.press("Escape")
    assert tab.locator("#found").is_hidden()


def test_what_is_found_goes_away_when_the_keyboard_leaves_it(tab, site):
    tab.goto((site / "01_second.html").as_uri())
    box, links = tab.locator("#found"), tab.locator("#found a")
    tab.keyboard.press("/")
    tab.keyboard.type("two")
    links.nth(1).wait_for()
    tab.keyboard.press("Tab")
    assert links.first.evaluate("(link) => link === document.activeElement")
    tab.keyboard.press("Escape")
    tab.wait_for_timeout(100)
    assert box.is_hidden()
    assert tab.evaluate("document.activeElement.id") == "search"
    tab.keyboard.type("s")
    tab.keyboard.press("Backspace")
    links.nth(1).wait_for()
    for _ in range(links.count()):
        tab.keyboard.press("Tab")
        assert box.is_visible()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.id") == "theme"
    assert box.is_hidden()
    tab.keyboard.press("Shift+Tab")
    links.nth(1).wait_for()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 768), ("light", 390)])
def test_every_page_can_be_read_by_everyone(tab, site, scheme, width):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)
    for page in pages(site):
        tab.goto(page.as_uri())
        tab.wait_for_load_state("load")
        if tab.locator(".scrub-mount").count():
            tab.wait_for_selector("canvas[data-ready]")
        tab.wait_for_timeout(200)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, page.name
        faults = Axe().run(tab, options=browser.AXE).response["violations"]
        told = [(fault["id"], [node["html"][:120] for node in fault["nodes"]][:4]) for fault in faults]
        assert told == [], (page.name, scheme)


def test_the_formula_sheet_prints_on_two_pages(tab, site):
    tab.goto((site / "formulas.html").as_uri())
    tab.wait_for_load_state("load")
    printed = tab.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 1054, "height": 726})  # A4 across, within its margins
    cut = "(rows) => rows.filter((r) => r.scrollWidth > r.clientWidth).map((r) => r.textContent)"
    found = tab.locator(".sheet dd").evaluate_all(cut)
    assert not found, "\n".join(found)

"""The first page of the site: the networks at work, what one learns, the lessons, where to start."""

import html
from collections.abc import Sequence

from ..progress.lessons import OPTIONAL
from ..progress.ways import listed
from .lessons import Page

COURSE = "Learning diffusion models"
WORK, AT_WORK = "live.html", "Two networks at work"
ABOUT = """Say what it shall draw: a network of this course makes it out of noise, here in your browser. The
lessons take such a model apart and build it again, until you know why each line of it is there."""
ABLE = """<h2 id="able">What you will be able to do</h2>
<ul class="able">
<li><b>Derive the loss.</b> From the bound of a VAE to a squared error on noise: by hand, with numbers, each
step checked by machine.</li>
<li><b>Train your own.</b> Ten lines for digits, a minute on a laptop, and a way to tell how good it can
get.</li>
<li><b>Draw with it.</b> Ancestral steps, DDIM, better solvers: how many steps they take, and why some add
noise.</li>
<li><b>Ask for something.</b> Labels, words, guidance, filling in; what each of them costs.</li>
<li><b>Go on to today.</b> Scores, flows and the boxes of today's text-to-image systems, one exchanged part at
a time.</li>
<li><b>Build one yourself.</b> Words, latents, a transformer: a text-to-image model of your own pictures, and
its card.</li>
</ul>"""
LAB = """<h2 id="lab">In JupyterLab</h2>
<p>In these pages the scrubbers move, and choices, numbers, formulas and texts are judged: a wrong answer is
told what is wrong in <em>it</em>. Functions are written in JupyterLab, where every cell can be changed and
run. Your progress goes along: export it here, and put <code>progress.json</code> into the folder
<code>my/</code> there; or import the one from there. In a copy of the course, with Python 3.11 or newer and
<code>make</code>:</p>
<pre class="out">make lab</pre>"""
# What one knows, what that means, and the lessons to begin with.
STARTS = (
    ("I have two minutes", "Type a word above. Then paint over the noise of a digit.", ()),
    (
        "I have never met a VAE",
        "Noise, a network and pictures come first, then what they have to do with probability:",
        ("00", "02", "04", "05", "01", "03"),
    ),
    ("I know what a VAE is", "Three models, one bound. Begin at the beginning:", ("00", "01", "02")),
    ("I have trained a DDPM", "See what became of it, and what you took on trust:", ("05", "07", "08", "09")),
)


def front(lessons: Sequence[Page], hero: str) -> str:
    """The page's HTML; hero: the networks at work."""
    head = f'<div class="text"><h1>{COURSE}</h1><p class="lead">{ABOUT}</p></div>'
    tiles = "".join(_tile(each) for each in lessons)
    parts = (
        f'<div class="text">{ABLE}</div>',
        f'<h2 id="lessons">The lessons</h2><ol class="map">{tiles}</ol>',
        f'<h2 id="start">Where to start</h2>{_starts(lessons)}',
        f'<div class="text">{_hall(lessons)}{LAB}</div>',
    )
    return head + hero + "".join(parts)


def _tile(each: Page) -> str:
    """A lesson as a picture, its name, and what there is to do in it."""
    picture = f'<img src="{each.cover}" alt="" loading="lazy">' if each.cover else ""
    told = (
        (f"{each.minutes} minutes", each.minutes),
        (f"{each.exercises} exercises", each.exercises),
        ("something to move", each.stages),
        ("you train", each.trains),
        ("optional", each.number in OPTIONAL),
    )
    doing = "".join(f"<span>{text}</span>" for text, holds in told if holds)
    name = f"<b>{each.number}</b> {html.escape(each.title)}"
    return (
        f'<li data-lesson="{each.number}"><a href="{each.name}"><span class="cover">{picture}</span>'
        f'<span class="name">{name}</span></a><p class="doing">{doing}</p></li>'
    )


def _starts(lessons: Sequence[Page]) -> str:
    """Where to start by what one knows, and the ways through the course with their sections."""
    pages = {each.number: each for each in lessons}

    def link(number: str, section: str, text: str) -> str:
        if number not in pages:
            return text
        ids = [s.id for s in pages[number].sections if s.title == html.escape(section)]
        return f'<a href="{pages[number].name}{f"#{ids[0]}" if ids else ""}">{text}</a>'

    items = "".join(
        f"<li><b>{know}</b> {means} {' → '.join(link(n, '', n) for n in first)}</li>"
        for know, means, first in STARTS
    )
    folded = f"<details><summary>The ways through, section by section</summary>{listed(link)}</details>"
    return f'<ul class="starts">{items}</ul>{folded}'


def _hall(lessons: Sequence[Page]) -> str:
    """The scrubbers' own pages."""
    work = f'<li><a href="{WORK}">{AT_WORK}</a> <br><small>they draw in the page, from noise</small></li>'
    stages = "".join(
        f'<li><a href="{stage.name}">{html.escape(stage.told[0].upper() + stage.told[1:])}</a> '
        f"<br><small>{each.number} · {html.escape(stage.title)}</small></li>"
        for each in lessons
        for stage in each.stages
    )
    return (
        '<h2 id="hall">For the lecture hall</h2><p>Each scrubber on a page of its own, as wide as the screen.'
        f' Arrow keys step, the space bar plays.</p><ul class="hall">{work}{stages}</ul>'
    )

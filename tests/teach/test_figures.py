"""The figures' one style: legible on every paper, in a notebook and outside, and nothing else is touched."""

import base64
import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient
from PIL import Image

from ddpm_core.teach.page.figures import style
from ddpm_core.teach.page.plots import show
from ddpm_core.teach.page.widgets import shape_schedule

PAPERS = {"white": "#ffffff", "JupyterLab": "#111111", "the site": "#16181c", "VS Code": "#1f1f1f"}


def luminance(colour):
    """WCAG's relative luminance."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in mpl.colors.to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], parts))


def contrast(a, b):
    low, high = sorted(map(luminance, (a, b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_every_colour_is_legible_on_every_paper(paper):
    assert contrast("#000000", "#ffffff") == 21
    assert contrast(style.FAINT, paper) >= 3
    assert min(contrast(colour, paper) for colour in style.PALETTE) >= 3.5
    assert contrast(style.INK, paper) >= 3.9


@style.styled
def line(label="a"):
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1], label=label)
    axes.set(xlabel="$t$", title="a line")
    axes.legend()
    return figure


def drawn(figure):
    file = io.BytesIO()
    figure.savefig(file)
    return np.asarray(Image.open(file).convert("RGBA"))


def test_a_figure_has_no_paper_of_its_own_and_no_colour_outside_the_palette():
    image = drawn(line())
    assert image[0, 0, 3] == 0
    assert (image[..., 3] == 0).mean() > 0.8
    solid = {tuple(pixel) for pixel in image[image[..., 3] == 255][:, :3].tolist()}
    allowed = {tuple(round(255 * c) for c in mpl.colors.to_rgb(c)) for c in (style.INK, style.BLUE)}
    assert solid <= allowed
    assert len(solid) == 2


def test_what_is_drawn_elsewhere_keeps_its_own_style():
    before = dict(mpl.rcParams)
    line()
    assert dict(mpl.rcParams) == before
    assert not plt.get_fignums(), "a figure left open is shown a second time"


def test_use_is_for_the_whole_session():
    with mpl.rc_context():
        style.use()
        assert drawn(plt.figure())[0, 0, 3] == 0
        plt.close()


@pytest.mark.slow
def test_a_notebook_shows_it_on_the_page_itself_and_sharp():
    """The backend of notebooks puts white below a figure that it takes for one in dark ink."""
    sources = (
        "from ddpm_core.teach.page.figures import style\nstyle.use()",
        (
            "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(figsize=(4, 2))\n"
            "axes.plot([0, 1])\nplt.show()\nfigure"
        ),
    )
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown, again = notebook.cells[1].outputs
    for output in (shown, again):
        image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
        size = output.metadata["image/png"]
        assert "needs_background" not in output.metadata
        assert (2 * size["width"], 2 * size["height"]) == pytest.approx(image.size, abs=1)
        assert image.convert("RGBA").getpixel((0, 0))[3] == 0


def test_what_is_no_figure_is_told():
    with pytest.raises(TypeError, match=r"must return a Figure.*got NoneType None"):
        style.styled(lambda: None)()


def test_between_pictures_the_page_shows_and_a_picture_hides_it():
    figure = show(torch.full((2, 1, 4, 4), 1.0), columns=2)
    alpha = figure.axes[0].images[0].get_alpha()
    assert alpha[:, 4].tolist() == [0] * 4
    assert np.delete(alpha, 4, 1).min() == 1


def test_a_widget_s_still_has_no_paper_either():
    still = Image.open(io.BytesIO(shape_schedule().still()))
    assert still.mode == "RGBA"
    assert still.getpixel((0, 0))[3] == 0
    assert still.getpixel((still.width // 2, still.height - 10))[3] == 255  # of the picture

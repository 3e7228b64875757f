"""Helpers for tests in a real browser: start JupyterLab on a folder, run a notebook, read a canvas."""

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest
from playwright.sync_api import sync_playwright

AXE = {"resultTypes": ["violations"], "preload": False}  # preload would fetch the style again
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SETTINGS = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "notebook-extension/tracker": {"windowingMode": "none"},
    "docmanager-extension/plugin": {"autosave": False},
}


def browsers() -> list[str]:
    """The paths of browsers: the one named in DDPM_BROWSER, the system's, playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    paths = [os.environ.get("DDPM_BROWSER"), *map(shutil.which, names), "/usr/bin/chromium", own]
    return [path for path in paths if path and Path(path).is_file()]


def chromium() -> str:
    """The path of a browser; without one the test is skipped, or fails if DDPM_REQUIRE_BROWSER is 1."""
    if found := browsers():
        return found[0]
    why = "NO BROWSER: the widgets are NOT tested; install chromium, or name a browser in DDPM_BROWSER"
    if os.environ.get("DDPM_REQUIRE_BROWSER") == "1":
        pytest.fail(why)
    pytest.skip(why)


@contextlib.contextmanager
def browser(*flags: str):
    path = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=[*ARGS, *flags])
        try:
            yield started
        finally:
            started.close()


@contextlib.contextmanager
def lab(root: Path, state: Path):
    """Context manager: JupyterLab on `root`, with its own settings and workspaces in `state`; its URL."""
    variables = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    variables += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    env = dict(os.environ, **{name: str(state / name) for name in variables})
    env["DDPM_PROGRESS"] = str(state / "progress.json")
    for plugin, settings in SETTINGS.items():
        path = state / f"JUPYTERLAB_SETTINGS_DIR/@jupyterlab/{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--no-browser", f"--port={port}", "--ip=127.0.0.1", "--allow-root", "--IdentityProvider.token="]
    flags += ["--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={root}"]
    with (state / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *flags],
            stdout=log,
            stderr=log,
            env=env,
            start_new_session=True,
        )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status", timeout=2)
                break
            if server.poll() is not None:
                raise RuntimeError((state / "log").read_text()[-2000:])
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def notebook(path: Path, *sources: str) -> Path:
    """Write a notebook of code cells."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s.strip()) for s in sources])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)
    return path


def open_notebook(page, url: str, name: str):
    """Open a notebook and wait for its kernel: the toolbar says "idle" before there is one."""
    page.goto(f"{url}/doc/tree/{name}")
    connected(page)


def connected(page):
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.wait_for_function(
        """() => {
            const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
            return kernel && kernel.connectionStatus === "connected" && kernel.status === "idle";
        }""",
        timeout=120_000,
    )


def command(page, name: str, args: dict | None = None):
    """Run a command of JupyterLab; its promise isn't awaited, because evaluate() has no timeout."""
    page.evaluate("([n, a]) => { window.jupyterapp.commands.execute(n, a) }", [name, args or {}])


def run_all(page):
    """Run all cells; RuntimeError, with the cell's error, if one of them fails."""
    command(page, "notebook:run-all-cells")
    ended = page.wait_for_function(
        """() => {
            const cells = window.jupyterapp.shell.currentWidget.content.widgets;
            const error = cells.flatMap((cell) => cell.model.outputs?.toJSON() ?? [])
                .find((output) => output.output_type === "error");
            if (error) return `${error.ename}: ${error.evalue}`;
            const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")]
                .filter((prompt) => !prompt.classList.contains("jp-Placeholder-prompt")); // of a folded cell
            return prompts.every((prompt) => /^\\[\\d+\\]:$/.test(prompt.textContent.trim())) && "done";
        }""",
        timeout=240_000,
    ).json_value()
    if ended != "done":
        raise RuntimeError(ended)


def run_cell(page, index: int, source: str | None = None) -> str:
    """Run one cell again (the last if index is -1), with a new source if given; returns what it prints."""
    cell = page.locator(".jp-Cell").nth(index)
    before = cell.locator(".jp-InputPrompt").text_content()
    page.evaluate(
        """([index, source]) => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            if (source !== null) notebook.widgets.at(index).model.sharedModel.setSource(source);
            notebook.deselectAll();
            notebook.activeCellIndex = notebook.widgets.indexOf(notebook.widgets.at(index));
            window.jupyterapp.commands.execute("notebook:run-cell");
        }""",
        [index, source],
    )
    page.wait_for_function(
        """([index, before]) => {
            const cell = [...document.querySelectorAll(".jp-Cell")].at(index);
            const now = cell.querySelector(".jp-InputPrompt").textContent;
            return now !== before && /\\d/.test(now);
        }""",
        arg=[index, before],
    )
    text = cell.locator(".jp-OutputArea-output pre")
    return text.first.text_content().strip() if text.count() else ""


def pixels(canvas) -> np.ndarray:
    """The pixels of a canvas: (height, width, 4) uint8."""
    width, height, data = canvas.evaluate(
        """(c) => {
            const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
            let text = "";
            for (const byte of data) text += String.fromCharCode(byte);
            return [c.width, c.height, btoa(text)];
        }"""
    )

    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def pictures(sheet: np.ndarray, n: int, h: int, w: int, columns: int) -> np.ndarray:
    """The n pictures (n, 3, h, w) on a sheet with one pixel between them."""
    corners = [(k // columns * (h + 1), k % columns * (w + 1)) for k in range(n)]
    return np.stack([sheet[y : y + h, x : x + w, :3].transpose(2, 0, 1) for y, x in corners])

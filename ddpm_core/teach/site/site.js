// Light and dark, search, and what a page needs to be read by keyboard.  No other file but search.js.

const root = document.documentElement;
const night = matchMedia("(prefers-color-scheme: dark)");
const remembered = {
  get theme() {
    try { return localStorage.getItem("theme"); } catch { return null; }
  },
  set theme(name) {
    try { localStorage.setItem("theme", name); } catch { /* kept for this page only */ }
  },
};

const isDark = () => (root.dataset.theme ?? (night.matches ? "dark" : "light")) === "dark";
if (remembered.theme) root.dataset.theme = remembered.theme;

function themes(button) {
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    root.dataset.theme = remembered.theme = isDark() ? "light" : "dark";
    show();
  });
  night.addEventListener("change", show);
  show();
}

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const asked = (text) => plain(text).split(/[^\p{L}\p{N}_.]+/u).filter(Boolean);

// Sections that hold every word, those that have it in their heading first.
function find(query) {
  const wanted = asked(query);
  if (!wanted.length) return [];
  return window.SECTIONS.map(([link, lesson, title, text]) => {
    const [head, body] = [plain(`${lesson} ${title}`), plain(text)];
    const scores = wanted.map((word) => 10 * head.includes(word) + Math.min(5, body.split(word).length - 1));
    const score = scores.every(Boolean) ? scores.reduce((a, b) => a + b) : 0;
    return { link, lesson, title, score, snippet: score ? excerpt(text, wanted[0]) : "" };
  }).filter((entry) => entry.score).sort((a, b) => b.score - a.score);
}

// Some whole words around the first that holds what was asked for.
function excerpt(text, wanted) {
  const words = text.split(" ");
  const from = Math.max(0, words.findIndex((word) => plain(word).includes(wanted)) - 9);
  return (from ? "… " : "") + words.slice(from, from + 28).join(" ") + (from + 28 < words.length ? " …" : "");
}

const index = () => window.SECTIONS ? Promise.resolve() : new Promise((done) => {
  const script = document.createElement("script");
  script.src = "search.js";
  script.addEventListener("load", done);
  document.head.append(script);
});

function search(input, box) {
  const [status, list] = box.children;
  const show = async () => {
    await index();
    const found = find(input.value);
    status.textContent = found.length === 1 ? "1 section" : `${found.length} sections`;
    list.replaceChildren(...found.slice(0, 12).map(({ link, lesson, title, snippet }) => {
      const item = document.createElement("li");
      const a = Object.assign(document.createElement("a"), { href: link });
      a.append(Object.assign(document.createElement("b"), { textContent: title }));
      a.append(Object.assign(document.createElement("small"), { textContent: lesson }));
      a.append(Object.assign(document.createElement("span"), { textContent: snippet }));
      a.addEventListener("click", () => { box.hidden = true; });
      item.append(a);
      return item;
    }));
    box.hidden = !input.value.trim() || !inside(document.activeElement);
  };
  const inside = (node) => box.parentElement.contains(node);
  input.addEventListener("input", show);
  input.addEventListener("focus", (event) => inside(event.relatedTarget) || show());
  box.parentElement.addEventListener("focusout", ({ relatedTarget: next }) => {
    if (next && !inside(next)) box.hidden = true;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (!box.hidden && inside(document.activeElement)) input.focus();
      box.hidden = true;
    }
    if (event.key !== "/" || event.target.matches("input, textarea")) return;
    event.preventDefault();
    input.focus();
  });
  document.addEventListener("click", (event) => {
    if (!inside(event.target)) box.hidden = true;
  });
}

// What is wider than the page can be scrolled by keyboard too.
function reachable() {
  for (const wide of document.querySelectorAll(".formula, .text > :is(p, ul, ol), .wide, .out, .code, .sheet dd, .solution, .result > div")) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    else wide.removeAttribute("tabindex");
  }
}

// A link into what is folded unfolds it.
function unfold() {
  const goal = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!goal) return;
  for (let at = goal.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
  goal.scrollIntoView();
}

// For the lecture hall: a widget as large as the window, at whichever of some widths of its own fills most of it.
const WIDTHS = [320, 400, 480, 560, 660, 780, 920, 1100];
const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

function fill(stage) {
  let fitted = "";
  const fit = async () => {
    const canvas = stage.querySelector("canvas");
    const there = canvas ? "ready" in canvas.dataset : stage.lastElementChild?.offsetHeight > 40;
    const now = `${innerWidth} ${innerHeight}`;
    if (!there || now === fitted) return;
    fitted = now;
    stage.style.cssText = "opacity: 0";
    const [wide, high] = [stage.clientWidth, innerHeight - stage.getBoundingClientRect().top - scrollY - 12];
    const tried = [];
    for (const width of WIDTHS.filter((each) => each <= wide)) {
      stage.style.width = `${width}px`;
      await drawn(); // the widget follows its width a frame later
      const area = Math.max(...[...stage.querySelectorAll("canvas, svg, img")].map((each) => each.getBoundingClientRect().width));
      const zoom = Math.min(wide / width, high / stage.offsetHeight);
      tried.push({ width, zoom, seen: area * zoom });
    }
    const { width, zoom } = tried.reduce((a, b) => (b.seen > a.seen * 1.02 ? b : a), { width: wide, zoom: 1, seen: 0 });
    stage.style.cssText = `zoom: ${Math.max(1, zoom)}; width: ${width}px`;
  };
  new ResizeObserver(fit).observe(document.body);
  new MutationObserver(fit).observe(stage, { childList: true, subtree: true, attributeFilter: ["data-ready"] });
}

// Its keys without a click: what is typed beside it goes to the widget's slider, which moves also if nobody listens.
function hear(stage) {
  document.addEventListener("keydown", (event) => {
    const slider = stage.querySelector(".scrub-time, input[type=range]");
    if (!slider || stage.contains(event.target) || event.target.closest("a, button, input")) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const twin = new KeyboardEvent("keydown", { key: event.key, shiftKey: event.shiftKey, bubbles: true, cancelable: true });
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const heard = !slider.dispatchEvent(twin);
    if (!heard && step) {
      slider.stepUp(step);
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (heard || step) event.preventDefault();
  });
}

document.addEventListener("DOMContentLoaded", () => {
  themes(document.getElementById("theme"));
  search(document.getElementById("search"), document.getElementById("found"));
  const contents = document.querySelector(".contents details");
  if (innerWidth < 1100 || root.dataset.page === "formulas") contents.open = false;
  new ResizeObserver(reachable).observe(document.body);
  unfold();
  addEventListener("hashchange", unfold);
});
addEventListener("load", () => {
  if (root.dataset.page !== "stage") return;
  const stage = document.querySelector(".scrub-mount");
  fill(stage);
  hear(stage);
});

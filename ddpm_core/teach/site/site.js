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
    const at = Math.max(0, body.indexOf(wanted[0]) - 60);
    return { link, lesson, title, score, snippet: (at ? "… " : "") + text.slice(at, at + 160) };
  }).filter((entry) => entry.score).sort((a, b) => b.score - a.score);
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
  for (const wide of document.querySelectorAll(".formula, .wide, .out, .code, .sheet dd")) {
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

// For the lecture hall: a scrubber as large as the window.
function fill(stage) {
  const fit = () => {
    stage.style.zoom = 1;
    const room = innerHeight - stage.getBoundingClientRect().top - scrollY - 16;
    stage.style.zoom = Math.max(1, Math.min(room / stage.offsetHeight, root.clientWidth / 720));
  };
  new ResizeObserver(fit).observe(document.body);
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
  if (root.dataset.page === "stage") fill(document.querySelector(".scrub-mount"));
});

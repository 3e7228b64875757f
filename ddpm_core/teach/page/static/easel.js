// A box to type into.  The page wishes (n, text, words left out, seed), the kernel sends each state as a PNG.

const PATIENCE = 5000; // ms without an answer before the page says that Python may not be there

function row(model, name, words) {
  const picture = element("img", { class: "easel-row", alt: words, hidden: "" });
  let address = null;
  const show = () => {
    const bytes = model.get(name);
    picture.hidden = !bytes || !bytes.byteLength;
    if (picture.hidden) return;
    if (address) URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    picture.src = address;
  };
  model.on(`change:${name}`, show);
  show();
  return picture;
}

function render({ model, el }) {
  const root = element("div", { class: "scrub easel" });
  const text = element("input", { type: "text", class: "easel-text", "aria-label": "What to draw", spellcheck: "false" });
  const go = element("button", { type: "submit", class: "easel-go" }, "Draw");
  const other = element("button", { type: "button", class: "easel-other" }, "Other noise");
  const form = element("form", { class: "easel-form" }, text, go, other);
  const chips = element("div", { class: "easel-chips", role: "group", "aria-label": "Words: press one to leave it out" });
  const said = element("p", { class: "easel-said", role: "status", "aria-live": "polite" });
  const full = row(model, "full", "Four pictures to all words");
  const gap = element("p", { class: "easel-less" });
  const less = row(model, "less", "Four pictures from the same noise, with words left out");
  let dropped = [];
  let seed = 0;
  let timer = null;

  const words = () => model.get("told").words ?? [];
  const wish = (left) => {
    dropped = left;
    const n = Math.max(model.get("wish").n ?? 0, model.get("told").n ?? 0) + 1;
    clearTimeout(timer);
    timer = setTimeout(() => (said.textContent = "No answer: drawing needs a kernel. Run this cell in JupyterLab."), PATIENCE);
    model.set("wish", { n, text: text.value, dropped, seed });
    model.save_changes();
  };
  const draw = () => {
    chips.replaceChildren(
      ...words().map((word, k) => {
        const out = dropped.includes(k);
        const chip = element("button", { type: "button", class: "easel-chip", "aria-pressed": String(out) }, word);
        chip.title = out ? "take it back" : "leave this word out";
        chip.addEventListener("click", () => wish(out ? [] : [k]));
        return chip;
      }),
    );
    const out = dropped.map((k) => words()[k]).join(", ");
    gap.textContent = out && !less.hidden ? `The same noise, without “${out}”:` : "";
  };
  const answered = () => {
    const told = model.get("told");
    clearTimeout(timer);
    dropped = told.dropped ?? [];
    if (told.text !== undefined && document.activeElement !== text) text.value = told.text;
    said.textContent = told.said ?? "";
    root.dataset.over = told.over ? told.n : "";
    draw();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    wish([]);
  });
  other.addEventListener("click", () => {
    seed += 1;
    wish([]);
  });
  text.addEventListener("keydown", (event) => event.stopPropagation()); // JupyterLab has shortcuts
  model.on("change:told", answered);
  model.on("change:less", draw);
  text.value = model.get("told").text ?? words().join(" ");
  root.append(form, chips, full, gap, less, said);
  el.append(root);
  draw();
  if (!model.get("wish").n) wish([]); // the first text plays when it is first seen
  root.dataset.ready = "";
}

export default { render };

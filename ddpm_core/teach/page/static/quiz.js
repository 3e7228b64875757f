// A question with native form controls.  The page asks (n, and the answer), Python tells (the same n, and a verdict).

const PAUSE = 500; // ms after the last key, until what is typed is kept
const PATIENCE = 5000; // ms without a verdict before the page says that Python may not be there

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "html") node.innerHTML = value; // made and escaped in Python
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function head(view, id) {
  const legend = element("legend", {}, element("span", { class: "id" }, view.id), " ", element("b", { html: view.title }));
  return [legend, element("div", { class: "prompt", id: `${id}-prompt`, html: view.prompt })];
}

function choice(view, id) {
  const options = element("div", { class: "options" });
  view.options.forEach(([key, html], k) => {
    const input = element("input", { type: "radio", name: id, value: key, id: `${id}-${k}` });
    if (html.includes("<math")) input.setAttribute("aria-label", element("div", { html }).textContent); // which a label's name leaves out
    options.append(
      element("label", { for: `${id}-${k}` }, input, element("kbd", { "aria-hidden": "true" }, key), element("div", { html })),
    );
  });
  const inputs = [...options.querySelectorAll("input")];
  return {
    body: [element("fieldset", { "aria-describedby": `${id}-prompt` }, ...head(view, id), options)],
    ready: () => inputs.some((input) => input.checked),
    answer: () => ({ choice: inputs.find((input) => input.checked)?.value ?? null }),
    restore: (asked) => inputs.forEach((input) => (input.checked = input.value === asked.choice)),
    key: (key) => {
      const input = inputs.find((each) => each.value === key) ?? inputs[Number(key) - 1];
      if (!input) return false;
      input.checked = true;
      input.focus();
      return true;
    },
    wanted: "Choose one first.",
  };
}

// A number or a formula, typed.  The question stands above.
function typed(view, id) {
  const name = view.kind === "number" ? "number" : "formula";
  const text = element("input", { type: "text", id, autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  const label = element("label", { for: id, class: "typed" }, element("span", { class: "id" }, view.id), ` Your ${name}`);
  return {
    body: [label, text],
    ready: () => text.value.trim() !== "",
    answer: () => ({ text: text.value }),
    restore: (asked) => (text.value = asked.text ?? ""),
    key: () => false,
    wanted: "Write an answer first.",
  };
}

function prose(view, id) {
  const text = element("textarea", { rows: 4, "aria-label": `Your answer to ${view.id}`, placeholder: "In your own words…" });
  const reveal = element("button", { type: "button", class: "reveal" }, "Compare with the rubric");
  const marks = element("fieldset", { class: "rubric", hidden: "" }, element("legend", {}, "Tick what your answer really says"));
  view.rubric.forEach((html, k) => {
    const input = element("input", { type: "checkbox", id: `${id}-${k}` });
    marks.append(element("label", { for: `${id}-${k}` }, input, element("div", { html })));
  });
  const inputs = [...marks.querySelectorAll("input")];
  const open = () => {
    marks.hidden = false;
    reveal.hidden = true;
    inputs[0]?.focus();
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const written = () => text.value.trim() !== "";
  reveal.disabled = true;
  text.addEventListener("input", () => (reveal.disabled = !written()));
  reveal.addEventListener("click", open);
  const question = element("fieldset", { "aria-describedby": `${id}-prompt` }, ...head(view, id), text);
  return {
    body: [question, reveal, marks],
    ready: () => written() && !marks.hidden,
    hidden: () => marks.hidden,
    opens: () => written() && marks.hidden,
    open,
    answer: () => ({ text: text.value, marks: inputs.map((input) => input.checked) }),
    draft: () => ({ text: text.value, marks: marks.hidden ? null : inputs.map((input) => input.checked) }),
    restore: (asked) => {
      text.value = asked.text ?? "";
      inputs.forEach((input, k) => (input.checked = asked.marks?.[k] ?? false));
      marks.hidden = !asked.marks;
      reveal.hidden = !marks.hidden;
      reveal.disabled = !written();
    },
    key: () => false,
    wanted: "Write an answer first.",
  };
}

function render({ model, el }) {
  const view = model.get("view");
  // Every widget loads this file anew, so no counter here is the page's: ids are drawn.
  const part = ({ choice, prose }[view.kind] ?? typed)(view, `ddpm-quiz-${Math.random().toString(36).slice(2)}`);
  const check = element("button", { type: "submit", class: "check" }, "Check");
  const hint = element("button", { type: "button", class: "hint" });
  const hints = element("ol", { class: "hints", "aria-live": "polite" });
  const result = element("div", { class: "result", role: "status", "aria-live": "polite" });
  const form = element("form", { class: `ddpm-quiz ${view.kind}`, novalidate: "" }, ...part.body);
  const solve = element("button", { type: "button", class: "hint solve", "aria-expanded": "false", hidden: "" }, "Solution");
  const solution = element("div", { class: "solution", hidden: "", html: view.solution ?? "" });
  form.append(element("div", { class: "actions" }, check, hint, solve), hints, result, solution);
  let timer = null;
  let typing = null;

  const keep = () => {
    if (typing === null) return;
    clearTimeout(typing);
    typing = null;
    model.set("draft", part.draft());
    model.save_changes();
  };
  // JupyterLab's own typesetter where it lends it; the MathML that came from Python elsewhere.
  const typeset = (node) => {
    const typesetter = model.widget_manager?.rendermime?.latexTypesetter;
    if (!typesetter) return;
    for (const span of node.querySelectorAll(".tex")) span.textContent = span.dataset.tex;
    typesetter.typeset(node);
  };
  const say = (outcome, text, html = "", tally = "") => {
    result.className = `result ${outcome}`;
    result.replaceChildren(element("b", {}, text), element("div", { html }));
    if (tally) result.append(element("small", {}, tally));
    typeset(result);
  };
  const left = () => {
    const rest = view.hints.length - hints.children.length;
    hint.hidden = rest === 0;
    hint.textContent = hints.children.length ? `Another hint (${rest})` : "Hint";
    if (view.solution && hint.hidden) solve.hidden = false; // after the hints, or after a first answer
  };
  solve.addEventListener("click", () => {
    solution.hidden = !solution.hidden;
    solve.setAttribute("aria-expanded", String(!solution.hidden));
  });
  hint.addEventListener("click", () => {
    const item = element("li", { html: view.hints[hints.children.length] });
    hints.append(item);
    typeset(item);
    left();
    if (hint.hidden) (solve.hidden ? check : solve).focus();
  });
  const able = () => {
    check.disabled = !part.ready();
    check.hidden = part.hidden?.() ?? false;
  };
  const changed = () => {
    clearTimeout(timer);
    result.className = "result";
    result.replaceChildren();
    able();
  };
  const submit = () => {
    if (part.opens?.()) return part.open();
    if (!part.ready()) return say("wait", part.wanted);
    clearTimeout(timer);
    say("wait", "Checking…");
    timer = setTimeout(() => say("wait", "No word from Python. Run the cell above first; if it is running, wait for it."), PATIENCE);
    clearTimeout(typing);
    typing = null;
    model.set("draft", {});
    model.set("asked", { n: (model.get("asked").n ?? 0) + 1, ...part.answer() });
    model.save_changes();
  };
  const tell = () => {
    const told = model.get("told");
    if (told.outcome === undefined || told.n < (model.get("asked").n ?? 0)) return;
    clearTimeout(timer);
    say(told.outcome.toLowerCase(), told.head, told.html, told.tally);
    if (view.solution && told.outcome !== "WAIT") solve.hidden = false;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("input", changed);
  if (part.draft) {
    form.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(keep, PAUSE);
    });
    form.addEventListener("focusout", keep);
    window.addEventListener("pagehide", keep);
  }
  // JupyterLab would take arrows, letters and Enter for its own; Ctrl and Alt stay with it, Escape leads back to it.
  form.addEventListener("keydown", (event) => {
    const typing = event.target.matches("textarea, [type=text]");
    const control = event.ctrlKey || event.metaKey;
    if (event.key === "Escape" || event.altKey || (control && event.key !== "Enter")) return;
    event.stopPropagation();
    const lines = event.target.tagName === "TEXTAREA"; // where Enter is a letter
    if (event.key === "Enter" && (control || (!lines && event.target.type !== "button"))) {
      event.preventDefault();
      submit();
    } else if (!typing && !event.shiftKey && part.key(event.key)) {
      event.preventDefault();
      changed();
    }
  });

  const written = model.get("draft") ?? {};
  const asked = "text" in written ? written : model.get("asked");
  if (Object.keys(asked).length) part.restore(asked);
  able();
  left();
  tell();
  model.on("change:told", tell);
  el.append(form);
  typeset(form);
  return () => {
    keep();
    window.removeEventListener("pagehide", keep);
    clearTimeout(timer);
    model.off("change:told", tell);
  };
}

export default { render };

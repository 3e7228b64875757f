// shape_posterior: what x_0 says of x_{t-1}, what x_t says of it, and their product, the posterior.

const SVG = "http://www.w3.org/2000/svg";
const drawn = (name, attributes, text = "") => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

// The same arithmetic as ddpm_core.process, for one step: two guesses [mean, variance], and both together.
function guesses(signal, noise, x0, xt, t) {
  const scale = signal[t] / signal[t - 1];
  const beta = noise[t] ** 2 - scale ** 2 * noise[t - 1] ** 2;
  const known = [signal[t - 1] * x0, noise[t - 1] ** 2];
  const told = [xt / scale, beta / scale ** 2];
  const precision = 1 / known[1] + 1 / told[1];
  return [known, told, [(known[0] / known[1] + told[0] / told[1]) / precision, 1 / precision]];
}

const peak = (variance) => 1 / Math.sqrt(2 * Math.PI * variance);
const density = (x, [mean, variance]) => peak(variance) * Math.exp(-((x - mean) ** 2) / (2 * variance));
const rounded = (x) => Math.round(20 * x) / 20;
const minus = (x, digits) => x.toFixed(digits).replace("-", "−");

function render({ model, el }) {
  const [signal, noise, [lowest, highest]] = ["signal", "noise", "ends"].map((name) => model.get(name));
  const T = signal.length - 1;
  const steps = Array.from({ length: T - 1 }, (_, k) => k + 2);
  const tall = 230;
  const [top, bottom] = [10, 26];
  const NAMES = ["known", "told", "both"];

  // One scale for all t, so that a narrow bell is seen to be high; all places that the two guesses reach.
  const corners = steps.flatMap((t) => [lowest, highest].flatMap((x) => guesses(signal, noise, x, x, t).slice(0, 2)));
  const low = Math.min(...corners.map(([mean]) => mean)) - 0.7;
  const high = Math.max(...corners.map(([mean]) => mean)) + 0.7;
  const summit = 1.06 * Math.max(...steps.map((t) => peak(guesses(signal, noise, 0, 0, t)[2][1])));

  const root = element("div", { class: "scrub bells", role: "group", "aria-label": "shape the posterior" });
  const svg = drawn("svg", { class: "bells-plot", height: tall, role: "img" });
  const axis = drawn("line", { class: "scrub-rule" });
  const ticks = Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, k) => Math.ceil(low) + k);
  const labels = ticks.map((value) => drawn("text", { "text-anchor": "middle" }, String(value).replace("-", "−")));
  const curves = NAMES.map((name) => drawn("path", { class: `bells-curve bells-${name}` }));
  const grips = NAMES.slice(0, 2).map((name) => drawn("circle", { class: `bells-grip bells-${name}`, r: 7 }));
  svg.append(axis, ...labels, curves[2], curves[0], curves[1], ...grips);
  let width = 0;
  let bells = [];
  const X = (x) => ((x - low) / (high - low)) * width;
  const Y = (p) => tall - bottom - (tall - top - bottom) * (p / summit);

  const set = (trait, value) => {
    if (model.get(trait) === value) return;
    model.set(trait, value);
    model.save_changes();
  };
  const knob = (trait, letter, below, name) => {
    const input = element("input", { type: "range", min: lowest, max: highest, step: 0.05, "aria-label": name });
    const value = element("output");
    const index = document.createTextNode(below);
    const label = element("label", { class: "scrub-knob" });
    label.append(element("span", {}, element("i", {}, letter, element("sub", {}, index)), " = ", value), input);
    input.addEventListener("input", () => set(trait, rounded(input.valueAsNumber)));
    return {
      label,
      show(v, at) {
        if (rounded(input.valueAsNumber) !== v) input.value = v;
        input.style.setProperty("--done", (v - lowest) / (highest - lowest));
        index.data = at;
        value.textContent = minus(v, 2);
        input.setAttribute("aria-valuetext", minus(v, 2));
      },
    };
  };
  const start = knob("x0", "x", "0", "x 0, where the walk began");
  const seen = knob("xt", "x", "t", "x t, where it is now");
  const group = `bells-${Math.random()}`;
  const choices = steps.map((t) => {
    const input = element("input", { type: "radio", name: group, value: t });
    input.addEventListener("change", () => set("t", t));
    return { t, input, label: element("label", {}, input, element("span", {}, element("i", {}, "t"), ` = ${t}`)) };
  });
  const choice = element("div", { class: "scrub-choice", role: "radiogroup", "aria-label": "the step t" }, ...choices.map((c) => c.label));
  const said = NAMES.map((name) => {
    const text = element("span");
    return { text, line: element("span", { class: `bells-says bells-${name}` }, element("i", { class: "bells-dot" }), text) };
  });

  const draw = () => {
    const [x0, xt, t] = ["x0", "xt", "t"].map((name) => model.get(name));
    bells = guesses(signal, noise, x0, xt, t);
    root.bells = bells;
    start.show(x0, 0);
    seen.show(xt, t);
    for (const c of choices) c.input.checked = c.t === t;
    bells.forEach((bell, i) => {
      let d = "";
      for (let px = 0; px <= width; px += 2) d += `${px ? "L" : "M"}${px} ${Y(density(low + (px / width) * (high - low), bell)).toFixed(1)}`;
      curves[i].setAttribute("d", d);
      const [mean, variance] = bell;
      const who = [[symbol("x", "0"), " says "], [symbol("x", String(t)), " says "], ["both: "]][i];
      said[i].text.replaceChildren(...who, `N(${minus(mean, 3)}, ${minus(variance, 3)})`);
      grips[i]?.setAttribute("cx", X(mean));
      grips[i]?.setAttribute("cy", Y(peak(variance)));
    });
    svg.setAttribute("aria-label", `three bells over x ${t - 1}: ${said.map(({ text }) => text.textContent).join("; ")}`);
    root.dataset.t = t;
  };

  // On the picture the hand takes the nearer of the two guesses, and moves x_0 or x_t with it.
  let held = null;
  const place = (event) => {
    const { left, width: across } = svg.getBoundingClientRect();
    return low + ((event.clientX - left) / across) * (high - low);
  };
  svg.addEventListener("pointerdown", (event) => {
    const x = place(event);
    const i = Math.abs(x - bells[0][0]) <= Math.abs(x - bells[1][0]) ? 0 : 1;
    const t = model.get("t");
    held = { trait: ["x0", "xt"][i], scale: [signal[t - 1], signal[t - 1] / signal[t]][i], off: bells[i][0] - x };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (held) set(held.trait, clamp(rounded((place(event) + held.off) / held.scale), lowest, highest));
  });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (held = null));
  // JupyterLab takes arrow keys and letters for itself unless they end here.
  root.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && !SWALLOWED.has(event.key)) event.stopPropagation();
  });

  root.append(
    svg,
    element("div", { class: "bells-told-by" }, ...said.map(({ line }) => line)),
    element("div", { class: "bells-hand" }, start.label, seen.label, choice),
  );
  el.append(root);
  const resize = (to) => {
    width = to;
    svg.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    for (const [key, value] of Object.entries({ x1: 0, x2: width, y1: Y(0), y2: Y(0) })) axis.setAttribute(key, value);
    labels.forEach((label, i) => {
      label.setAttribute("x", X(ticks[i]));
      label.setAttribute("y", tall - 8);
    });
    draw();
  };
  resize(600);
  root.dataset.ready = "true";
  model.on("change:x0 change:xt change:t", draw);
  const unwatch = onWidth(root, resize);
  return () => {
    unwatch();
    model.off("change:x0 change:xt change:t", draw);
  };
}

export default { render };

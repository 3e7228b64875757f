// shape_schedule: pull at beta_1, beta_T, T or the kind; abar, SNR and x_t follow, computed here.

// abar (T+1,), the same formulas in the same order as ddpm_core.schedule.
function cumulate(T, beta) {
  const abar = new Float64Array(T + 1);
  abar[0] = 1;
  for (let t = 1; t <= T; t++) abar[t] = abar[t - 1] * (1 - beta(t));
  return abar;
}

function linear(T, low, high) {
  const step = T > 1 ? (high - low) / (T - 1) : 0;
  return cumulate(T, (t) => (t - 1 < T / 2 ? low + step * (t - 1) : high - step * (T - t)));
}

function cosine(T, offset = 0.008, highest = 0.999) {
  const f = (t) => Math.cos((((t / T + offset) / (1 + offset)) * Math.PI) / 2) ** 2;
  return cumulate(T, (t) => Math.min(1 - f(t) / f(t - 1), highest));
}

const snr = (abar) => abar.map((a) => a / (1 - a));
const neat = (x) => (x >= 1e-4 || x === 0 ? String(+x.toPrecision(3)) : (+x.toPrecision(3)).toExponential().replace("-", "−"));

const SVG = "http://www.w3.org/2000/svg";
const drawn = (name, attributes, text = "") => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

// A curve over t = 0..T with a mark at one t.  y(value) in 0..1 from bottom to top; ticks: [[value, label]];
// ghosts: tables over the same axis, drawn thin to compare with.
function plot(name, y, ticks, ghosts) {
  const height = 168;
  const [left, right, top, bottom] = [36, 10, 8, 20];
  const svg = drawn("svg", { class: "scrub-plot", height, role: "img", "aria-label": `curve of ${name}` });
  const clip = `curve-${Math.random().toString(36).slice(2)}`; // its own on the page
  const window = drawn("rect", { x: left, y: top - 2, height: height - top - bottom + 4 });
  const frame = drawn("clipPath", { id: clip });
  frame.append(window);
  const title = drawn("text", { class: "scrub-plot-title", "text-anchor": "end" }, name);
  const rules = ticks.map(([, label]) => [drawn("line", { class: "scrub-rule" }), drawn("text", { "text-anchor": "end" }, label)]);
  const zero = drawn("text", {}, "t = 0");
  const pale = ghosts.map((_, i) => drawn("path", { class: `scrub-ghost scrub-ghost-${i}`, "clip-path": `url(#${clip})` }));
  const end = drawn("text", { "text-anchor": "end" });
  const curve = drawn("path", { class: "scrub-curve", "clip-path": `url(#${clip})` });
  const mark = drawn("line", { class: "scrub-mark", y1: top, y2: height - bottom });
  const dot = drawn("circle", { class: "scrub-dot", r: 4.5 });
  svg.append(frame, ...rules.flat(), title, zero, end, ...pale, curve, mark, dot);
  let width = 0;
  let values = [];
  const X = (t, T = values.length - 1) => left + ((width - left - right) * t) / T;
  // What lies above or below the picture is drawn outside of it, as far as numbers go, and cut off.
  const Y = (v) => top + (height - top - bottom) * (1 - clamp(y(v), -20, 20));
  const inside = (v) => y(v) >= 0 && y(v) <= 1;
  const path = (table) => {
    const T = table.length - 1;
    const points = Math.min(T, 240);
    let d = "";
    for (let i = 0; i <= points; i++) {
      const t = Math.round((T * i) / points);
      d += `${i ? "L" : "M"}${X(t, T).toFixed(1)} ${Y(table[t]).toFixed(1)}`;
    }
    return d;
  };
  return {
    svg,
    resize(to) {
      width = to;
      svg.setAttribute("width", width);
      window.setAttribute("width", width - left - right);
      ticks.forEach(([v], i) => {
        const [rule, label] = rules[i];
        for (const [key, value] of Object.entries({ x1: left, x2: width - right, y1: Y(v), y2: Y(v) })) rule.setAttribute(key, value);
        label.setAttribute("x", left - 6);
        label.setAttribute("y", Y(v) + 4);
      });
      for (const [label, x, at] of [[zero, left, height - 5], [end, width - right, height - 5], [title, width - right - 6, top + 16]]) {
        label.setAttribute("x", x);
        label.setAttribute("y", at);
      }
    },
    trace(all) {
      values = all;
      const T = values.length - 1;
      end.textContent = `T = ${T}`;
      curve.setAttribute("d", path(values));
      ghosts.forEach((table, i) => pale[i].setAttribute("d", path(table)));
    },
    point(t) {
      mark.setAttribute("x1", X(t));
      mark.setAttribute("x2", X(t));
      dot.setAttribute("cx", X(t));
      dot.setAttribute("cy", Y(values[t]));
      dot.style.display = inside(values[t]) ? "" : "none";
    },
  };
}

function render({ model, el }) {
  const [, h, w, c] = model.get("shape");
  const x0 = halves(model.get("x0")); // (1, h, w, c)
  const eps = halves(model.get("eps"));
  const columns = 11;
  const bounds = model.get("bounds");
  const size = h * w * c;

  const root = element("div", { class: "scrub scrub-shape", role: "group", "aria-label": "shape the noise schedule" });
  let abar, ratios, shares;

  const kinds = ["linear", "cosine"].map((kind) => {
    const input = element("input", { type: "radio", name: `kind-${Math.random()}`, value: kind });
    return { kind, input, label: element("label", {}, input, element("span", {}, kind)) };
  });
  for (const { input } of kinds) input.name = kinds[0].input.name;
  const choice = element("div", { class: "scrub-choice", role: "radiogroup", "aria-label": "kind of schedule" }, ...kinds.map((k) => k.label));

  // A slider for a trait; `at` and `of` turn its position into the trait's value and back.
  const knob = (trait, letter, below, name, steps, at, of) => {
    const input = element("input", { type: "range", min: 0, max: steps, step: 1, "aria-label": name });
    const value = element("output");
    const label = element("label", { class: "scrub-knob" });
    label.append(element("span", {}, symbol(letter, below), " = ", value), input);
    input.addEventListener("input", () => set(trait, at(input.valueAsNumber)));
    return {
      label,
      show(v, free) {
        const position = clamp(Math.round(of(v)), 0, steps);
        if (at(input.valueAsNumber) !== v) input.value = position;
        input.disabled = !free;
        input.style.setProperty("--done", input.valueAsNumber / steps);
        value.textContent = neat(v);
        input.setAttribute("aria-valuetext", free ? neat(v) : `${neat(v)}, follows from the cosine`);
        label.classList.toggle("scrub-fixed", !free);
      },
    };
  };
  const logarithmic = ([low, high], steps) => [
    (k) => +(low * (high / low) ** (k / steps)).toPrecision(3),
    (v) => (steps * Math.log(v / low)) / Math.log(high / low),
  ];
  const first = knob("beta_min", "β", "1", "beta 1, the first step's noise", 200, ...logarithmic(bounds.beta_min, 200));
  const final = knob("beta_max", "β", "T", "beta T, the last step's noise", 200, ...logarithmic(bounds.beta_max, 200));
  const [few, many] = bounds.T;
  const number = knob("T", "T", "", "T, the number of steps", (many - few) / 10, (k) => few + 10 * k, (v) => (v - few) / 10);

  const usual = [linear(1000, 1e-4, 0.02), cosine(1000)];
  const curves = [
    plot("ᾱ", (v) => v, [[0, "0"], [0.5, "½"], [1, "1"]], usual),
    plot("SNR", (v) => (Math.log10(v) + 8) / 14, [[1e-8, "10⁻⁸"], [1e-4, "10⁻⁴"], [1, "1"], [1e4, "10⁴"]], usual.map(snr)),
  ];
  const note = element("div", { class: "scrub-note" }, "Thin, to compare with: linear from 0.0001 to 0.02 (dotted) and cosine (dashed), each with T = 1000.");
  const picture = sheet(1, h, w, c, 1, "the picture at noise level t");
  const strip = sheet(columns, h, w, c, columns, "the picture at eleven levels from 0 to T");
  const levels = Array.from({ length: columns }, () => 0);
  const heads = levels.map(() => element("span"));
  const below = element("div", { class: "scrub-heads", "aria-hidden": "true" }, ...heads);
  below.style.columnGap = `${100 / strip.canvas.width}%`;
  const time = document.createTextNode("");
  const rest = document.createTextNode("");
  const formula = mixture();

  const mix = (t, i) => grey(Math.sqrt(abar[t]) * x0[i] + Math.sqrt(1 - abar[t]) * eps[i]);
  let now = 0;
  const atNow = (i) => mix(now, i);
  const atLevel = (i) => mix(levels[Math.floor(i / size)], i % size);

  const draw = (t) => {
    now = t;
    picture.draw(atNow);
    for (const curve of curves) curve.point(t);
    picture.canvas.dataset.t = t;
    time.data = t;
    rest.data = ` of ${abar.length - 1}`;
    formula.write(Math.sqrt(abar[t]), Math.sqrt(1 - abar[t]));
    ratio.textContent = `SNR ${t ? neat(ratios[t]) : "∞"}`;
  };
  const ratio = element("span", { class: "scrub-ratio" });
  const controls = player(root, {
    last: model.get("T"),
    name: "noise level t",
    describe: (t) => amounts(t, Math.sqrt(abar[t]), Math.sqrt(1 - abar[t])),
    seconds: () => clamp((abar.length - 1) / 12, 3, 8),
    pace: () => shares,
    moved(t) {
      draw(t);
      model.set("t", t);
      model.save_changes();
    },
  });

  for (const part of [picture.canvas, strip.canvas, ...curves.map((curve) => curve.svg)]) controls.drag(part);

  // The whole picture again, from the model's kind, betas, T and t.
  const reshape = () => {
    const kind = model.get("kind");
    const T = model.get("T");
    abar = kind === "cosine" ? cosine(T) : linear(T, model.get("beta_min"), model.get("beta_max"));
    ratios = snr(abar);
    shares = paced(ratios.map(Math.log));
    root.abar = abar;
    root.snr = ratios;
    for (const k of kinds) k.input.checked = k.kind === kind;
    const free = kind === "linear";
    first.show(free ? model.get("beta_min") : 1 - abar[1], free);
    final.show(free ? model.get("beta_max") : 1 - abar[T] / abar[T - 1], free);
    number.show(T, true);
    curves[0].trace(abar);
    curves[1].trace(ratios);
    for (let k = 0; k < columns; k++) {
      levels[k] = Math.round((T * k) / (columns - 1));
      heads[k].textContent = levels[k];
    }
    strip.draw(atLevel);
    strip.canvas.dataset.times = levels.join(" ");
    controls.resize(T);
    const t = Math.min(model.get("t"), T);
    controls.place(t);
    draw(t);
  };
  const set = (trait, value) => {
    controls.stop();
    controls.take();
    if (model.get(trait) === value) return;
    if (trait === "T") model.set("t", Math.round((model.get("t") * value) / model.get("T")));
    model.set(trait, value);
    model.save_changes();
  };
  for (const { kind, input } of kinds) input.addEventListener("change", () => set("kind", kind));

  const clock = element("span", { class: "scrub-clock" }, element("i", {}, "t"), " = ");
  const whole = element("small");
  whole.append(rest);
  clock.append(time, whole);
  root.append(
    element("div", { class: "scrub-knobs" }, choice, first.label, final.label, number.label),
    element("div", { class: "scrub-plots" }, curves[0].svg, curves[1].svg, element("div", { class: "scrub-now" }, picture.canvas)),
    note,
    element("div", { class: "scrub-strip" }, strip.canvas, below),
    controls.bar,
    element("div", { class: "scrub-caption" }, clock, formula.line, ratio),
  );
  el.append(root);
  curves.forEach((curve) => curve.resize(300));
  reshape();
  picture.canvas.dataset.ready = strip.canvas.dataset.ready = "true";
  const follow = () => {
    if (model.get("t") === controls.k || model.get("t") >= abar.length) return;
    controls.place(model.get("t"));
    draw(controls.k);
  };
  model.on("change:kind change:beta_min change:beta_max change:T", reshape);
  model.on("change:t", follow);
  const unwatch = onWidth(root, (room) => {
    const beside = room < 640 ? 0 : 152 + 16; // on a narrow screen the picture stands below the curves
    picture.fit(152, 152);
    strip.fit(room, 120);
    for (const curve of curves) curve.resize(Math.floor((room - beside - 16) / 2));
    reshape();
  });
  return () => {
    controls.stop();
    unwatch();
    model.off("change:kind change:beta_min change:beta_max change:T", reshape);
    model.off("change:t", follow);
  };
}

export default { render };

// watch_fault: particles on their way from x_T to x_0, by the right sampler and by a faulty one.

const EDGE = 3;
const BINS = 60;
const PATHS = 40;
const HEIGHT = 230;
const SVG = "http://www.w3.org/2000/svg";
const drawn = (name, attributes, text = "") => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};

const OVERFLOWN = 65504; // the largest float16; what lies beyond arrives as more, whatever it was

// A share in percent: 0 says none, and 100 all.
const percent = (count, n) => {
  const share = Math.round((100 * count) / n);
  if (share === 0 && count > 0) return "under 1 %";
  return share === 100 && count < n ? "over 99 %" : `${share} %`;
};

// What the particles at one frame look like, in words.
function words(x) {
  const count = (holds) => x.filter(holds).length;
  const beyond = count((v) => !(Math.abs(v) <= EDGE));
  if (beyond === x.length) return `all beyond ±${EDGE}`;
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  const std = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length);
  const overflown = x.some((v) => !(Math.abs(v) <= OVERFLOWN));
  return [
    `below 0: ${percent(count((v) => v < 0), x.length)}`,
    `standard deviation: ${overflown ? "huge" : std.toFixed(2)}`,
    ...(beyond ? [`beyond ±${EDGE}: ${percent(beyond, x.length)}`] : []),
  ].join(" · ");
}

// Paths over the frames at the left, a histogram of the present frame at the right, on one axis of x.
function panel(kind, name, typeset) {
  const [left, top, bottom] = [22, 6, 20];
  const svg = drawn("svg", { class: "errata-plot", height: HEIGHT, role: "img", "aria-label": name });
  const rules = [-1, 0, 1].map((x) => [drawn("line", { class: "scrub-rule" }), drawn("text", { "text-anchor": "end" }, x < 0 ? `−${-x}` : x)]);
  const begin = drawn("text", {}, "");
  const end = drawn("text", { "text-anchor": "end" }, "0");
  const ahead = drawn("path", { class: "errata-path errata-ahead" });
  const trail = drawn("path", { class: "errata-path" });
  const mark = drawn("line", { class: "scrub-mark", y1: top, y2: HEIGHT - bottom });
  const dots = drawn("path", { class: "errata-dots" });
  const bars = drawn("path", { class: "errata-bars" });
  svg.append(...rules.flat(), begin, end, ahead, trail, mark, dots, bars);
  const head = element("div", { class: "errata-head" });
  const formula = element("div", { class: "errata-formula" });
  const says = element("div", { class: "errata-words" });
  let [across, wide, walk, n, last] = [0, 0, null, 0, 0];
  const X = (k) => left + (across * k) / last;
  const Y = (x) => top + ((HEIGHT - top - bottom) * (EDGE - clamp(x, -EDGE, EDGE))) / (2 * EDGE);
  const paths = (from, to) => {
    let d = "";
    for (let i = 0; i < Math.min(PATHS, n); i++)
      for (let k = from; k <= to; k++) {
        const x = walk[k * n + i];
        d += `${k > from ? "L" : "M"}${X(k).toFixed(1)} ${Y(x).toFixed(1)}`;
      }
    return d;
  };
  return {
    svg,
    figure: element("div", { class: `errata-panel errata-${kind}` }, head, formula, svg, says),
    say(title, html) {
      head.textContent = title;
      formula.innerHTML = html; // made and escaped in Python
      typeset(formula);
    },
    load(numbers, particles, times) {
      [walk, n, last] = [numbers, particles, times.length - 1];
      begin.textContent = `t = ${times[0]}`;
    },
    resize(width) {
      svg.setAttribute("width", width);
      [across, wide] = [(width - left) * 0.7 - 4, (width - left) * 0.28];
      rules.forEach(([rule, label], i) => {
        for (const [key, value] of Object.entries({ x1: left, x2: width, y1: Y(i - 1), y2: Y(i - 1) })) rule.setAttribute(key, value);
        label.setAttribute("x", left - 5);
        label.setAttribute("y", Y(i - 1) + 4);
      });
      for (const [label, x] of [[begin, left], [end, left + across]]) {
        label.setAttribute("x", x);
        label.setAttribute("y", HEIGHT - 5);
      }
    },
    at(k) {
      const now = walk.subarray(k * n, (k + 1) * n);
      ahead.setAttribute("d", paths(k, last));
      trail.setAttribute("d", paths(0, k));
      mark.setAttribute("x1", X(k));
      mark.setAttribute("x2", X(k));
      let d = "";
      for (let i = 0; i < Math.min(PATHS, n); i++)
        if (Math.abs(now[i]) <= EDGE) d += `M${(X(k) - 1.6).toFixed(1)} ${Y(now[i]).toFixed(1)}a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0 -3.2 0`;
      dots.setAttribute("d", d);
      const counts = new Array(BINS).fill(0);
      for (const x of now) if (Math.abs(x) < EDGE) counts[Math.floor(((x + EDGE) / (2 * EDGE)) * BINS)]++;
      const most = Math.max(...counts, 1);
      const thick = (HEIGHT - top - bottom) / BINS;
      const base = left + across + 8;
      bars.setAttribute(
        "d",
        counts.map((c, j) => (c ? `M${base} ${(HEIGHT - bottom - j * thick).toFixed(1)}h${((wide * c) / most).toFixed(1)}v${-thick.toFixed(2)}h${(-(wide * c) / most).toFixed(1)}z` : "")).join(""),
      );
      const told = words(now);
      says.textContent = told;
      return told;
    },
  };
}

function render({ model, el }) {
  const times = model.get("times");
  const faults = model.get("faults");
  const [count, n] = model.get("shape");
  const last = count - 1;
  const shares = paced(model.get("log_snr"));
  const faulty = halves(model.get("faulty")); // (faults, frames, n)

  const root = element("div", { class: "scrub errata", role: "group", "aria-label": "watch a faulty sampler" });
  const select = element("select", { "aria-label": "fault" }, ...faults.map(([number, title]) => element("option", { value: number }, `${number} · ${title}`)));
  // JupyterLab's own typesetter where it lends it; the MathML that came from Python elsewhere.
  const typeset = (node) => {
    const typesetter = model.widget_manager?.rendermime?.latexTypesetter;
    if (!typesetter) return;
    for (const span of node.querySelectorAll(".tex")) span.textContent = span.dataset.tex.replace("$", "$\\displaystyle ");
    typesetter.typeset(node);
  };
  const one = panel("right", "particles of the right sampler", typeset);
  const other = panel("faulty", "particles of the faulty sampler", typeset);
  one.load(halves(model.get("right")), n, times);

  const time = document.createTextNode("");
  const draw = (k) => {
    one.at(k);
    const told = other.at(k);
    time.data = times[k];
    Object.assign(root.dataset, { t: times[k], fault: model.get("fault"), told });
  };
  const controls = player(root, {
    last,
    name: "the walk from noise to data",
    describe: (k) => `t = ${times[k]}`,
    seconds: () => 5,
    pace: () => shares,
    moved(k) {
      draw(k);
      model.set("t", times[k]);
      model.save_changes();
    },
  });
  for (const p of [one, other]) controls.drag(p.svg);
  const choose = () => {
    const i = faults.findIndex(([number]) => number === model.get("fault"));
    const [number, , printed, right] = faults[i];
    select.value = number;
    one.say("right", right);
    other.say(`${number}, as printed`, printed);
    other.load(faulty.subarray(i * count * n, (i + 1) * count * n), n, times);
    if (controls.k >= 0) draw(controls.k);
  };
  select.addEventListener("change", () => {
    model.set("fault", select.value);
    model.save_changes();
    choose();
  });
  select.addEventListener("keydown", (event) => {
    if (!SWALLOWED.has(event.key)) event.stopPropagation(); // its arrows choose a fault, and move no slider
  });
  const follow = () => {
    const k = times.indexOf(model.get("t"));
    if (k < 0 || k === controls.k) return;
    controls.place(k);
    draw(k);
  };

  const clock = element("span", { class: "scrub-clock" }, element("i", {}, "t"), " = ");
  clock.append(time);
  root.append(
    element("label", { class: "errata-pick" }, "Fault", select),
    element("div", { class: "errata-panels" }, one.figure, other.figure),
    controls.bar,
    element("div", { class: "scrub-caption" }, clock),
  );
  el.append(root);
  choose();
  for (const p of [one, other]) p.resize(300);
  follow();
  root.dataset.ready = "true";
  model.on("change:t", follow);
  model.on("change:fault", choose);
  const unwatch = onWidth(root, () => {
    for (const p of [one, other]) p.resize(p.figure.clientWidth);
    draw(controls.k);
  });
  return () => {
    controls.stop();
    unwatch();
    model.off("change:t", follow);
    model.off("change:fault", choose);
  };
}

export default { render };

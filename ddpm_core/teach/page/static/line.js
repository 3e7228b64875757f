// one_line: all pairs (x_0, eps) that give one x_t lie on a line, which turns with t; the truth and a guess on it.

const REACH = 2.7; // of both axes
const SIDE = 380; // the plane's size, in its own units
const FAR = 2; // how far from the foot the guess may lie
const RULERS = [["x", "0"], ["ε", ""], ["v", ""]];

const plane = (name, attributes, text = "") => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};
const X = (x) => (SIDE / 2) * (1 + x / REACH);
const Y = (e) => (SIDE / 2) * (1 - e / REACH);
const signed = (x) => x.toFixed(2).replace(/^-0\.00$/, "0.00").replace("-", "−");

function render({ model, el }) {
  const abar = doubles(model.get("abar")); // (T+1,)
  const xt = model.get("xt");
  const truth = model.get("truth");
  const last = abar.length - 1;
  const turned = abar.map((a) => Math.acos(Math.sqrt(a)) / (Math.PI / 2)); // 0 to 1: play turns the line evenly

  const root = element("div", { class: "scrub line", role: "group", "aria-label": "all pairs that give one x_t" });
  const python = teller(model, root);
  const svg = plane("svg", { class: "line-plane", viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": "the plane of x_0 and ε" });
  const strokes = (names) => names.map((name) => plane("line", { class: `line-${name}` }));
  const [all, foot, between, onX, onE, trueX, trueE, saidX, saidE] = strokes([
    "all", "foot", "error", "error line-thrown", "error line-thrown", "drop", "drop", "drop", "drop",
  ]);
  const dots = ["truth", "guess"].map((name) => plane("circle", { class: `line-${name}`, r: 7 }));
  const angle = plane("text", { class: "line-name", "text-anchor": "middle" }, "xₜ");
  svg.append(
    plane("line", { class: "scrub-rule", x1: 0, x2: SIDE, y1: Y(0), y2: Y(0) }),
    plane("line", { class: "scrub-rule", x1: X(0), x2: X(0), y1: 0, y2: SIDE }),
    plane("text", { class: "line-name", x: SIDE - 8, y: Y(0) - 8, "text-anchor": "end" }, "x₀"),
    plane("text", { class: "line-name", x: X(0) + 8, y: 16 }, "ε"),
    plane("circle", { class: "line-circle", cx: X(0), cy: Y(0), r: (Math.abs(xt) * SIDE) / 2 / REACH }),
    foot, all, trueX, trueE, saidX, saidE, onX, onE, between, angle, ...dots,
  );

  const cells = RULERS.map(() => [element("output"), element("output"), element("output")]);
  const table = element("div", { class: "line-table" }, ...["", "truth", "guess", "gap"].map((head) => element("span", { class: "line-head" }, head)));
  RULERS.forEach(([letter, below], k) => table.append(symbol(letter, below), ...cells[k]));
  const mover = element("input", { type: "range", min: -100 * FAR, max: 100 * FAR, step: 1, "aria-label": "the guess" });
  const knob = element("label", { class: "scrub-knob" }, "move the guess", mover);

  const put = (line, [x1, e1], [x2, e2]) => {
    for (const [key, value] of Object.entries({ x1: X(x1), y1: Y(e1), x2: X(x2), y2: Y(e2) })) line.setAttribute(key, value.toFixed(2));
  };
  let [a, b] = [1, 0];
  const point = (v) => [a * xt - b * v, b * xt + a * v]; // what x_t and v say of x_0 and ε
  const time = document.createTextNode("");
  const formula = mixture();
  const draw = (t) => {
    [a, b] = [Math.sqrt(abar[t]), Math.sqrt(1 - abar[t])];
    const guess = model.get("guess");
    const pair = [point(truth), point(guess)];
    const [[tx, te], [gx, ge]] = pair;
    put(all, point(-9), point(9));
    put(foot, [-9 * a, -9 * b], [9 * a, 9 * b]); // the axis along which x_t is measured
    put(between, ...pair);
    put(onX, [tx, 0], [gx, 0]);
    put(onE, [0, te], [0, ge]);
    put(trueX, [tx, te], [tx, 0]);
    put(trueE, [tx, te], [0, te]);
    put(saidX, [gx, ge], [gx, 0]);
    put(saidE, [gx, ge], [0, ge]);
    angle.setAttribute("x", X(0.55 * a * xt - 0.22 * b));
    angle.setAttribute("y", Y(0.55 * b * xt + 0.22 * a) + 5);
    dots.forEach((dot, k) => {
      dot.setAttribute("cx", X(pair[k][0]).toFixed(2));
      dot.setAttribute("cy", Y(pair[k][1]).toFixed(2));
    });
    const rows = [[tx, gx], [te, ge], [truth, guess]];
    rows.forEach(([is, said], k) => [is, said, Math.abs(said - is)].forEach((x, j) => (cells[k][j].textContent = signed(x))));
    mover.value = Math.round(100 * guess);
    mover.style.setProperty("--done", mover.valueAsNumber / 200 / FAR + 0.5);
    svg.dataset.t = t;
    time.data = t;
    formula.write(a, b);
  };
  const controls = player(root, {
    last,
    name: "noise level t",
    describe: (t) => amounts(t, Math.sqrt(abar[t]), Math.sqrt(1 - abar[t])),
    seconds: () => 8,
    pace: () => turned,
    moved(t) {
      draw(t);
      python.move(t);
    },
    left: python.tell,
  });
  const say = (guess) => {
    controls.stop();
    model.set("guess", clamp(Math.round(100 * guess) / 100, -FAR, FAR));
    draw(controls.k);
  };
  mover.addEventListener("input", () => say(mover.valueAsNumber / 100));
  mover.addEventListener("change", () => model.save_changes());
  const dragged = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (2 * (event.clientX - box.left) / box.width - 1) * REACH;
    const e = (1 - 2 * (event.clientY - box.top) / box.height) * REACH;
    say(a * e - b * x); // the foot of the hand's place on the line
  };
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    dragged(event);
    event.preventDefault();
  });
  svg.addEventListener("pointermove", (event) => svg.hasPointerCapture(event.pointerId) && dragged(event));
  svg.addEventListener("pointerup", () => model.save_changes());

  const follow = () => {
    controls.place(model.get("t"));
    draw(controls.k);
  };
  const clock = element("span", { class: "scrub-clock" }, element("i", {}, "t"), " = ");
  clock.append(time, element("small", {}, ` of ${last}`));
  const told = element("div", { class: "line-told" }, table, knob);
  root.append(
    element("div", { class: "line-panels" }, svg, told),
    controls.bar,
    element("div", { class: "scrub-caption" }, clock, formula.line),
  );
  el.append(root);
  follow();
  svg.dataset.ready = "true";
  model.on("change:t change:guess", follow);
  return () => {
    controls.stop();
    python.off();
    model.off("change:t change:guess", follow);
  };
}

export default { render };

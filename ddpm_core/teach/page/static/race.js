// step_race: candidates from p arrive row by row; the one with the smallest τ · p/q leads, and is a sample of q.

const SVG = "http://www.w3.org/2000/svg";
const FAR = 3; // of the axis, to both sides
const [WIDE, TALL, FOOT] = [380, 250, 34];
const HEADS = ["row", "arrives, τ", "candidate", "p/q", "τ · p/q"];

const drawn = (name, attributes, text = "") => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
};
const density = (x, [mean, variance]) => Math.exp(-((x - mean) ** 2) / 2 / variance) / Math.sqrt(2 * Math.PI * variance);
const minus = (x) => x.toFixed(Math.abs(x) < 100 ? 2 : 0).replace(/^-0\.00$/, "0.00").replace("-", "−");

// Who leads among the rows that have arrived, and whether a later row could still win.
function standing(rows, least) {
  let leader = -1;
  rows.forEach(([tau, , ratio], k) => {
    if (leader < 0 || tau * ratio < rows[leader][0] * rows[leader][2]) leader = k;
  });
  if (leader < 0) return { leader, over: false, until: Infinity };
  const until = (rows[leader][0] * rows[leader][2]) / least;
  return { leader, until, over: rows.at(-1)[0] >= until };
}

function render({ model, el }) {
  const races = model.get("races");
  const bells = model.get("bells");
  const least = model.get("least");
  const last = races[0].length;
  const summit = 1.08 * Math.max(...bells.map((bell) => density(bell[0], bell)));
  const X = (x) => (WIDE / 2) * (1 + Math.min(FAR, Math.max(-FAR, x)) / FAR);
  const Y = (y) => TALL - FOOT - (TALL - FOOT - 8) * (y / summit);

  const root = element("div", { class: "scrub race", role: "group", "aria-label": "a race for a sample of q" });
  const svg = drawn("svg", { class: "race-plot", viewBox: `0 0 ${WIDE} ${TALL}`, role: "img", "aria-label": "the densities p and q, and the candidates" });
  svg.append(drawn("line", { class: "scrub-rule", x1: 0, x2: WIDE, y1: Y(0), y2: Y(0) }));
  for (let x = -2; x <= 2; x++) svg.append(drawn("text", { x: X(x), y: TALL - 8, "text-anchor": "middle" }, String(x).replace("-", "−")));
  bells.forEach((bell, k) => {
    let d = "";
    for (let i = 0; i <= 240; i++) d += `${i ? "L" : "M"}${X((i / 120 - 1) * FAR).toFixed(1)} ${Y(density((i / 120 - 1) * FAR, bell)).toFixed(1)}`;
    const name = "qp"[k];
    svg.append(drawn("path", { class: `race-${name}`, d }));
    const [mean, variance] = bell;
    const side = mean + (k ? -1.2 : 0.9) * Math.sqrt(variance);
    svg.append(drawn("text", { class: `race-name race-name-${name}`, x: X(side) + (k ? -12 : 8), y: Y(density(side, bell)) - 4 }, name));
  });
  const dots = races[0].map(() => drawn("circle", { cy: Y(0), r: 6 }));
  svg.append(...dots);

  const lines = races[0].map(() => element("tr", {}, ...HEADS.map(() => element("td"))));
  const head = element("tr", {}, ...HEADS.map((name) => element("th", { scope: "col" }, name)));
  const table = element("table", { class: "race-table" }, element("thead", {}, head), element("tbody", {}, ...lines));
  const said = element("p", { class: "race-said", "aria-live": "polite" });
  const another = element("button", { type: "button", class: "race-another" }, "Another race");

  const draw = (row) => {
    const all = races[model.get("race")];
    const rows = all.slice(0, row);
    const { leader, until, over } = standing(rows, least);
    all.forEach(([tau, x, ratio], k) => {
      const here = k < row;
      const [number, ...values] = [...lines[k].children];
      number.textContent = k + 1;
      [tau, x, ratio, tau * ratio].forEach((value, i) => (values[i].textContent = here ? minus(value) : ""));
      lines[k].className = k === leader ? "race-leads" : k === row - 1 ? "race-new" : "";
      dots[k].setAttribute("cx", X(x).toFixed(2));
      dots[k].setAttribute("class", !here ? "race-hidden" : k === leader ? "race-leader" : "race-dot");
    });
    if (leader >= 0) svg.append(dots[leader]); // above the others
    said.textContent =
      leader < 0
        ? "No row has arrived yet. Press → or the button."
        : over
          ? `The race is over: row ${leader + 1} wins. No row that arrives after τ = ${minus(until)} can have a smaller product.`
          : `Row ${leader + 1} leads. A row can still win if it arrives before τ = ${minus(until)}.`;
    root.standing = { leader: leader + 1, over };
    root.dataset.row = row;
  };
  const controls = player(root, {
    last,
    name: "rows that have arrived",
    describe: (k) => `${k} of ${last} rows`,
    seconds: () => 0.9 * last,
    moved(k) {
      model.set("row", k);
      model.save_changes();
      draw(k);
    },
  });
  controls.drag(svg);
  another.addEventListener("click", () => {
    controls.stop();
    model.set("race", (model.get("race") + 1) % races.length);
    model.set("row", 0);
    model.save_changes();
  });
  const follow = () => {
    controls.place(model.get("row"));
    draw(controls.k);
  };
  root.append(
    element("div", { class: "race-panels" }, svg, table),
    element("div", { class: "race-hand" }, controls.bar, another),
    said,
  );
  el.append(root);
  follow();
  root.dataset.ready = "true";
  model.on("change:row change:race", follow);
  return () => {
    controls.stop();
    model.off("change:row change:race", follow);
  };
}

export default { render };

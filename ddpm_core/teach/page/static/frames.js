// scrub: the frames of a run, x_t, the estimate of x_0 and the step's noise side by side.

const GAP = 24; // between panels
const NARROW = 150; // pixels for a panel, under which a third one goes below

function render({ model, el }) {
  const [n, h, w, c] = model.get("shape");
  const times = model.get("times"); // one for each frame
  const last = times.length - 1;
  const shares = paced(model.get("log_snr"));
  const size = n * h * w * c;
  const columns = model.get("columns");

  const root = element("div", { class: "scrub", role: "group", "aria-label": "scrub the denoising" });
  const python = teller(model, root);
  const panel = (trait, letter, below, title) => {
    const all = bytes(model.get(trait)); // (frames, n, h, w, c); frames without one are left out in front
    const missing = last + 1 - all.length / size;
    const pictures = sheet(n, h, w, c, columns, title);
    const head = element("div", { class: "scrub-head" }, symbol(letter, below), title);
    const box = element("div", { class: "scrub-frame" }, pictures.canvas);
    let from = 0;
    const pixel = (i) => all[from + i];
    return {
      ...pictures,
      missing,
      head,
      figure: element("div", { class: "scrub-panel" }, head, box),
      at(k) {
        box.classList.toggle("scrub-none", k < missing);
        from = (k - missing) * size;
        if (k < missing) pictures.clear();
        else pictures.draw(pixel);
      },
    };
  };
  const panels = [
    panel("xt", "x", "t", "state"),
    panel("x0", "x̂", "0", "estimate"),
    panel("noise", "z", "", "noise of the step"),
  ].filter((p) => p.missing <= last);
  if (panels.length === 1) panels[0].head.remove(); // there is nothing to tell it from
  const { canvas } = panels[0];
  const time = document.createTextNode("");
  const step = document.createTextNode("");

  const draw = (k) => {
    for (const p of panels) p.at(k);
    canvas.dataset.t = times[k];
    time.data = times[k];
    step.data = words(k);
  };
  const words = (k) => {
    if (!k) return "the start";
    return `step ${k} of ${last}${times[k] ? "" : ", which adds no noise"}`;
  };
  const controls = player(root, {
    last,
    name: "step of the walk from noise to data",
    describe: (k) => `t = ${times[k]}: ${words(k)}`,
    seconds: () => clamp(last / 12, 3, 8),
    pace: () => shares,
    moved(k) {
      draw(k);
      python.move(times[k]);
    },
    left: python.tell,
  });
  for (const p of panels) controls.drag(p.canvas);
  const follow = () => {
    const k = times.indexOf(model.get("t"));
    if (k < 0 || k === controls.k) return;
    controls.place(k);
    draw(k);
  };

  const clock = element("span", { class: "scrub-clock" }, element("i", {}, "t"), " = ");
  clock.append(time);
  const progress = element("span", { class: "scrub-formula" });
  progress.append(step);
  root.append(
    element("div", { class: "scrub-panels", style: `gap: ${GAP}px` }, ...panels.map((p) => p.figure)),
    controls.bar,
    element("div", { class: "scrub-caption" }, clock, progress),
  );
  el.append(root);
  follow();
  canvas.dataset.ready = "true";
  if (model.get("plays")) controls.unasked();
  model.on("change:t", follow);
  const unwatch = onWidth(root, (room) => {
    const columns = room < NARROW * panels.length ? Math.min(2, panels.length) : panels.length;
    const each = Math.floor((room - GAP * (columns - 1)) / columns);
    const across = panels.map((p) => p.fit(each, 420))[0];
    root.style.setProperty("--sheet", `${(across + GAP) * columns - GAP}px`);
  });
  return () => {
    controls.stop();
    unwatch();
    python.off();
    model.off("change:t", follow);
  };
}

export default { render };

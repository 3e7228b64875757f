// scrub_noise: x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps for every t, computed here.

function render({ model, el }) {
  const [n, h, w, c] = model.get("shape");
  const x0 = halves(model.get("x0")); // (n, h, w, c)
  const eps = halves(model.get("eps"));
  const abar = doubles(model.get("abar")); // (T+1,)
  const signal = abar.map(Math.sqrt);
  const noise = abar.map((a) => Math.sqrt(1 - a));
  const last = abar.length - 1;
  const shares = paced(abar.map((a) => Math.log(a / (1 - a))));

  const root = element("div", { class: "scrub", role: "group", "aria-label": "scrub the noise level" });
  const python = teller(model, root);
  const pictures = sheet(n, h, w, c, model.get("columns"), `${n} pictures at noise level t`);
  const { canvas } = pictures;
  const time = document.createTextNode("");
  const formula = mixture();
  let a = 1;
  let b = 0;
  const pixel = (i) => grey(a * x0[i] + b * eps[i]);

  const draw = (t) => {
    a = signal[t];
    b = noise[t];
    pictures.draw(pixel);
    canvas.dataset.t = t;
    time.data = t;
    formula.write(a, b);
  };
  const controls = player(root, {
    last,
    name: "noise level t",
    describe: (t) => amounts(t, signal[t], noise[t]),
    seconds: () => clamp(last / 12, 3, 8),
    pace: () => shares,
    moved(t) {
      draw(t);
      python.move(t);
    },
    left: python.tell,
  });
  controls.drag(canvas);
  const follow = () => {
    if (model.get("t") === controls.k) return;
    controls.place(model.get("t"));
    draw(controls.k);
  };

  const clock = element("span", { class: "scrub-clock" }, element("i", {}, "t"), " = ");
  clock.append(time, element("small", {}, ` of ${last}`));
  root.append(canvas, controls.bar, element("div", { class: "scrub-caption" }, clock, formula.line));
  el.append(root);
  follow();
  canvas.dataset.ready = "true";
  model.on("change:t", follow);
  const unwatch = onWidth(root, (room) => root.style.setProperty("--sheet", `${pictures.fit(room, 420)}px`));
  return () => {
    controls.stop();
    unwatch();
    python.off();
    model.off("change:t", follow);
  };
}

export default { render };

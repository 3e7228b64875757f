// turn: one figure for each position of a slider, all drawn beforehand.

function render({ model, el }) {
  const labels = model.get("labels");
  const name = model.get("name");
  const last = labels.length - 1;
  const all = bytes(model.get("sheets"));
  let from = 0;
  const pages = model.get("sizes").map((size) => {
    const part = all.slice(from, (from += size));
    return URL.createObjectURL(new Blob([part], { type: "image/png" }));
  });

  const root = element("div", { class: "scrub", role: "group", "aria-label": `figures by ${name}` });
  const python = teller(model, root);
  const figures = pages.map((src, k) =>
    element("img", { src, class: "turn-page", width: model.get("across"), alt: `${name} = ${labels[k]}`, draggable: "false" }),
  );
  const stack = element("div", { class: "turn-stack" }, ...figures);
  const value = document.createTextNode("");
  const draw = (k) => {
    figures.forEach((figure, j) => figure.classList.toggle("turn-shown", j === k));
    stack.dataset.k = k;
    value.data = labels[k];
  };
  const controls = player(root, {
    last,
    name,
    describe: (k) => `${name} = ${labels[k]}`,
    seconds: () => clamp(last, 4, 8),
    moved(k) {
      draw(k);
      python.move(k);
    },
    left: python.tell,
  });
  controls.drag(stack);
  const follow = () => {
    controls.place(model.get("t"));
    draw(controls.k);
  };
  const clock = element("span", { class: "scrub-clock" }, element("i", {}, name), " = ");
  clock.append(value);
  root.append(stack, controls.bar, element("div", { class: "scrub-caption" }, clock));
  el.append(root);
  follow();
  Promise.all(figures.map((figure) => figure.decode())).then(() => (stack.dataset.ready = "true"));
  model.on("change:t", follow);
  return () => {
    controls.stop();
    python.off();
    model.off("change:t", follow);
    pages.forEach((page) => URL.revokeObjectURL(page));
  };
}

export default { render };

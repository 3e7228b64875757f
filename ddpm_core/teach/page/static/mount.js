// Widgets without a kernel: each .scrub-mount holds a widget's stored state; render it from its own module.

const load = async (source) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: made } = await import(url).finally(() => URL.revokeObjectURL(url));
  return typeof made === "function" ? made() : made;
};

const known = new Map(); // a widget shown twice is one model, and its script is loaded once, as in JupyterLab

// Stored in the page, or, compressed, in a script of its own.
const stateOf = async (script) => {
  if (!script.src) return JSON.parse(script.textContent);
  const light = new Blob([decode(window.WIDGETS[script.getAttribute("src")])]).stream();
  return new Response(light.pipeThrough(new DecompressionStream("gzip"))).json();
};

const mount = async (host) => {
  const { id, ...stored } = await stateOf(host.querySelector("script"));
  if (!known.has(id)) {
    const model = standIn(stored);
    known.set(id, { model, widget: await load(model.get("_esm")) });
  }
  const { model, widget } = known.get(id);
  host.model = model;
  const el = host.appendChild(document.createElement("div"));
  await widget.render({ model, el });
};

for (const host of document.querySelectorAll(".scrub-mount")) {
  try {
    await mount(host);
  } catch (error) {
    console.error(error);
    host.querySelector(":scope > div")?.remove();
    host.insertAdjacentHTML("beforeend", host.querySelector("noscript")?.textContent ?? ""); // its still picture
  }
}

// Widgets without a kernel: each .scrub-mount holds a widget's stored state; render it from its own module.

const decode = (text) => {
  const raw = atob(text);
  return new DataView(Uint8Array.from(raw, (c) => c.charCodeAt(0)).buffer);
};

// What a widget's `render` needs of a Jupyter model: get, set, save_changes, on, off.
const standIn = ({ state, buffers = [] }) => {
  const values = { ...state };
  const listeners = new Map();
  for (const { path, data } of buffers) {
    const inner = path.slice(0, -1).reduce((at, key) => at[key], values);
    inner[path.at(-1)] = decode(data);
  }
  return {
    get: (name) => values[name],
    set(name, value) {
      if (values[name] === value) return;
      values[name] = value;
      for (const call of [...(listeners.get(`change:${name}`) ?? [])]) call();
    },
    save_changes() {},
    on(events, call) {
      for (const name of events.split(" ")) listeners.set(name, (listeners.get(name) ?? new Set()).add(call));
    },
    off(events, call) {
      for (const name of events.split(" ")) listeners.get(name)?.delete(call);
    },
  };
};

const load = async (source) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { default: made } = await import(url).finally(() => URL.revokeObjectURL(url));
  return typeof made === "function" ? made() : made;
};

const known = new Map(); // a widget shown twice is one model, and its script is loaded once, as in JupyterLab

const mount = async (host) => {
  const { id, ...stored } = JSON.parse(host.querySelector("script").textContent);
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

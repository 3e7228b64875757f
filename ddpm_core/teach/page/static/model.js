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

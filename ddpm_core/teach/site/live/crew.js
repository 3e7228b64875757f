// Networks at work: workers that each take a share of the pictures.  WORKER and WASM stand above: the worker's
// source, and net-fma.wasm and net.wasm in base64: the first is faster, and not every browser can run it.

const HANDS = Math.max(1, Math.min(4, navigator.hardwareConcurrency || 2));

const decoded = async (text) => (await fetch(`data:application/octet-stream;base64,${text}`)).arrayBuffer();

// The scripts that hold a network, fetched once.  told(share): how far it is.
const fetched = async (name, told) => {
  const script = (file) =>
    new Promise((done, failed) => {
      const made = element("script", { src: `${file}.js` });
      made.addEventListener("load", done);
      made.addEventListener("error", () => failed(new Error(`${file}.js can't be loaded`)));
      document.head.append(made);
    });
  const kept = (window.LIVE ??= {}); // where the scripts put what they hold
  await script(`live-${name}`);
  const { count, ...pack } = kept[name];
  let done = 0;
  const texts = await Promise.all(
    Array.from({ length: count }, async (_, k) => {
      await script(`live-${name}-${k}`);
      told(++done / count);
      const text = kept[`${name}-${k}`];
      delete kept[`${name}-${k}`];
      return decoded(text);
    }),
  );
  const open = new Blob(texts).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(open).arrayBuffer()); // first the high ones, then the low ones
  const half = new Uint16Array(bytes.length / 2);
  for (let i = 0; i < half.length; i++) half[i] = (bytes[i] << 8) | bytes[half.length + i];
  return { ...pack, half: half.buffer };
};

// Starts the workers; what it gives puts a network into all of them.
function crew() {
  const url = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
  const waiting = new Map();
  let count = 0;
  const workers = Array.from({ length: HANDS }, () => {
    const worker = new Worker(url);
    worker.addEventListener("message", ({ data: { id, out, error } }) => {
      const { done, failed } = waiting.get(id);
      waiting.delete(id);
      if (error) failed(new Error(error));
      else done(out);
    });
    worker.addEventListener("error", (event) => {
      for (const { failed } of waiting.values()) failed(new Error(event.message || "a worker can't be started"));
    });
    return worker;
  });
  const ask = (worker, what) =>
    new Promise((done, failed) => {
      waiting.set(++count, { done, failed });
      worker.postMessage({ id: count, ...what });
    });
  // A network's answer for n pictures, each worker a share of them.
  const shared = async (n, of) => {
    const [each, more] = [Math.floor(n / HANDS), n % HANDS];
    let from = 0;
    const answers = workers.map((worker, k) => {
      const to = from + each + (k < more);
      const answer = to > from ? ask(worker, of(from, to)) : new Float32Array(0);
      from = to;
      return answer;
    });
    const got = await Promise.all(answers);
    const all = new Float32Array(got.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of got) all.set(part, (at += part.length) - part.length);
    return all;
  };
  // A network of `kind` for pictures (h, w, c), in all workers: (x (n, h, w, c), t, y) -> its output.
  return async (kind, name, pack, [h, w, c]) => {
    const wasm = (await Promise.all(WASM.map(decoded))).find((bytes) => WebAssembly.validate(bytes));
    if (!wasm) throw new Error("this browser has no WebAssembly with SIMD");
    await Promise.all(workers.map((worker) => ask(worker, { what: "load", name, kind, wasm, pack })));
    const size = h * w * c;
    const first = { what: "run", name, n: 1, h, w, x: new Float32Array(size), t: 1, y: [-1] }; // prepares the weights
    await Promise.all(workers.map((worker) => ask(worker, first)));
    return (x, t = 0, y = []) =>
      shared(x.length / size, (from, to) => ({
        ...{ what: "run", name, n: to - from, h, w, t },
        ...{ x: x.slice(from * size, to * size), y: y.slice(from, to) },
      }));
  };
}

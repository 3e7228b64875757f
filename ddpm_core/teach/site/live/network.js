// The course's networks in a page: ddpm_core.nets.UNet, and the decoder of ddpm_core.study.latents, layer by
// layer; the arithmetic is net.c's.  This runs in a worker, which is told what to load, and then asked.

const SMALL = 7; // pixels: smaller pictures are convolved by the definition, which is faster for them
const eights = (c) => 8 * Math.ceil(c / 8); // channels as net.c wants them

// Rooms for float32 in the memory of net.wasm.
function rooms({ memory, __heap_base }) {
  const free = new Map(); // addresses by size
  let [floor, end] = [0, 16 * Math.ceil(__heap_base.value / 16)];
  return {
    take(count) {
      const left = free.get(count);
      if (left?.length) return left.pop();
      const at = end;
      end += 16 * Math.ceil(count / 4);
      const missing = end - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / 65536) + 16);
      return at;
    },
    give(at, count) {
      if (!free.has(count)) free.set(count, []);
      free.get(count).push(at);
    },
    see: (at, count) => new Float32Array(memory.buffer, at, count),
    // What `work` gives; what it takes is free when it is called again, except what is there after the first time.
    pass(work) {
      free.clear();
      end = floor || end;
      const made = work();
      floor ||= end;
      return made;
    },
  };
}

// The layers of one network.  A picture is { at, n, h, w, c }: where it stands, and its shape.  The weights are
// prepared in the first pass, which should be one of a single picture.
function layers(net, { tensors, half }) {
  const { take, give, see, pass } = rooms(net);
  const places = new Map(); // of the weights among all of them
  let at = 0;
  for (const [name, shape] of tensors) {
    places.set(name, { shape, at });
    at += shape.reduce((a, b) => a * b, 1);
  }
  const has = (name) => places.has(name);
  // The weights of a name, in torch's layout.
  const weights = (name) => {
    const { shape, at } = places.get(name);
    const count = shape.reduce((a, b) => a * b, 1);
    const [from, to] = [take(count), take(count)];
    new Uint8Array(net.memory.buffer, from, 2 * count).set(new Uint8Array(half, 2 * at, 2 * count));
    net.widen(from, to, count);
    give(from, count);
    give(to, count);
    return see(to, count).slice();
  };
  const ready = new Map();
  const once = (name, make) => {
    if (!ready.has(name)) ready.set(name, make());
    return ready.get(name);
  };
  const put = (values, count = values.length) => {
    const at = take(count);
    const room = see(at, count);
    room.fill(0);
    room.set(values);
    return at;
  };
  const vector = (name) => once(name, () => put(weights(name), eights(places.get(name).shape[0])));

  // A matrix for `multiply`, from weights (outputs, inputs, taps); as Winograd wants it, or as they are.
  const matrix = (name, winograd = false) =>
    once(`${name} ${winograd}`, () => {
      const [outputs, inputs, ...taps] = places.get(name).shape;
      const [c, k, t] = [eights(outputs), eights(inputs), taps.length ? taps[0] * taps[1] : 1];
      const given = weights(name);
      const plain = new Float32Array(k * t * c); // by input and tap for Winograd, else by tap and input
      for (let o = 0, i = 0; o < outputs; o++)
        for (let p = 0; p < inputs; p++)
          for (let j = 0; j < t; j++, i++) plain[(winograd ? t * p + j : k * j + p) * c + o] = given[i];
      const [from, to] = [put(plain), take((winograd ? 36 : t) * k * c)];
      if (winograd) net.transform(from, to, k, c);
      else net.pack(from, to, k * t, c);
      give(from, plain.length);
      return { at: to, k: k * t, c };
    });

  const picture = (n, h, w, c) => ({ at: take(n * h * w * c), n, h, w, c });
  const drop = ({ at, n, h, w, c }) => give(at, n * h * w * c);

  // Rows (n, c) for a layer: its bias, with W e of a vector of each picture where there is one.
  const shifts = (name, n, e, turned) => {
    const bias = see(vector(`${name}.bias`), eights(places.get(`${name}.bias`).shape[0])).slice();
    const rows = picture(n, 1, 1, bias.length);
    if (e) see(vector(`${turned}.bias`), bias.length).forEach((b, i) => (bias[i] += b));
    for (let i = 0; i < n; i++) see(rows.at, n * rows.c).set(bias, i * rows.c);
    const product = e && matrix(`${turned}.weight`);
    if (e) net.multiply(e.at, product.at, rows.at, n, e.c, rows.c, 1);
    return rows;
  };

  // A convolution; e: a vector for each picture, that `turned` turns into shifts; beside: what is added.
  const conv = (x, name, { stride = 1, beside = null, e = null, turned = "" } = {}) => {
    const { n, h, w } = x;
    const shift = shifts(name, n, e, turned);
    const y = picture(n, Math.ceil(h / stride), Math.ceil(w / stride), shift.c);
    const taps = places.get(`${name}.weight`).shape.length > 2 ? places.get(`${name}.weight`).shape[2] ** 2 : 1;
    if (taps === 9 && stride === 1 && Math.min(h, w) >= SMALL) {
      const { at } = matrix(`${name}.weight`, true);
      const most = net.patches(x.c, y.c);
      const [v, m] = [picture(36, most, 1, x.c), picture(36, most, 1, y.c)];
      net.convolve(x.at, at, y.at, n, h, w, x.c, y.c, shift.at, beside?.at ?? 0, v.at, m.at);
      drop(v);
      drop(m);
    } else {
      const { at, k } = matrix(`${name}.weight`);
      const seen = taps === 9 ? picture(n, y.h, y.w, k) : x;
      if (taps === 9) net.neighbours(x.at, seen.at, n, h, w, x.c, stride);
      net.spread(shift.at, beside?.at ?? 0, y.at, n, y.h * y.w, y.c);
      net.multiply(seen.at, at, y.at, n * y.h * y.w, k, y.c, 1);
      if (taps === 9) drop(seen);
    }
    drop(shift);
    return y;
  };

  // Group norm, then SiLU; SiLU alone where there is no norm of that name.
  const bent = (x, name) => {
    const y = picture(x.n, x.h, x.w, x.c);
    if (!has(`${name}.weight`)) net.bend(x.at, y.at, x.n * x.h * x.w * x.c);
    else net.normalise(x.at, y.at, x.n, x.h * x.w, x.c, vector(`${name}.weight`), vector(`${name}.bias`));
    return y;
  };

  // ddpm_core.nets.Block, and Residual of study.latents: two convolutions around a skip.
  const block = (x, name, e) => {
    const a = bent(x, `${name}.norm1`);
    const b = conv(a, `${name}.conv1`, { e, turned: `${name}.shift` });
    drop(a);
    const c = bent(b, `${name}.norm2`);
    drop(b);
    const beside = has(`${name}.skip.weight`) ? conv(x, `${name}.skip`) : x;
    const y = conv(c, `${name}.conv2`, { beside });
    drop(c);
    if (beside !== x) drop(beside);
    return y;
  };

  const enlarged = (x, h, w, name) => {
    const big = picture(x.n, h, w, x.c);
    net.enlarge(x.at, big.at, x.n, h, w, x.c);
    const y = conv(big, name);
    drop(big);
    return y;
  };

  // What comes up and what was seen going down: their mean, or one beside the other.
  const joined = (a, b, lean) => {
    const y = picture(a.n, a.h, a.w, lean ? a.c : a.c + b.c);
    if (lean) net.meet(a.at, b.at, y.at, a.n * a.h * a.w * a.c);
    else net.join(a.at, b.at, y.at, a.n * a.h * a.w, a.c, b.c);
    return y;
  };

  // Numbers (n, h, w, c) as a picture, and back.
  const given = (values, n, h, w, c) => {
    const x = picture(n, h, w, eights(c));
    const room = see(x.at, n * h * w * x.c);
    room.fill(0);
    for (let i = 0, p = 0; p < n * h * w; p++) for (let k = 0; k < c; k++, i++) room[p * x.c + k] = values[i];
    return x;
  };
  const taken = ({ at, n, h, w, c }, channels) => {
    const room = see(at, n * h * w * c);
    const values = new Float32Array(n * h * w * channels);
    for (let i = 0, p = 0; p < n * h * w; p++) for (let k = 0; k < channels; k++, i++) values[i] = room[p * c + k];
    return values;
  };
  return { has, weights, drop, conv, bent, block, enlarged, joined, given, taken, pass };
}

// Sines and cosines of t at geometric frequencies, as `embed` of ddpm_core.nets makes them.
function embedded(t, width) {
  const half = width / 2;
  const angles = Array.from({ length: half }, (_, i) => Math.fround(t * Math.fround(Math.exp((-Math.log(10000) * i) / half))));
  return Float32Array.from([...angles.map(Math.sin), ...angles.map(Math.cos)]);
}

// UNet: (x (n, h, w, c), t, y) -> its output of x's shape; y: for each picture its label, or its words' numbers.
function unet(net, pack) {
  const { has, weights, drop, conv, bent, block, enlarged, joined, given, taken, pass } = layers(net, pack);
  const { width, channels, lean } = pack.config;
  const wide = 4 * width;
  const rows = weights("embedding.label.weight"); // (labels or words + 1, wide); row 0 is of none

  const embedding = (t, y) => {
    const a = conv(given(embedded(t, wide), 1, 1, 1, wide), "embedding.time.0");
    const b = bent(a, "");
    const time = taken(conv(b, "embedding.time.2"), wide);
    const codes = new Float32Array(y.length * wide);
    y.forEach((told, i) => {
      codes.set(time, i * wide);
      for (const k of [told].flat())
        for (let j = 0; j < wide; j++) codes[i * wide + j] += rows[(k + 1) * wide + j];
    });
    return bent(given(codes, y.length, 1, 1, wide), "");
  };
  const parts = (name, kinds) => {
    const found = [];
    for (let k = 0; kinds.some((kind) => has(`${name}.${k}.${kind}.weight`)); k++) found.push(`${name}.${k}`);
    return found;
  };
  const [down, up] = ["down", "up"].map((name) => parts(name, ["conv", "conv1"]));

  const forward = (x, n, h, w, t, y) => {
    const e = embedding(t, y);
    let now = conv(given(x, n, h, w, channels), "enter");
    const skips = [now];
    for (const name of down) {
      now = has(`${name}.conv.weight`) ? conv(now, `${name}.conv`, { stride: 2 }) : block(now, name, e);
      skips.push(now);
    }
    now = block(now, "middle", e);
    for (const name of up) {
      const before = now;
      if (has(`${name}.conv.weight`)) now = enlarged(now, skips.at(-1).h, skips.at(-1).w, `${name}.conv`);
      else {
        const skip = skips.pop();
        const both = joined(now, skip, lean);
        now = block(both, name, e);
        drop(both);
        drop(skip);
      }
      drop(before);
    }
    return taken(conv(bent(now, "leave.0"), "leave.2"), channels);
  };
  return (...given) => pass(() => forward(...given));
}

// Autoencoder.decode: latents (n, h, w, c) -> pictures (n, 4h, 4w, channels).
function decoder(net, pack) {
  const { weights, conv, bent, block, enlarged, given, taken, pass } = layers(net, pack);
  const [shift, scale] = ["shift", "scale"].map(weights);
  const { latent, channels } = pack.config;
  const decode = (z, n, h, w) => {
    const inside = z.map((value, i) => value * scale[i % latent] + shift[i % latent]);
    let x = block(conv(given(inside, n, h, w, latent), "decoder.0"), "decoder.1");
    x = enlarged(x, 2 * h, 2 * w, "decoder.3");
    x = block(block(x, "decoder.4"), "decoder.5");
    return shuffled(taken(conv(bent(x, "decoder.6"), "decoder.8"), 4 * channels), n, 2 * h, 2 * w, channels);
  };
  return (...given) => pass(() => decode(...given));
}

// Four channels of each kind become 2x2 pixels: (n, h, w, 4c) -> (n, 2h, 2w, c), clamped to [-1, 1].
function shuffled(x, n, h, w, c) {
  const y = new Float32Array(x.length);
  for (let i = 0, p = 0; p < n * h; p++)
    for (let q = 0; q < w; q++)
      for (let k = 0; k < c; k++)
        for (let j = 0; j < 4; j++, i++)
          y[((2 * p + (j >> 1)) * 2 * w + 2 * q + (j & 1)) * c + k] = Math.min(1, Math.max(-1, x[i]));
  return y;
}

const made = {};
const asked = {
  async load({ name, kind, wasm, pack }) {
    const { instance } = await WebAssembly.instantiate(wasm, {});
    made[name] = { unet, decoder }[kind](instance.exports, pack);
  },
  run: ({ name, x, n, h, w, t, y }) => made[name](x, n, h, w, t, y),
};
globalThis.onmessage = async ({ data: { id, what, ...given } }) => {
  try {
    const out = await asked[what](given);
    postMessage({ id, out }, out ? [out.buffer] : []);
  } catch (error) {
    postMessage({ id, error: String(error) });
  }
};

// From noise to data, as ddpm_core.sampling and ddpm_core.denoiser have it.  Arrays hold (n, h, w, c) numbers; a
// level is { signal, noise }.

const scheduled = (abar) => {
  const levels = abar.map((a) => ({ signal: Math.sqrt(a), noise: Math.sqrt(1 - a) }));
  const T = abar.length - 1;
  return {
    T,
    at: (t) => levels[t],
    // Evenly spaced times from `from` down to 0.
    times: (steps, from = T) => Array.from({ length: steps + 1 }, (_, k) => Math.round((from * (steps - k)) / steps)),
  };
};

// x_t from x_0 and noise.
const noised = (x0, eps, { signal, noise }) => x0.map((x, i) => signal * x + noise * eps[i]);

// A rule: (x0, xt, s, t, noise) -> x_s for two levels s < t.  Part of the noise in x_t is kept, part is drawn afresh:
// DDIM for eta 0, the ancestral rule for 1.
const ddimEta = (eta) => (x0, xt, s, t, noise) => {
  const scale = t.signal / s.signal;
  const variance = t.noise ** 2 - (scale * s.noise) ** 2;
  const ratio = (s.noise / t.noise) * Math.sqrt(1 - eta ** 2 + ((eta * scale * s.noise) / t.noise) ** 2);
  const deviation = (eta * Math.sqrt(variance) * s.noise) / t.noise;
  return xt.map((x, i) => (s.signal - ratio * t.signal) * x0[i] + ratio * x + (deviation && deviation * noise[i]));
};

// DPM-Solver++ 2M is DDIM with better estimates: each is extrapolated from the one before.  For one walk.
const extrapolating = () => {
  const place = ({ signal, noise }) => Math.log(signal / noise);
  let before = null;
  return (x0, s, t) => {
    const ahead = before && s.noise ? (place(s) - place(t)) / (2 * (place(t) - place(before.t))) : 0;
    const { x0: earlier } = before ?? {};
    before = { t, x0 };
    return ahead ? x0.map((x, i) => x + ahead * (x - earlier[i])) : x0;
  };
};

// A rule that fills in: where `mask` is set, x_s is a draw of q(x_s | known).
const keeping = (known, mask, rule) => (x0, xt, s, t, noise) => {
  const [drawn, kept] = [rule(x0, xt, s, t, noise), noised(known, noise, s)];
  return drawn.map((x, i) => (mask[i] ? kept[i] : x));
};

// Walk x down `times`: a frame for each, the start among them.  estimate(xt, t): what x_0 seems to be, awaited;
// better(x0, s, t): a better one for the way from t to s.
async function* sample(estimate, schedule, x, times, rule, noise, better = (x0) => x0) {
  yield { t: times[0], xt: x, x0: null };
  for (let k = 1; k < times.length; k++) {
    const [t, s] = [times[k - 1], times[k]];
    const x0 = better(await estimate(x, t), schedule.at(s), schedule.at(t));
    x = rule(x0, x, schedule.at(s), schedule.at(t), noise(s));
    yield { t: s, xt: x, x0 };
  }
}

// What x_0 seems to be, of a network that is told `labels`, one for each picture.  strength: of guidance, away from
// no label; 0 is no label, 1 the label alone, both in one pass.
const guided = (network, { reading, clip }, labels, strength) => {
  const none = labels.map(() => -1);
  const output = async (xt, t) => {
    if (strength === 0 || strength === 1) return network(xt, t, strength ? labels : none);
    const twice = new Float32Array(2 * xt.length);
    twice.set(xt);
    twice.set(xt, xt.length);
    const both = await network(twice, t, [...none, ...labels]);
    return xt.map((_, i) => both[i] + strength * (both[xt.length + i] - both[i]));
  };
  return async (xt, t) => {
    const [ofOut, ofX] = reading[t - 1];
    const out = await output(xt, t);
    return xt.map((x, i) => Math.min(clip, Math.max(-clip, ofOut * out[i] + ofX * x)));
  };
};

// Standard normal noise at time t for pictures of `size` numbers, each from its own seed, so that none depends on
// the others.
const drawn = (seeds, t, size) => {
  const noise = new Float32Array(seeds.length * size);
  seeds.forEach((seed, i) => {
    const key = keyed(seed, t);
    for (let pair = 0; pair < size / 2; pair++) normal(key, pair, noise, i * size + 2 * pair);
  });
  return noise;
};

// The numbers of the known words of a text, in its order, and those that aren't known; as ddpm_core.words has it.
// folded: what casefold makes of letters, where that isn't lower case.
const vocabulary = (words, folded) => {
  const places = new Map(words.map((word, k) => [word, k]));
  const fold = (text) => Array.from(text, (letter) => folded[letter] ?? letter.toLowerCase()).join("");
  return (text) => {
    const split = fold(text).match(/[\p{L}\p{N}_]+/gu) ?? [];
    return { known: split.filter((w) => places.has(w)).map((w) => places.get(w)), unknown: split.filter((w) => !places.has(w)) };
  };
};

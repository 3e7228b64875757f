// particles: a walk from noise to data in the plane, computed here: by the exact field of a mixture of
// Gaussians and by a learned one, with the same start and the same noise as ddpm_core.teach.page.particles.

const SHADE = [117, 124, 134]; // of the density: ink, more or less transparent, on either theme's page
const DOT = [217, 101, 10];
const ARROW = "#2a82da";
const PATH = "#a566d0";
const HAND = "#0f9166";
const CELLS = 96; // of the density's grid
const TRACED = 6; // particles whose paths are drawn
const FRESH = 20; // states of a path that are drawn in full; what is older is faint
const BLOCK = 8; // particles that go through the network together
const MOST = 40; // dropped points
const FIRST_DROPPED = 2 ** 20; // their numbers, for the noise
const GAP = 20;

// E[x_0 | x_t] of a mixture: (k, x, from, to, out), for the points from..to of x, two numbers each.
function exact(mixture, levels) {
  const K = mixture.length / 4;
  const [X, Y, fall, lift, share, gain, log] = Array.from({ length: 7 }, () => new Float64Array(K));
  let known = -1;
  const prepare = (k) => {
    const [a, b] = [levels[2 * k], levels[2 * k + 1]];
    for (let j = 0; j < K; j++) {
      const [mx, my, v, weight] = mixture.subarray(4 * j, 4 * j + 4);
      const spread = a * a * v + b * b;
      [X[j], Y[j], fall[j], lift[j]] = [a * mx, a * my, 0.5 / spread, Math.log(weight / spread)];
      [share[j], gain[j]] = [(b * b) / spread, (a * v) / spread];
    }
    known = k;
  };
  return (k, x, from, to, out) => {
    if (known !== k) prepare(k);
    for (let p = 2 * from; p < 2 * to; p += 2) {
      let most = -Infinity;
      for (let j = 0; j < K; j++) {
        const [dx, dy] = [x[p] - X[j], x[p + 1] - Y[j]];
        log[j] = lift[j] - fall[j] * (dx * dx + dy * dy);
        if (log[j] > most) most = log[j];
      }
      let [sum, slope, mx, my] = [0, 0, 0, 0];
      for (let j = 0; j < K; j++) {
        if (log[j] < most - 45) continue;
        const r = Math.exp(log[j] - most);
        sum += r;
        slope += r * gain[j];
        mx += r * share[j] * mixture[4 * j];
        my += r * share[j] * mixture[4 * j + 1];
      }
      out[p] = (mx + slope * x[p]) / sum;
      out[p + 1] = (my + slope * x[p + 1]) / sum;
    }
  };
}

// The same of a network, an MLP of ddpm_core.nets, for BLOCK points at a time.
function learned({ network, width, depth, codes, reading, clip }) {
  const [x, out] = [new Float64Array(2 * BLOCK), new Float64Array(2 * BLOCK)];
  const [h, bent] = [new Float64Array(width * BLOCK), new Float64Array(width * BLOCK)];
  let at = 0;
  const line = (inputs, outputs) => {
    const weights = network.subarray(at, (at += inputs * outputs));
    return { inputs, outputs, weights, bias: network.subarray(at, (at += outputs)) };
  };
  const enter = line(2, width);
  const layers = Array.from({ length: depth }, () => line(width, width));
  const leave = line(width, 2);
  // y = W x + b, or y += W x + b
  const apply = ({ inputs, outputs, weights, bias }, x, y, add) => {
    for (let o = 0; o < outputs; o++) {
      let [a, b, c, d, e, f, g, i] = [0, 0, 0, 0, 0, 0, 0, 0];
      for (let k = 0, w = o * inputs, p = 0; k < inputs; k++, w++, p += 8) {
        const weight = weights[w];
        a += weight * x[p];
        b += weight * x[p + 1];
        c += weight * x[p + 2];
        d += weight * x[p + 3];
        e += weight * x[p + 4];
        f += weight * x[p + 5];
        g += weight * x[p + 6];
        i += weight * x[p + 7];
      }
      const q = 8 * o;
      if (!add) y.fill(0, q, q + 8);
      y[q] += a + bias[o];
      y[q + 1] += b + bias[o];
      y[q + 2] += c + bias[o];
      y[q + 3] += d + bias[o];
      y[q + 4] += e + bias[o];
      y[q + 5] += f + bias[o];
      y[q + 6] += g + bias[o];
      y[q + 7] += i + bias[o];
    }
  };
  const bend = (code) => {
    for (let o = 0, q = 0; o < width; o++)
      for (let p = 0; p < BLOCK; p++, q++) {
        const v = h[q] + (code < 0 ? 0 : codes[code + o]);
        bent[q] = v / (1 + Math.exp(-v)); // SiLU
      }
  };
  return (k, points, from, to, into) => {
    const [of_out, of_x, seen] = reading.subarray(3 * k, 3 * k + 3);
    for (let first = from; first < to; first += BLOCK) {
      const count = Math.min(BLOCK, to - first);
      for (let p = 0; p < count; p++) {
        x[p] = seen * points[2 * (first + p)];
        x[BLOCK + p] = seen * points[2 * (first + p) + 1];
      }
      apply(enter, x, h, false);
      for (const layer of layers) {
        bend(width * k);
        apply(layer, bent, h, true);
      }
      bend(-1);
      apply(leave, bent, out, false);
      for (let p = 0; p < count; p++)
        for (let axis = 0; axis < 2; axis++) {
          const i = 2 * (first + p) + axis;
          const x0 = of_out * out[BLOCK * axis + p] + of_x * points[i];
          into[i] = clip ? clamp(x0, -clip, clip) : x0;
        }
    }
  };
}

// A walk of points from state `first` on.  x: where they stand there; ids: their numbers; states are computed
// when they are asked for, in small pieces, so that much can be done ahead without anybody noticing.
function walk({ x, ids, first, last, times, seed, estimate, moves }) {
  const n = ids.length;
  const states = [x];
  const estimates = new Float64Array(2 * n);
  const noise = new Float64Array(2);
  let done = first; // the last state that is whole,
  let point = 0; // and how many points of the next are
  const piece = () => {
    if (!point) states.push(new Float64Array(2 * n));
    const [now, next] = states.slice(-2);
    const to = Math.min(n, point + 8 * BLOCK);
    const [of_x0, of_x, of_noise] = moves.subarray(3 * done, 3 * done + 3);
    const key = keyed(seed, times[done + 1]);
    estimate(done, now, point, to, estimates);
    for (let p = point; p < to; p++) {
      if (of_noise) normal(key, ids[p], noise, 0);
      for (let axis = 0; axis < 2; axis++) {
        const i = 2 * p + axis;
        next[i] = of_x0 * estimates[i] + of_x * now[i] + (of_noise ? of_noise * noise[axis] : 0);
      }
    }
    point = to % n;
    if (!point) done++;
  };
  return {
    first,
    n,
    at(k) {
      while (done < k) piece();
      return states[k - first];
    },
    // Work until a moment; whether something is left to do up to a state.
    ahead(until, goal = last) {
      while (done < goal && performance.now() < until) piece();
      return done < goal;
    },
  };
}

// The density of the mixture at a state, on a canvas of CELLS x CELLS that covers the picture.
function shadow(mixture, levels, half) {
  const canvas = element("canvas", { width: CELLS, height: CELLS });
  const context = canvas.getContext("2d");
  const image = context.createImageData(CELLS, CELLS);
  const [sums, across, down] = [new Float64Array(CELLS * CELLS), new Float64Array(CELLS), new Float64Array(CELLS)];
  for (let i = 0; i < CELLS * CELLS; i++) image.data.set(SHADE, 4 * i);
  let shown = -1;
  return (k) => {
    if (shown === k) return canvas;
    shown = k;
    const [a, b] = [levels[2 * k], levels[2 * k + 1]];
    const cell = (2 * half(k)) / CELLS;
    sums.fill(0);
    for (let j = 0; j < mixture.length; j += 4) {
      const spread = Math.max(a * a * mixture[j + 2] + b * b, cell * cell); // points are as wide as a cell
      for (let i = 0; i < CELLS; i++) {
        const place = (i + 0.5) * cell - half(k);
        across[i] = Math.exp(-((place - a * mixture[j]) ** 2) / (2 * spread));
        down[i] = (Math.exp(-((place + a * mixture[j + 1]) ** 2) / (2 * spread)) * mixture[j + 3]) / spread;
      }
      for (let y = 0, i = 0; y < CELLS; y++) {
        const row = down[y];
        if (row < 1e-12) i += CELLS;
        else for (let x = 0; x < CELLS; x++, i++) sums[i] += row * across[x];
      }
    }
    const most = sums.reduce((high, v) => Math.max(high, v), 0);
    for (let i = 0; i < sums.length; i++) image.data[4 * i + 3] = 175 * Math.sqrt(sums[i] / most);
    context.putImageData(image, 0, 0);
    return canvas;
  };
}

// One of `options` as a row of radio buttons; chosen(value) when a hand has changed it.
function choice(name, options, chosen) {
  const group = `choice-${Math.random()}`;
  const inputs = options.map((value) => element("input", { type: "radio", name: group, value }));
  const labels = inputs.map((input) => element("label", {}, input, element("span", {}, input.value)));
  for (const input of inputs) input.addEventListener("change", () => chosen(input.value));
  return {
    box: element("div", { class: "scrub-choice", role: "radiogroup", "aria-label": name }, ...labels),
    show: (value) => inputs.forEach((input) => (input.checked = input.value === value)),
  };
}

// Dots of one colour, written pixel by pixel: in the thousands that is many times faster than drawing each.
function cloud(size, radius) {
  const canvas = element("canvas", { width: size, height: size });
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  const { data } = image;
  const pixels = new Uint32Array(data.buffer);
  const empty = (DOT[2] << 16) | (DOT[1] << 8) | DOT[0];
  return {
    canvas,
    clear: () => pixels.fill(empty),
    add(x, y) {
      const [left, right] = [Math.max(0, Math.ceil(x - radius - 1)), Math.min(size - 1, Math.floor(x + radius))];
      const bottom = Math.min(size - 1, Math.floor(y + radius));
      for (let row = Math.max(0, Math.ceil(y - radius - 1)); row <= bottom; row++) {
        const down = (row + 0.5 - y) ** 2;
        for (let column = left, at = 4 * (row * size + left) + 3; column <= right; column++, at += 4) {
          const covered = 255 * (radius + 0.5 - Math.sqrt((column + 0.5 - x) ** 2 + down));
          if (covered > data[at]) data[at] = covered;
        }
      }
    },
    put: () => context.putImageData(image, 0, 0),
  };
}

// Draws a path in one colour.
function strokes(context, colour, width, alpha, path) {
  Object.assign(context, { strokeStyle: colour, lineWidth: width, globalAlpha: alpha, lineJoin: "round" });
  context.stroke(path);
  context.globalAlpha = 1;
}

function dot(radius, colour, ratio) {
  const size = Math.ceil(2 * radius * ratio) + 2;
  const canvas = element("canvas", { width: size, height: size });
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  context.arc(size / 2, size / 2, radius * ratio, 0, 7);
  context.fill();
  return canvas;
}

function render({ model, el }) {
  const times = model.get("times"); // one for each state
  const last = times.length - 1;
  const levels = doubles(model.get("levels")); // (states, 2)
  const mixture = doubles(model.get("mixture")); // (K, 4)
  const names = model.get("names");
  const count = model.get("count");
  const seed = model.get("seed");
  const reach = model.get("reach");
  const shares = paced(model.get("log_snr"));
  const [width, depth] = model.get("layers");
  const moves = doubles(model.get("moves")); // (rules and DDIM's, steps, 3)
  const move = (i) => moves.subarray(3 * last * i, 3 * last * (i + 1));
  const flow = move(names.length);
  const half = (k) => reach * Math.max(1, Math.hypot(levels[2 * k], levels[2 * k + 1]));

  const fields = [exact(mixture, levels)];
  if (width) {
    const [codes, reading] = [singles(model.get("codes")), doubles(model.get("reading"))];
    const network = Float64Array.from(singles(model.get("network")));
    fields.push(learned({ network, width, depth, codes, reading, clip: model.get("clip") }));
  }
  const start = new Float64Array(2 * count);
  const ids = Array.from({ length: count }, (_, i) => i);
  for (const i of ids) normal(keyed(seed, times[0]), i, start, 2 * i);
  for (let i = 0; i < start.length; i++) start[i] *= model.get("wide");

  const root = element("div", { class: "scrub particles", role: "group", "aria-label": "particles from noise to data" });
  const python = teller(model, root);
  const density = shadow(mixture, levels, half);
  let [side, ratio, thin, middle, large] = [0, 0, 1, null, null]; // thin: lines on a small picture

  const walks = new Map(); // by field and rule
  const dropped = new Map(); // by field, rule, number and place
  const walkOf = (field, rule) => {
    const name = `${field} ${rule}`;
    if (!walks.has(name)) walks.set(name, walk({ x: start, ids, first: 0, last, times, seed, estimate: fields[field], moves: move(rule) }));
    return walks.get(name);
  };
  const dropOf = (field, rule, [x, y, t], i) => {
    const name = `${field} ${rule} ${x} ${y} ${t} ${i}`;
    if (!dropped.has(name))
      dropped.set(name, walk({ x: Float64Array.of(x, y), ids: [FIRST_DROPPED + i], first: times.indexOf(t), last, times, seed, estimate: fields[field], moves: move(rule) }));
    return dropped.get(name);
  };

  const lattice = () => clamp(Math.round(side / 28), 8, 15); // arrows in a row
  const pointed = new Map(); // by field, state, kind and number
  const arrowsOf = (field, k, row, velocity) => {
    const name = `${field} ${k} ${row} ${velocity}`;
    if (!pointed.has(name)) pointed.set(name, pointing(field, k, row, velocity));
    return pointed.get(name);
  };
  // On a lattice of row x row points: the score times the noise level, or where DDIM's step leads, whose mean
  // size is 1.
  const pointing = (field, k, row, velocity) => {
    const n = row * row;
    const [a, b] = [levels[2 * k], levels[2 * k + 1]];
    const at = Float64Array.from({ length: 2 * n }, (_, i) => {
      const place = i % 2 ? Math.floor((i >> 1) / row) : (i >> 1) % row;
      return ((2 * place + 1) / row - 1) * half(k);
    });
    const x0 = new Float64Array(2 * n);
    fields[field](k, at, 0, n, x0);
    const arrows = at.map((x, i) => (velocity ? flow[3 * k] * x0[i] + (flow[3 * k + 1] - 1) * x : (a * x0[i] - x) / b));
    const unit = velocity ? Math.sqrt(arrows.reduce((sum, x) => sum + x * x, 0) / n) || 1 : 1;
    return Float32Array.from(arrows, (x) => x / unit);
  };

  const panel = (field, title, rule) => {
    const canvas = element("canvas", { role: "img" });
    const context = canvas.getContext("2d");
    const [ground, wake] = [element("canvas"), element("canvas")]; // density and arrows; the older part of paths
    const [under, behind] = [ground.getContext("2d"), wake.getContext("2d")];
    let [prepared, drawn, dots] = ["", "", null];
    let until = 0; // the state to which the older part is drawn
    // Where points from..to of a state are on the canvas, at a share of the way to the next state: x, y, x, ...
    const placed = (way, k, share, from = 0, to = from + 1) => {
      const [now, then] = [way.at(k), share ? way.at(k + 1) : null];
      const [scale, other] = [side / 2 / half(k), share ? side / 2 / half(k + 1) : 0];
      const found = new Float64Array(2 * (to - from));
      for (let i = 0, j = 2 * from; i < found.length; i++, j++) {
        const u = scale * now[j];
        const moved = share ? u + share * (other * then[j] - u) : u;
        found[i] = side / 2 + (i % 2 ? -moved : moved);
      }
      return found;
    };
    const trace = (path, way, i, from, to, share) => {
      for (let k = from; k <= to; k++) path[k > from ? "lineTo" : "moveTo"](...placed(way, k, 0, i));
      if (share) path.lineTo(...placed(way, to, share, i));
    };
    const arrows = (k) => {
      const path = new Path2D();
      const row = lattice();
      const pointing = arrowsOf(field, k, row, model.get("arrows") === "velocity");
      for (let i = 0; i < row * row; i++) {
        const [x, y] = [pointing[2 * i], -pointing[2 * i + 1]];
        const size = side / row / (1 + Math.hypot(x, y)); // as long as in true proportion, at most a cell
        const [u, v] = [x * size, y * size]; // from tail to tip,
        const [n, m] = [-y, x].map((across) => across / (Math.hypot(x, y) || 1)); // and a pixel across
        const [px, py] = [side * ((i % row) + 0.5) / row, side * (1 - (Math.floor(i / row) + 0.5) / row)];
        const [neck, broad] = [0.6, Math.min(3, 0.25 * Math.hypot(u, v))];
        path.moveTo(px + 0.6 * n, py + 0.6 * m);
        path.lineTo(px + neck * u + 0.6 * n, py + neck * v + 0.6 * m);
        path.lineTo(px + neck * u + broad * n, py + neck * v + broad * m);
        path.lineTo(px + u, py + v);
        path.lineTo(px + neck * u - broad * n, py + neck * v - broad * m);
        path.lineTo(px + neck * u - 0.6 * n, py + neck * v - 0.6 * m);
        path.lineTo(px - 0.6 * n, py - 0.6 * m);
      }
      return path;
    };
    const lay = (k) => {
      const name = `${k} ${model.get("arrows")}`;
      if (name === prepared) return;
      prepared = name;
      under.setTransform(ratio, 0, 0, ratio, 0, 0);
      under.clearRect(0, 0, side, side);
      under.drawImage(density(k), 0, 0, side, side);
      if (model.get("arrows") === "none") return;
      under.fillStyle = ARROW;
      under.fill(arrows(Math.min(k, last - 1)));
    };
    // The older part of the paths grows by a piece when time goes on, and is drawn anew when it jumps.
    const age = (way, k) => {
      const name = `${here()}`;
      if (name !== drawn || k < until) {
        behind.clearRect(0, 0, side, side);
        [drawn, until] = [name, 0];
      }
      const path = new Path2D();
      for (let i = 0; i < Math.min(TRACED, count); i++) trace(path, way, i, until, k, 0);
      behind.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (k > until) strokes(behind, PATH, 1.2 * thin, 1, path);
      until = k;
    };
    const here = () => rule ?? names.indexOf(model.get("rule"));
    const stamp = (image, [x, y]) => context.drawImage(image, x * ratio - image.width / 2, y * ratio - image.height / 2);
    return {
      canvas,
      title,
      figure: element("div", { class: "particles-panel" }, element("div", { class: "scrub-head" }, title), canvas),
      way: () => walkOf(field, here()),
      arrow: (k) => arrowsOf(field, k, lattice(), model.get("arrows") === "velocity"),
      positions: (k) => Array.from(placed(walkOf(field, here()), k, 0, 0, count)),
      resize() {
        for (const c of [canvas, ground, wake]) c.width = c.height = Math.round(side * ratio);
        canvas.style.width = `${side}px`;
        dots = cloud(canvas.width, ratio * Math.min(count > 1000 ? 1.7 : 2.1, side / 120));
        prepared = drawn = "";
      },
      draw(k, share) {
        const way = walkOf(field, here());
        lay(k);
        context.setTransform(1, 0, 0, 1, 0, 0);
        context.clearRect(0, 0, canvas.width, canvas.height);
        context.drawImage(ground, 0, 0);
        const hands = model.get("dropped").map((point, i) => dropOf(field, here(), point, i));
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        const traced = model.get("paths") ? Math.min(TRACED, count) : 0;
        if (traced) {
          const fresh = new Path2D();
          age(way, Math.max(0, k - FRESH));
          for (let i = 0; i < traced; i++) trace(fresh, way, i, until, k, share);
          context.globalAlpha = 0.35;
          context.drawImage(wake, 0, 0, side, side);
          strokes(context, PATH, 1.8 * thin, 1, fresh);
        }
        const [gone, fresh, ahead] = [new Path2D(), new Path2D(), new Path2D()];
        for (const hand of hands) {
          const recent = Math.max(hand.first, k - FRESH);
          if (hand.first < recent) trace(gone, hand, 0, hand.first, recent, 0);
          if (recent <= k) trace(fresh, hand, 0, recent, k, share);
          trace(ahead, hand, 0, Math.max(k, hand.first), last, 0);
        }
        strokes(context, HAND, thin, 0.25, ahead);
        strokes(context, HAND, 1.5 * thin, 0.35, gone);
        strokes(context, HAND, 2.2 * thin, 1, fresh);
        context.setTransform(1, 0, 0, 1, 0, 0);
        dots.clear();
        const found = placed(way, k, share, 0, count);
        for (let i = 2 * traced; i < found.length; i += 2) dots.add(found[i] * ratio, found[i + 1] * ratio);
        dots.put();
        context.drawImage(dots.canvas, 0, 0);
        for (let i = 0; i < traced; i++) stamp(middle, placed(way, k, share, i));
        for (const hand of hands) stamp(large, placed(hand, Math.max(k, hand.first), k < hand.first ? 0 : share, 0));
        canvas.dataset.t = times[k];
        canvas.setAttribute("aria-label", `${title}: density and ${count} particles at t = ${times[k]}`);
      },
      cross(x, y) {
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        const path = new Path2D();
        for (const [dx, dy] of [[9, 0], [0, 9]]) {
          path.moveTo(x - dx, y - dy);
          path.lineTo(x + dx, y + dy);
        }
        strokes(context, HAND, 2, 1, path);
      },
    };
  };
  const panels = width
    ? [panel(0, "exact field"), panel(1, "learned field")]
    : names.map((name, i) => panel(0, name, i));

  const time = document.createTextNode("");
  const rest = element("small", {}, ` of ${times[0]}`);
  const told = element("span", { class: "particles-told", "aria-live": "polite" });
  const spot = { x: 0.5, y: 0.5, shown: false }; // where the button drops a point, in shares of a picture
  let share = 0;
  const draw = (k) => {
    time.data = times[k];
    if (!side) return; // not on the page yet
    for (const p of panels) {
      p.draw(k, k < last ? share : 0);
      if (spot.shown) p.cross(spot.x * side, spot.y * side);
    }
  };
  const again = () => draw(controls.k);
  const describe = (k) => `t = ${times[k]}: signal ${levels[2 * k].toFixed(2)}, noise ${levels[2 * k + 1].toFixed(2)}`;
  const controls = player(root, {
    last,
    name: "the walk from noise to data",
    describe,
    seconds: () => 7,
    pace: () => shares,
    // The film waits for what has still to be computed, and stays smooth.
    ready: (k) => panels.map((p) => !p.way().ahead(performance.now() + 6 / panels.length, k)).every(Boolean),
    moved(k) {
      share = 0;
      draw(k);
      python.move(times[k]);
    },
    between(k, part) {
      share = part;
      draw(k);
    },
    left: python.tell,
  });

  const set = (trait, value) => {
    controls.take();
    model.set(trait, value);
    model.save_changes();
  };
  const drop = (u, v) => {
    const k = Math.min(controls.k, last - 1);
    const [x, y] = [(2 * u - 1) * half(k), (1 - 2 * v) * half(k)];
    const points = model.get("dropped");
    if (points.length >= MOST) return void (told.textContent = `${MOST} points are the most; clear them first.`);
    set("dropped", [...points, [x, y, times[k]]]);
    told.textContent = `Point dropped at (${x.toFixed(1)}, ${y.toFixed(1)}), t = ${times[k]}.`;
  };
  for (const p of panels)
    controls.drag(p.canvas, (event) => {
      const box = p.canvas.getBoundingClientRect();
      drop(clamp((event.clientX - box.left) / box.width, 0, 1), clamp((event.clientY - box.top) / box.height, 0, 1));
    });

  const rules = choice("rule", names, (name) => set("rule", name));
  const kinds = choice("arrows", ["score", "velocity", "none"], (kind) => set("arrows", kind));
  const plain = (text, clicked) => {
    const made = element("button", { type: "button", class: "particles-button" }, text);
    made.addEventListener("click", clicked);
    return made;
  };
  const paths = plain("paths", () => set("paths", !model.get("paths")));
  const hand = plain("drop a point", () => drop(spot.x, spot.y));
  hand.title = "or click on a picture; arrow keys move the cross";
  hand.setAttribute("aria-label", "drop a point at the cross, which the arrow keys move");
  const clear = plain("clear points", () => set("dropped", []));
  const aim = (shown) => {
    spot.shown = shown;
    again();
  };
  hand.addEventListener("focus", () => aim(true));
  hand.addEventListener("blur", () => aim(false));
  hand.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    if (dx === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    spot.x = clamp(spot.x + dx / 40, 0, 1);
    spot.y = clamp(spot.y + dy / 40, 0, 1);
    event.preventDefault();
    event.stopPropagation();
    again();
  });

  const clock = element("span", { class: "scrub-clock" }, element("i", {}, "t"), " = ", time, rest);
  const hint = element("span", { class: "particles-hint" }, "Play, or drag a picture sideways to move ", element("i", {}, "t"), ". Click on it to drop a point of your own.");
  const key = (kind, ...words) => element("span", { class: `particles-key particles-${kind}` }, element("span", {}, ...words));
  const keys = {
    score: key("arrow", "score: uphill, to likelier places"),
    velocity: key("arrow", "velocity: where a step without noise leads"),
    paths: key("path", `the paths of ${Math.min(TRACED, count)} of them`),
    dropped: key("hand", "your points, and their ways"),
  };
  const legend = element("div", { class: "particles-legend" }, key("shade", "where ", symbol("x", "t"), " is likely"), key("dot", "particles"), ...Object.values(keys));
  const labelled = (text, ...children) => element("span", { class: "particles-group" }, ...(text ? [text] : []), ...children);
  root.append(
    element("div", { class: "particles-panels", style: `gap: 8px ${GAP}px` }, ...panels.map((p) => p.figure)),
    controls.bar,
    element("div", { class: "scrub-caption" }, clock, hint),
    legend,
    element("div", { class: "particles-row" },
      ...(width && names.length > 1 ? [labelled("", rules.box)] : []),
      labelled("arrows", kinds.box), labelled("", paths, hand, clear), told),
  );
  el.append(root);

  const follow = () => {
    const k = times.indexOf(model.get("t"));
    if (k < 0 || k === controls.k) return;
    controls.place(k);
    share = 0;
    again();
  };
  const settings = "change:rule change:arrows change:paths change:dropped";
  const changed = () => {
    rules.show(model.get("rule"));
    kinds.show(model.get("arrows"));
    paths.setAttribute("aria-pressed", String(model.get("paths")));
    clear.disabled = !model.get("dropped").length;
    const seen = { [model.get("arrows")]: true, paths: model.get("paths"), dropped: !clear.disabled };
    for (const [name, line] of Object.entries(keys)) line.hidden = !seen[name];
    again();
    begin();
  };

  // While nothing else is to do, the states to come are computed, so that a drag finds them ready.
  let idle = 0;
  const ahead = (until) => {
    if (panels.some((p) => p.way().ahead(until))) return true;
    if (model.get("arrows") === "none") return false;
    for (const p of panels)
      for (let k = 0; k < last; k++) {
        if (performance.now() > until) return true;
        p.arrow(k);
      }
    return false;
  };
  const later = window.requestIdleCallback ?? ((call) => setTimeout(() => call({ timeRemaining: () => 6 }), 30));
  const never = window.cancelIdleCallback ?? clearTimeout;
  const work = (deadline) => {
    idle = 0;
    if (!side || ahead(performance.now() + Math.min(8, deadline.timeRemaining()))) begin();
    else root.dataset.whole = "true";
  };
  const begin = () => {
    delete root.dataset.whole;
    idle ||= later(work);
  };

  follow();
  const unwatch = onWidth(root, (room) => {
    const beside = room >= 340 ? panels.length : 1;
    side = Math.floor(Math.min(440, (room - GAP * (beside - 1)) / beside));
    ratio = window.devicePixelRatio || 1;
    thin = clamp(side / 300, 0.6, 1);
    [middle, large] = [dot(Math.min(3.5, side / 90), PATH, ratio), dot(Math.min(4.5, side / 60), HAND, ratio)];
    root.style.setProperty("--sheet", `${(side + GAP) * beside - GAP}px`);
    for (const p of panels) p.resize();
    again();
    panels[0].canvas.dataset.ready = "true";
  });
  changed();
  root.positions = () => panels.map((p) => p.positions(controls.k)); // on each canvas, in pixels of the page
  root.arrows = () => panels.map((p) => Array.from(p.arrow(Math.min(controls.k, last - 1)))); // x, y, x, ...
  model.on("change:t", follow);
  model.on(settings, changed);
  return () => {
    controls.stop();
    never(idle);
    unwatch();
    python.off();
    model.off("change:t", follow);
    model.off(settings, changed);
  };
}

export default { render };

// What hands do with the networks: words, noise, a digit of one's own, and time.

const SIDE = 28;
const KINDS = {
  emoji: { network: "emoji", decoder: "emoji-decoder", n: 4, columns: 2, shape: [8, 8, 4], seen: [32, 32, 3] },
  digits: { network: "mnist", n: 16, columns: 4, shape: [SIDE, SIDE, 1], seen: [SIDE, SIDE, 1] },
};
const RULES = { ancestral: 1, DDIM: 0, "2M": 0 }; // and their η

const page = document.getElementById("live");
let workers = null;

// Loads what a kind needs, once; told(share).
const summoned = new Map();
const summon = (kind, told = () => {}) => {
  if (!summoned.has(kind)) summoned.set(kind, loaded(kind, told).catch((error) => { summoned.delete(kind); throw error; }));
  return summoned.get(kind);
};
async function loaded(kind, told) {
  const { network, decoder, shape } = KINDS[kind];
  const names = [network, ...(decoder ? [decoder] : [])];
  const shares = names.map(() => 0);
  const packs = await Promise.all(
    names.map((name, k) => fetched(name, (share) => told((shares[k] = share) && shares.reduce((a, b) => a + b) / names.length))),
  );
  workers ??= crew();
  const [pack, second] = packs;
  return {
    pack,
    schedule: scheduled(pack.abar),
    network: await workers("unet", network, pack, shape),
    decode: decoder ? await workers("decoder", decoder, second, shape) : (x) => x,
  };
}

// One kind: its stage, its knobs, its time.
function studio(kind, ask) {
  const { n, columns, shape, seen } = KINDS[kind];
  const size = shape.reduce((a, b) => a * b);
  const root = page.querySelector(`[data-kind="${kind}"]`);
  const find = (name) => root.querySelector(`.live-${name}`);
  const [stage, go, stop, status, time] = ["stage", "go", "stop", "status", "time"].map(find);
  const pictures = sheet(n, ...seen, columns, "");
  const { canvas } = pictures;
  stage.append(canvas);
  let run = null; // the walk that is shown: its plan, and its frames
  let running = null; // the walk that goes on
  let view = "xt";

  const say = (text) => (status.textContent = text);
  const clock = document.createTextNode("0");
  const controls = player(time, {
    last: 1,
    name: "step of the walk from noise to picture",
    describe: (k) => `t = ${run ? run.times[k] : 0}`,
    seconds: () => 4,
    pace: () => run?.pace ?? even(1),
    ready: (k) => !!run && k < run.done,
    moved: (k) => draw(k),
  });
  find("bar").replaceWith(controls.bar);
  find("clock").append(element("i", {}, "t"), " = ", clock);

  // The frame k; where only some pictures walk, the others stay as they came out.
  const draw = (k, some = null) => {
    if (!run) return;
    const frame = run.frames[Math.min(k, run.done - 1)];
    const [shown, end] = [frame, run.frames[run.done - 1]].map((each) => each[view] ?? each.xt);
    const count = shown.length / n;
    pictures.draw((i) => (some && !some.includes(Math.floor(i / count)) ? end : shown)[i]);
    stage.classList.add("live-on");
    clock.data = frame.t;
    canvas.dataset.t = frame.t;
  };
  const busy = (on) => {
    root.classList.toggle("live-running", on);
    stop.disabled = !on;
    stop.textContent = "Stop";
  };

  // A plan: the rule, the labels, the times, as the knobs stand now.
  const planned = (made) => {
    const { steps, eta, rule, strength } = knobs.values();
    const from = made.from ?? made.schedule.T;
    const count = Math.max(1, Math.round((steps * from) / made.schedule.T));
    const times = made.schedule.times(Math.min(count, from), from);
    const logSnr = times.map((t) => { const { signal, noise } = made.schedule.at(t); return 2 * Math.log(signal / noise); });
    return { ...made, times, pace: paced(logSnr), strength, rule: ddimEta(eta), better: rule === "2M" ? extrapolating : undefined };
  };

  // Walk the pictures `which` of the plan from x, and show each step.  Resolves when it is done or was left.
  async function walk(plan, which, x) {
    const me = (running = { held: false });
    const whole = which.length === n;
    if (whole) {
      run = { ...plan, frames: [], done: 0 };
      controls.resize(run.times.length - 1);
    }
    const labels = which.map((i) => plan.labels[i]);
    const estimate = guided(plan.network, plan.pack, labels, plan.strength);
    const seeds = which.map((i) => plan.seeds[i]);
    const rule = plan.wrap ? plan.wrap(plan.rule, which) : plan.rule;
    const noise = (t) => drawn(seeds, t, size);
    busy(true);
    const began = performance.now();
    let [k, rest] = [0, 0];
    for await (const frame of sample(estimate, plan.schedule, x, plan.times, rule, noise, plan.better?.())) {
      const [xt, x0] = await Promise.all([frame.xt, frame.x0].map((z) => z && plan.decode(z)));
      if (running !== me) return false;
      record(k, frame.t, which, xt, x0);
      if (whole) run.done = k + 1;
      controls.place(k);
      draw(k++, whole ? null : which);
      const paused = performance.now();
      while (running === me && me.held) await new Promise((wake) => (me.wake = wake));
      rest += performance.now() - paused;
    }
    running = null;
    busy(false);
    root.dataset.took = performance.now() - began - rest;
    return true;
  }
  const record = (k, t, which, xt, x0) => {
    const count = seen.reduce((a, b) => a * b);
    run.frames[k] ??= { t, xt: new Uint8Array(n * count), x0: k ? new Uint8Array(n * count) : null };
    which.forEach((i, j) => {
      for (let p = 0; p < count; p++) {
        run.frames[k].xt[i * count + p] = grey(xt[j * count + p]);
        if (x0) run.frames[k].x0[i * count + p] = grey(x0[j * count + p]);
      }
    });
  };

  const leave = () => {
    running?.wake?.();
    running = null;
    controls.stop();
    busy(false);
  };
  const failed = (error) => {
    leave();
    say(`It doesn't work here: ${error.message}`);
  };
  // Load if need be, ask for a plan, and go.
  async function begin() {
    leave();
    const me = (running = {});
    try {
      if (!summoned.has(kind)) say("Loading the network …");
      go.setAttribute("aria-busy", "true");
      const made = await summon(kind, (share) => say(`Loading the network: ${Math.round(100 * share)} %`));
      go.removeAttribute("aria-busy");
      if (running !== me) return;
      if (stage.getBoundingClientRect().bottom > innerHeight)
        stage.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
      const asked = ask.plan(made, say, n, size);
      if (!asked) return void (running = null);
      say("Drawing …");
      if (!(await walk(planned({ ...made, ...asked }), asked.seeds.map((_, i) => i), asked.start))) return;
      const seconds = (root.dataset.took / 1000).toFixed(1);
      say(`${n} pictures, ${run.times.length - 1} steps: ${seconds} s on this device.${asked.note ?? ""}`);
    } catch (error) {
      go.removeAttribute("aria-busy");
      failed(error);
    }
  }

  stop.addEventListener("click", () => {
    if (!running) return;
    running.held = !running.held;
    stop.textContent = running.held ? "Go on" : "Stop";
    root.classList.toggle("live-running", !running.held);
    if (!running.held) running.wake?.();
  });
  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    begin();
  });
  for (const input of root.querySelectorAll(".live-view input"))
    input.addEventListener("change", () => {
      view = input.value;
      draw(controls.k);
    });
  const knobs = knobsOf(root);
  controls.place(1); // the poster is an end
  if (kind === "digits") new ResizeObserver(() => pictures.fit(stage.clientWidth, stage.clientWidth)).observe(stage);
  return {
    ...{ root, canvas, find, say, begin, leave, failed, walk, controls },
    run: () => run,
    idle: () => !running,
    draw: () => draw(controls.k),
    // The stage with numbers x in place of picture i.
    paint(i, x) {
      const shown = run.frames.at(-1)[view];
      pictures.draw((p) => (Math.floor(p / size) === i ? grey(x[p % size]) : shown[p]));
    },
  };
}

// Steps, rule, η and guidance.
function knobsOf(root) {
  const knob = (name) => root.querySelector(`.live-${name} input`);
  const [steps, eta, strength] = ["steps", "eta", "strength"].map(knob);
  const rules = [...root.querySelectorAll(".live-rule input")];
  const values = () => ({
    steps: STEPS[steps.valueAsNumber],
    eta: eta.valueAsNumber,
    rule: rules.find((input) => input.checked)?.value ?? "",
    strength: strength.valueAsNumber,
  });
  const show = () => {
    const now = values();
    for (const input of [steps, eta, strength])
      input.style.setProperty("--done", (input.value - input.min) / (input.max - input.min));
    for (const [name, input] of Object.entries({ steps, eta, strength })) {
      const text = name === "strength" && now.strength === 1 ? "1, none" : `${now[name]}`;
      input.closest("label").querySelector("output").value = text;
      input.setAttribute("aria-valuetext", text);
    }
    eta.disabled = now.rule === "2M";
  };
  for (const input of rules)
    input.addEventListener("change", () => {
      eta.value = RULES[input.value];
      show();
    });
  eta.addEventListener("input", () => {
    for (const input of rules) input.checked = input.value !== "2M" && RULES[input.value] === eta.valueAsNumber;
    show();
  });
  for (const input of [steps, strength]) input.addEventListener("input", show);
  show();
  return { values };
}

const fresh = (n) => {
  const first = Math.floor(Math.random() * 2 ** 32);
  return Array.from({ length: n }, (_, i) => (first + i) >>> 0);
};

// Pictures from words.
function words() {
  const numbers = ({ config, folded }) => (numbers.made ??= vocabulary(config.words, folded));
  const listed = (unknown) => unknown.slice(0, 5).join(", ") + (unknown.length > 5 ? ", …" : "");
  const ask = {
    plan({ pack, schedule }, say, n, size) {
      const { known, unknown } = numbers(pack)(input.value);
      if (unknown.length && !known.length) {
        say(`It knows none of these words: ${listed(unknown)}. Try some of those below.`);
        return null;
      }
      const seeds = fresh(n);
      return {
        seeds,
        labels: seeds.map(() => (known.length ? known : [-1])),
        start: drawn(seeds, schedule.T, size),
        note: unknown.length ? ` Left out, not among its ${pack.config.words.length} words: ${listed(unknown)}.` : "",
      };
    },
  };
  const it = studio("emoji", ask);
  const input = it.find("words");
  for (const chip of it.root.querySelectorAll(".live-chip"))
    chip.addEventListener("click", () => {
      input.value = chip.textContent;
      it.begin();
    });
  it.controls.drag(it.canvas);
  it.canvas.setAttribute("aria-label", "four pictures");
  return { ...it, numbers: async (texts) => texts.map(numbers((await summon("emoji")).pack)) };
}

// A digit of one's own: x0 (28, 28) in [-1, 1], what is rubbed out of it, and a brush.
function pad(canvas, tool) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  const pixels = new Uint32Array(image.data.buffer);
  const [x0, rubbed] = [new Float32Array(SIDE * SIDE).fill(-1), new Uint8Array(SIDE * SIDE)];
  const cross = { x: 14, y: 14 };
  const brushes = {
    ink: (p, off) => (x0[p] = Math.max(x0[p], 2 * clamp(2 - off, 0, 1) - 1)),
    erase: (p, off) => off < 2.5 && (x0[p] = -1),
    rub: (p, off) => off < 2.5 && (rubbed[p] = 1),
    restore: (p, off) => off < 2.5 && (rubbed[p] = 0),
  };
  const draw = () => {
    for (let p = 0; p < x0.length; p++) {
      const mark = (p + Math.floor(p / SIDE)) % 2 ? 0xffd28a3c : 0xffb06a1e; // where nothing is known: a blue check
      pixels[p] = rubbed[p] ? mark : (255 << 24) | (grey(x0[p]) * 0x010101);
    }
    context.putImageData(image, 0, 0);
  };
  const dab = (x, y) => {
    for (let p = 0; p < x0.length; p++) brushes[tool()](p, Math.hypot((p % SIDE) + 0.5 - x, Math.floor(p / SIDE) + 0.5 - y));
  };
  const stroke = (...points) => {
    for (let k = 1; k < points.length; k++) {
      const [[ax, ay], [bx, by]] = [points[k - 1], points[k]];
      const pieces = Math.ceil(2 * Math.hypot(bx - ax, by - ay)) || 1;
      for (let i = 0; i <= pieces; i++) dab(ax + ((bx - ax) * i) / pieces, ay + ((by - ay) * i) / pieces);
    }
    draw();
  };
  brushed(canvas, SIDE, SIDE, { to: stroke });
  canvas.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (event.ctrlKey || event.metaKey || event.altKey || (!dx && !dy && event.key !== " ")) return;
    event.preventDefault();
    Object.assign(cross, { x: clamp(cross.x + dx, 0, SIDE - 1), y: clamp(cross.y + dy, 0, SIDE - 1) });
    if (event.key === " ") stroke([cross.x + 0.5, cross.y + 0.5], [cross.x + 0.5, cross.y + 0.5]);
    draw();
    context.fillStyle = "#0f9166";
    context.fillRect(cross.x, cross.y, 1, 1);
  });
  canvas.addEventListener("blur", draw);
  return {
    ...{ x0, rubbed, draw, stroke },
    put(values) {
      x0.set(values);
      rubbed.fill(0);
      draw();
    },
  };
}

// A brush on a canvas of width x height pixels: down(a) where it is put down, then to(a, b) as it moves, up() at the
// end.
function brushed(canvas, width, height, { down = () => {}, to, up = () => {} }) {
  let at = null;
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [((clientX - box.left) / box.width) * width, ((clientY - box.top) / box.height) * height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    canvas.setPointerCapture(event.pointerId);
    at = place(event);
    down(at);
    to(at, at);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!at) return;
    const before = at;
    to(before, (at = place(event)));
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, () => {
      if (at) up();
      at = null;
    });
}

const WITH_KEYS = "Arrow keys choose a digit; the space bar draws its start noise anew, or puts it on the pad.";
const FOUR = [[[10, 4], [7, 15], [21, 15]], [[18, 5], [17, 24]]]; // what stands on the pad at first
const TOLD = { noise: "turn", own: "-1", fill: "-1" };

// Digits: from noise, from one's own, or filled in.
function digits() {
  const mode = () => find("mode input:checked").value;
  const ask = {
    plan({ schedule }, say, n, size) {
      const seeds = fresh(n);
      const eps = drawn(seeds, schedule.T, size);
      const told = find("told select").value;
      const labels = seeds.map((_, i) => (told === "turn" ? i % 10 : Number(told)));
      const repeated = (values, count) => Float32Array.from({ length: count * size }, (_, i) => values[i % size]);
      if (mode() === "noise") return { seeds, labels, start: eps };
      if (mode() === "own") {
        const from = level.valueAsNumber;
        return { seeds, labels, from, start: noised(repeated(own.x0, n), eps, schedule.at(from)) };
      }
      if (!own.rubbed.some(Boolean)) {
        say("Rub out a part of the digit first.");
        return null;
      }
      const [known, mask] = [own.x0.slice(), own.rubbed.map((out) => 1 - out)];
      const wrap = (rule, which) => keeping(repeated(known, which.length), repeated(mask, which.length), rule);
      return { seeds, labels, start: eps, wrap };
    },
  };
  const it = studio("digits", ask);
  const { find, canvas } = it;
  const level = find("level input");
  const own = pad(find("pad"), () => find(`tools-${mode()} input:checked`)?.value ?? "ink");
  own.stroke(...FOUR[0]);
  own.stroke(...FOUR[1]);

  const arranged = () => {
    it.root.dataset.mode = mode();
    find("told select").value = TOLD[mode()];
    find("go").textContent = { noise: "New noise", own: "Let it come back", fill: "Fill in" }[mode()];
  };
  for (const input of it.root.querySelectorAll(".live-mode input")) input.addEventListener("change", arranged);
  const levelled = () => {
    level.style.setProperty("--done", level.value / level.max);
    find("level output").value = level.value;
  };
  level.addEventListener("input", levelled);
  find("clear").addEventListener("click", () => own.put(own.x0.fill(-1)));
  arranged();
  levelled();
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", `Sixteen digits. ${WITH_KEYS}`);
  repaint(it, mode, own);
  return { ...it, own };
}

// On the stage: over a digit, the brush draws its start noise anew, and it is walked again; in the other modes, a digit
// that is touched is put on the pad.
function repaint({ canvas, find, say, failed, walk, run, idle, draw, paint }, mode, own) {
  const cell = SIDE + 1;
  const { n, columns } = KINDS.digits;
  const size = SIDE * SIDE;
  const chosen = element("div", { class: "live-chosen", hidden: "" });
  find("stage").append(chosen);
  let [at, hand] = [0, null]; // the picture that the keys are at; what the brush does
  const pictureAt = ([x, y]) => Math.min(n - 1, columns * clamp(Math.floor(y / cell), 0, n / columns - 1) + clamp(Math.floor(x / cell), 0, columns - 1));
  const take = (i) => {
    const { frames } = run();
    own.put(Float32Array.from(frames.at(-1).xt.subarray(i * size, (i + 1) * size), (level) => level / 127.5 - 1));
    say(`Digit ${i + 1} is on the pad.`);
  };
  const again = async (i, x) => {
    run().start.set(x, i * size);
    say(`Digit ${i + 1}, walked again from its new start.`);
    if (await walk(run(), [i], x).catch(failed)) draw();
  };
  const begun = (i) => ({ i, x: run().start.slice(i * size, (i + 1) * size), other: drawn(fresh(1), run().times[0], size) });
  const over = () => run() && idle() && run().done === run().times.length;
  const fromNoise = () => over() && mode() === "noise" && !run().wrap && !run().from; // else a start isn't noise alone
  brushed(canvas, columns * cell - 1, (n / columns) * cell - 1, {
    down(a) {
      if (fromNoise()) hand = begun(pictureAt(a));
      else if (over() && mode() !== "noise") take(pictureAt(a));
    },
    to(a, [x, y]) {
      if (!hand) return;
      const [left, top] = [(hand.i % columns) * cell, Math.floor(hand.i / columns) * cell];
      for (let p = 0; p < size; p++)
        if (Math.hypot(left + (p % SIDE) + 0.5 - x, top + Math.floor(p / SIDE) + 0.5 - y) < 4) hand.x[p] = hand.other[p];
      paint(hand.i, hand.x);
    },
    up() {
      if (hand) again(hand.i, hand.x);
      hand = null;
    },
  });
  const show = () => {
    chosen.hidden = document.activeElement !== canvas || !canvas.matches(":focus-visible");
    Object.assign(chosen.style, { left: `${((at % columns) / columns) * 100}%`, top: `${(Math.floor(at / columns) / columns) * 100}%` });
  };
  canvas.addEventListener("focus", show);
  canvas.addEventListener("blur", show);
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(by || event.key === " ")) return;
    event.preventDefault();
    if (by) at = clamp(at + by, 0, n - 1);
    else if (fromNoise()) again(at, begun(at).other);
    else if (over() && mode() !== "noise") take(at);
    show();
    canvas.setAttribute("aria-label", `Digit ${at + 1} of ${n}. ${WITH_KEYS}`);
  });
}
const studios = { emoji: words(), digits: digits() };
for (const input of page.querySelectorAll(".live-kind input"))
  input.addEventListener("change", () => {
    for (const [kind, { root, leave }] of Object.entries(studios)) {
      root.hidden = kind !== input.value;
      if (root.hidden) leave();
    }
  });
page.studios = studios;

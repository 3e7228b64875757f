// What the scrubbers share: bytes to numbers, a sheet of pictures, and the player that moves through them.
// Put before noise.js, frames.js, shape.js and so on, each of which exports one `render`.

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));

// A DataView of little-endian float64, float16 or bytes -> a typed array.
const doubles = (view) =>
  Float64Array.from({ length: view.byteLength / 8 }, (_, i) => view.getFloat64(8 * i, true));

const halves = (view) =>
  Float32Array.from({ length: view.byteLength / 2 }, (_, i) => {
    const bits = view.getUint16(2 * i, true);
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    return bits >> 15 ? -size : size;
  });

const singles = (view) =>
  Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));

const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

// The grey level of a value in [-1, 1]: 0..255, what lies outside goes to the nearest end.
const grey = (x) => {
  const level = (x * 127.5 + 128) | 0;
  return level < 0 ? 0 : level > 255 ? 255 : level;
};

// n pictures (h, w, c) on one canvas, one transparent pixel between them.  `draw(source)` asks source(i)
// for the grey level of entry i of (n, h, w, c); `fit` sets the size on the screen.
function sheet(n, h, w, c, columns, name) {
  const rows = Math.ceil(n / columns);
  const width = columns * (w + 1) - 1;
  const height = rows * (h + 1) - 1;
  const canvas = element("canvas", { width, height, role: "img", "aria-label": name });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const place = new Uint32Array(n * h * w);
  for (let i = 0, k = 0; k < n; k++)
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++)
        place[i++] = (Math.floor(k / columns) * (h + 1) + y) * width + (k % columns) * (w + 1) + x;
  return {
    canvas,
    draw(source) {
      if (c === 1)
        for (let i = 0; i < place.length; i++) pixels[place[i]] = (255 << 24) | (source(i) * 0x010101);
      else
        for (let i = 0; i < place.length; i++)
          pixels[place[i]] = (255 << 24) | (source(3 * i + 2) << 16) | (source(3 * i + 1) << 8) | source(3 * i);
      context.putImageData(image, 0, 0);
    },
    clear() {
      context.clearRect(0, 0, width, height);
    },
    // As large as the room allows; from twofold on by whole device pixels, so that all pixels are equal.
    // Returns the width.
    fit(room, tallest) {
      const ratio = window.devicePixelRatio || 1;
      const scale = Math.min(room / width, tallest / height) * ratio;
      const across = (width * (scale >= 2 ? Math.floor(scale) : scale)) / ratio;
      canvas.style.width = `${across}px`;
      return across;
    },
  };
}

const ICONS = {
  back: "M15 5 7 12l8 7z M5 5v14",
  play: "M8 5v14l11-7z",
  pause: "M8 5v14 M16 5v14",
  forward: "M9 5l8 7-8 7z M19 5v14",
  loop: "M17 3l3 3-3 3 M20 6H8a4 4 0 0 0-4 4v2 M7 21l-3-3 3-3 M4 18h12a4 4 0 0 0 4-4v-2",
};

const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add(name);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
};

const button = (name, label, ...icons) =>
  element("button", { type: "button", class: "scrub-button", title: name, "aria-label": label }, ...icons.map(icon));

const SWALLOWED = new Set(["Tab", "Escape", "Enter"]);

// Leaves the player that a hand moved last.  Every widget has this file to itself, and its views share it.
let leaveLast = () => {};

// When play comes to each frame, from 0 to 1: evenly in log-SNR, of which the eye sees what lies within ±8;
// a seventh of the time goes evenly to the frames, so that none is passed over.
const paced = (logSnr) => {
  const at = Array.from(logSnr, (l) => clamp(l, -8, 8));
  const last = at.length - 1;
  const whole = Math.abs(at[last] - at[0]);
  return at.map((l, k) => (last ? (whole ? (6 * Math.abs(l - at[0])) / whole + k / last : (7 * k) / last) / 7 : 0));
};

const even = (last) => Array.from({ length: last + 1 }, (_, k) => (last ? k / last : 0));

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// A position in 0..last.  root: the scrubber; name: what the slider moves; describe(k): its value in words;
// moved(k): called when a hand, a key or time has moved it (not by `place`); seconds(): a whole sweep;
// pace(): the share of the sweep at which play comes to each k, such as `paced` gives, evenly if it isn't
// given; between(k, share):
// called in every frame of play, with how far it is on the way to k + 1; ready(k): whether play may come
// to k; left(): called when a hand moves another view of the same widget.
function player(root, { last, name, describe, moved, seconds, pace = () => even(last), between = () => {}, ready = () => true, left = () => {} }) {
  const back = button("Step back (←)", "step back", "back");
  const play = button("Play (space)", "play", "play", "pause");
  const forward = button("Step forward (→)", "step forward", "forward");
  const loop = button("Loop", "loop", "loop");
  loop.setAttribute("aria-pressed", "false");
  const slider = element("input", { type: "range", class: "scrub-time", min: 0, max: last, step: 1, value: 0, "aria-label": name });
  const bar = element("div", { class: "scrub-bar" }, back, play, forward, loop, slider);
  let k = -1;
  let running = 0;

  const place = (to) => {
    k = to;
    if (slider.valueAsNumber !== k) slider.value = k;
    slider.style.setProperty("--done", last ? k / last : 0);
    slider.setAttribute("aria-valuetext", describe(k));
  };
  const go = (to) => {
    to = clamp(to, 0, last);
    if (to === k) return;
    place(to);
    moved(to);
  };
  // The last k to which play has come at a share of the sweep.
  const reached = (share) => {
    const shares = pace();
    let [low, high] = [0, last];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (shares[middle] <= share + 1e-9) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const stop = () => {
    if (running) between(k, 0);
    cancelAnimationFrame(running);
    running = 0;
    root.classList.remove("scrub-playing");
    play.setAttribute("aria-label", "play");
    play.title = "Play (space)";
  };
  const leave = () => {
    stop();
    left();
  };
  const take = () => {
    if (leaveLast !== leave) leaveLast();
    leaveLast = leave;
  };
  const byHand = (to) => {
    stop();
    take();
    go(to);
  };
  const toggle = () => {
    if (running) return stop();
    take();
    if (k === last) go(0);
    let from = pace()[k];
    let [began, before] = [0, 0];
    const tick = (now) => {
      began ||= now;
      const elapsed = () => from + (now - began) / 1000 / seconds();
      if (!ready(Math.min(reached(elapsed()) + 1, last))) began += now - (before || now);
      before = now;
      const again = loop.getAttribute("aria-pressed") === "true";
      let share = elapsed();
      if (share > 1 && again) {
        from = share = 0;
        began = now;
      }
      if (calm()) share = Math.floor(12 * share) / 12; // a few stills in place of a film
      share = Math.max(share, from);
      go(reached(share));
      if (k < last || again) running = requestAnimationFrame(tick);
      else return stop();
      if (k < last && !calm()) between(k, clamp((share - pace()[k]) / (pace()[k + 1] - pace()[k]), 0, 1));
    };
    running = requestAnimationFrame(tick);
    root.classList.add("scrub-playing");
    play.setAttribute("aria-label", "pause");
    play.title = "Pause (space)";
  };
  // Dragged sideways, a picture moves as play does, with its own width for the whole sweep.  tapped(event): it
  // was pressed and not dragged.
  const drag = (picture, tapped = () => {}) => {
    let held = null;
    picture.classList.add("scrub-drag");
    picture.addEventListener("pointerdown", (event) => {
      if (event.button || !event.isPrimary) return;
      held = { x: event.clientX, share: pace()[k], dragged: false };
      picture.setPointerCapture(event.pointerId);
      slider.focus({ preventScroll: true });
      event.preventDefault();
    });
    picture.addEventListener("pointermove", (event) => {
      if (!held) return;
      const across = event.clientX - held.x;
      held.dragged ||= Math.abs(across) > 4;
      if (held.dragged) byHand(reached(held.share + across / picture.getBoundingClientRect().width));
    });
    picture.addEventListener("pointerup", (event) => {
      if (held && !held.dragged) tapped(event);
      held = null;
    });
    picture.addEventListener("pointercancel", () => (held = null));
  };
  const keys = {
    ArrowRight: () => k + 1,
    ArrowUp: () => k + 1,
    ArrowLeft: () => k - 1,
    ArrowDown: () => k - 1,
    PageUp: () => k + Math.max(1, Math.round(last / 10)),
    PageDown: () => k - Math.max(1, Math.round(last / 10)),
    Home: () => 0,
    End: () => last,
  };

  slider.addEventListener("input", () => byHand(slider.valueAsNumber));
  back.addEventListener("click", () => byHand(k - 1));
  forward.addEventListener("click", () => byHand(k + 1));
  play.addEventListener("click", toggle);
  loop.addEventListener("click", () =>
    loop.setAttribute("aria-pressed", String(loop.getAttribute("aria-pressed") !== "true")),
  );
  // JupyterLab takes arrow keys and letters for itself unless they end here.
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || SWALLOWED.has(event.key)) return;
    event.stopPropagation();
    const other = event.target.matches("input") && event.target !== slider;
    if (!other && keys[event.key]) byHand(keys[event.key]());
    else if (event.key === " " && !event.target.matches("button, input:not(.scrub-time)")) toggle();
    else return;
    event.preventDefault();
  });

  // Plays once as soon as `root` is seen, unless a hand was faster or the system asks for less motion.
  const unasked = () => {
    if (calm()) return;
    const from = k;
    const watch = new IntersectionObserver(([seen]) => {
      if (!seen.isIntersecting) return;
      watch.disconnect();
      if (k === from && !running) toggle();
    });
    watch.observe(root);
  };

  return {
    bar,
    place,
    stop,
    take,
    unasked,
    drag,
    get k() {
      return k;
    },
    resize(to) {
      last = to;
      slider.max = to;
    },
  };
}

// Sets the model's t, of which Python is told when the hand rests or leaves `root`, and four times a second
// while it moves: a message and the kernel's answer take their time from the page's next frames.
// Until then what Python says of t is older than the hand, and doesn't count.
function teller(model, root) {
  let mine = 0;
  let timer = 0;
  let latest = 0;
  const tell = () => {
    if (!timer) return;
    clearTimeout(timer);
    timer = 0;
    model.save_changes();
  };
  const keep = () => timer && model.get("t") !== mine && model.set("t", mine);
  root.addEventListener("focusout", tell);
  model.on("change:t", keep);
  return {
    move(t) {
      const now = performance.now();
      if (!timer) latest = now + 250;
      clearTimeout(timer);
      timer = setTimeout(tell, Math.min(100, latest - now));
      model.set("t", (mine = t));
    },
    tell,
    off() {
      tell();
      model.off("change:t", keep);
    },
  };
}

// Draw again whenever the room in `root` changes; returns how to stop.
function onWidth(root, draw) {
  let width = 0;
  const observer = new ResizeObserver(() => {
    const room = root.clientWidth - 16; // its padding
    if (room === width || room <= 0) return;
    draw((width = room));
  });
  observer.observe(root);
  return () => observer.disconnect();
}

// A letter of a formula, with or without an index.
const symbol = (letter, below) => element("i", {}, letter, ...(below ? [element("sub", {}, below)] : []));

// "x_t = 0.44 x_0 + 0.90 ε", with the two amounts left open: two text nodes to write into.
function mixture() {
  const signal = document.createTextNode("");
  const noise = document.createTextNode("");
  const line = element("span", { class: "scrub-formula" });
  line.append(symbol("x", "t"), " = ", signal, " ", symbol("x", "0"), " + ", noise, " ", symbol("ε"));
  return {
    line,
    write(a, b) {
      signal.data = a.toFixed(2);
      noise.data = b.toFixed(2);
    },
  };
}

const amounts = (t, a, b) => `t = ${t}: ${a.toFixed(2)} of the picture, ${b.toFixed(2)} of the noise`;

// Answers without a kernel, and the progress that comes of them.  What many answer is looked up in the lesson's
// sheets; anything else goes to the judge's own thread (worker.js), which is fetched when it is first needed.

const FILE = "ddpm-progress"; // the text of a progress.json
const NOTES = "ddpm-notes"; // checks that aren't in it yet
const SLOW = 30_000; // ms after which an answer is given up
const START = 180_000; // ms for the judge's coming and waking

const memory = new Map(); // where nothing may be stored, for this page only
const read = (name) => {
  try { return localStorage.getItem(name) ?? memory.get(name) ?? ""; } catch { return memory.get(name) ?? ""; }
};
const write = (name, text) => {
  memory.set(name, text);
  try { localStorage.setItem(name, text); memory.delete(name); } catch { /* full, or not allowed */ }
};
const notes = () => JSON.parse(read(NOTES) || "[]");
const entries = () => JSON.parse(read(FILE) || "{}").exercises ?? {};

// Of each exercise the outcome so far: a pass stays one.
const outcomes = () => {
  const found = Object.fromEntries(Object.entries(entries()).map(([key, entry]) => [key, entry.outcome]));
  for (const { exercise, outcome } of notes()) {
    if (outcome && found[exercise] !== "PASSED") found[exercise] = outcome;
  }
  return found;
};

// --- the judge's thread

const script = (src) => new Promise((done, fail) => {
  document.head.append(Object.assign(document.createElement("script"), { src, onload: done, onerror: fail }));
});
const waiting = new Map();
const LATE = "it took too long";
let thread = null;
let awake = false; // whether the thread has answered once
let asked = 0;

async function started() {
  if (!window.JUDGE) await script("judge.js");
  const { worker: source, files, language } = window.JUDGE;
  const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  worker.onmessage = ({ data }) => {
    waiting.get(data.n)?.(data);
    waiting.delete(data.n);
  };
  worker.onerror = (event) => waiting.forEach((done) => done({ failed: event.message || "it can't start" }));
  worker.postMessage({ files, language });
  return worker;
}

// What a function of the desk returns.  An Error if the judge can't be had, or takes too long.
async function ask(wish, ...values) {
  const [limit, late] = awake ? [SLOW, LATE] : [START, "it took too long to start"];
  const mine = (thread ??= started());
  try {
    const worker = await mine;
    const n = ++asked;
    const reply = new Promise((done) => {
      waiting.set(n, done);
      setTimeout(done, limit, { failed: late });
    });
    worker.postMessage({ n, wish: { do: wish, with: values } });
    const { done, refused, failed } = await reply;
    if (failed) throw new Error(failed);
    awake = true;
    if (refused) throw new RangeError(refused);
    return done;
  } catch (error) {
    if (!(error instanceof RangeError) && thread === mine) {
      mine.then((worker) => worker.terminate(), () => {});
      [thread, awake] = [null, false];
    }
    throw error;
  }
}

// --- progress

const alone = (work) => navigator.locks ? navigator.locks.request(FILE, work) : work(); // of several tabs

// The file's text with all notes in it.
const folded = () => alone(async () => {
  const added = notes();
  if (added.length) {
    write(FILE, await ask("kept", read(FILE), added));
    const known = new Set(added.map((each) => JSON.stringify(each))); // others may have come meanwhile
    write(NOTES, JSON.stringify(notes().filter((each) => !known.has(JSON.stringify(each)))));
  }
  return read(FILE);
});

function note(made) {
  write(NOTES, JSON.stringify([...notes(), made]));
  show();
  if (thread) folded().catch(() => {});
}

const lessons = () => window.COURSE?.lessons ?? [];
const lessonOf = (key) => lessons().find(({ exercises }) => exercises.some(([each]) => each === key));

function tally({ exercises }) {
  const known = outcomes();
  const passed = (optional) => exercises.filter(([key, , more]) => more === optional && known[key] === "PASSED").length;
  const needed = exercises.filter(([, , more]) => !more).length;
  const [done, more] = [passed(0), passed(1)];
  const besides = more ? `, and ${more} optional` : "";
  return { done, needed, line: `${done} of ${needed} in this lesson${besides}${done === needed ? ": all done" : ""}` };
}

// --- what is seen of it

const sign = (key, id) => {
  const outcome = outcomes()[key] ?? "NOT_ATTEMPTED";
  const [mark, words] = window.COURSE.words[outcome];
  return element("a", {
    href: `#answer-${key}`, class: `sign ${outcome.toLowerCase()}`, title: `${id}: ${words}`, "aria-label": `${id}: ${words}`,
  }, mark);
};

// A lesson's mark on a list: a circle that fills, and how many of its exercises are passed.
function marks() {
  const begun = lessons().map((lesson) => [lesson, tally(lesson)]);
  const here = begun.some(([, { done }]) => done) && begun.find(([, { done, needed }]) => done < needed)?.[0];
  for (const [lesson, { done, needed }] of begun) {
    for (const item of document.querySelectorAll(`[data-lesson="${lesson.number}"]`)) {
      item.querySelector(":scope > .done")?.remove();
      if (!needed) continue;
      const mark = element("span", { class: "done", style: `--share: ${done / needed}` });
      mark.append(element("i", { "aria-hidden": "true" }), ` ${done} of ${needed}`);
      if (lesson === here) mark.append(" ", goOn(lesson));
      item.append(mark);
    }
  }
}

function goOn(lesson) {
  const known = outcomes();
  const [key] = lesson.exercises.find(([each, , more]) => !more && known[each] !== "PASSED");
  return element("a", { href: `${lesson.page}#answer-${key}` }, "continue here");
}

function show() {
  marks();
  for (const end of document.querySelectorAll("[data-mark]")) {
    const lesson = lessons().find(({ number }) => number === end.dataset.mark);
    if (!lesson) continue;
    const signs = element("p", { class: "signs" });
    for (const [key, id, more] of lesson.exercises) if (!more) signs.append(sign(key, id), " ");
    end.replaceChildren(signs, element("p", {}, `${tally(lesson).line}.`));
  }
}

// Where progress leaves this browser, and comes into it.
function desk(host) {
  const status = element("p", { role: "status" });
  const out = element("button", { type: "button" }, "Export");
  const picker = element("input", { type: "file", accept: ".json,application/json", hidden: "", "aria-label": "A progress.json" });
  const into = element("button", { type: "button" }, "Import");
  const tell = (work) => async () => {
    status.textContent = "One moment…";
    try {
      status.textContent = await work();
    } catch (error) {
      status.textContent = error instanceof RangeError ? `Not taken: ${error.message}.` : `That doesn't work here: ${error.message}.`;
    }
  };
  out.addEventListener("click", tell(async () => {
    const text = await folded();
    if (!text) return "There is nothing to export yet.";
    const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    element("a", { href, download: "progress.json" }).click();
    return "Put progress.json into the folder my/ of the course: JupyterLab goes on from there.";
  }));
  into.addEventListener("click", () => picker.click());
  picker.addEventListener("change", tell(async () => {
    const text = await picker.files[0].text();
    picker.value = "";
    await folded();
    await alone(async () => write(FILE, await ask("brought", read(FILE), text)));
    show();
    return `It is joined with what was here: ${Object.values(outcomes()).filter((each) => each === "PASSED").length} passed.`;
  }));
  const told = element("p", {}, "Kept in this browser alone. The file is the one of JupyterLab.");
  const parts = element("details", {});
  parts.append(element("summary", {}, "Your progress"), told, out, into, picker, status);
  host.append(parts);
}

// --- the questions

// The verdict on an answer, and what is to be kept of it.
async function weighed(key, sheet, { choice, text, marks: ticked = null }) {
  const answer = choice ?? text;
  const typed = answer.trim();
  if (!Object.hasOwn(sheet.known, typed)) return ask("judged", key, answer, ticked);
  return { ...sheet.verdicts[sheet.known[typed]], data: typed, version: sheet.version };
}

// What was answered before, as far as it goes back into the form.
function earlier(key, { kind }) {
  const entry = entries()[key] ?? {};
  const last = notes().findLast(({ exercise, outcome }) => exercise === key && outcome) ?? entry;
  const draft = notes().findLast(({ exercise, outcome }) => exercise === key && !outcome)?.data ?? entry.draft;
  const passed = outcomes()[key] === "PASSED" ? { n: 0, outcome: "PASSED", head: "✓ Passed", html: "" } : {};
  const data = kind === "prose" ? draft ?? last.data : last.outcome === "PASSED" ? last.data : null;
  if (kind === "prose") return [typeof data?.text === "string" ? { n: 0, ...data } : {}, passed];
  return [typeof data === "string" ? { n: 0, [kind === "choice" ? "choice" : "text"]: data } : {}, passed];
}

function question(host, key, sheet) {
  const [wished, told] = earlier(key, sheet.view);
  const model = standIn({ state: { view: sheet.view, asked: wished, told, draft: {} } });
  model.on("change:asked", async () => {
    const wish = model.get("asked");
    const tell = (made) => wish === model.get("asked") && model.set("told", { n: wish.n, ...made });
    const head = awake ? "Checking…" : "The judge is being fetched: 5 MB, once…";
    setTimeout(() => model.get("told").n !== wish.n && tell({ outcome: "WAIT", head }), 100);
    try {
      const made = await weighed(key, sheet, wish);
      const { outcome, data, version } = made;
      const when = `${new Date().toISOString().slice(0, 19)}+00:00`;
      if (outcome !== "NOT_ATTEMPTED") note({ exercise: key, outcome, data, version, when });
      tell({ ...made, tally: tally(lessonOf(key)).line });
    } catch (error) {
      console.warn(error);
      const why = error.message === LATE ? "Judging this takes too long: write it shorter." : "The judge can't work in this browser. Answer this one in JupyterLab.";
      tell({ outcome: "WAIT", head: why });
    }
  });
  model.on("change:draft", () => {
    const draft = model.get("draft");
    const rest = notes().filter(({ exercise, outcome }) => exercise !== key || outcome);
    if (Object.keys(draft).length) write(NOTES, JSON.stringify([...rest, { exercise: key, data: draft }]));
  });
  host.replaceChildren();
  render({ model, el: host });
}

function questions() {
  if (!window.SHEETS) return;
  const sheets = JSON.parse(new TextDecoder().decode(decode(window.SHEETS)));
  for (const host of document.querySelectorAll("[data-exercise]")) {
    const key = host.dataset.exercise;
    if (sheets[key]) question(host, key, sheets[key]);
  }
  window.judging = { weighed }; // for the tests
}

questions();
for (const host of document.querySelectorAll("[data-progress]")) desk(host);
show();
addEventListener("storage", show);

// The judge's own thread: Python, started once from files that came with the message, answers one wish after another.

{ // nothing here is global: Pyodide looks at globals for where it is
const inflated = async (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
};
const unpacked = async (text, type) => new Blob([await new Response(await inflated(text)).arrayBuffer()], { type });
const load = (blob) => import(URL.createObjectURL(blob));

async function start(files, language) {
  const module = async (name) => load(await unpacked(files[name], "text/javascript"));
  const blobs = {
    wasm: await unpacked(files["pyodide.asm.wasm"], "application/wasm"),
    zip: await unpacked(files["stdlib.zip"], "application/zip"),
  };
  self.fetch = async (url) => new Response(String(url).endsWith("wasm") ? blobs.wasm : blobs.zip); // no network
  const python = await (await module("pyodide.mjs")).loadPyodide({
    createPyodideModule: (await module("pyodide.asm.mjs")).default,
    indexURL: "page:///",
    stdLibURL: "page:///stdlib.zip",
    lockFileContents: await (await unpacked(files["lock.json"])).text(),
    env: { HOME: "/home/pyodide", DDPM_PROGRESS: "/home/pyodide/progress.json", DDPM_STUDENT: "", DDPM_LANGUAGE: language },
  });
  const course = JSON.parse(await (await unpacked(files["course.json"])).text());
  for (const [path, text] of Object.entries(course)) {
    const home = `/home/pyodide/${path}`;
    python.FS.mkdirTree(home.slice(0, home.lastIndexOf("/")));
    python.FS.writeFile(home, text);
  }
  return python.pyimport("ddpm_core.teach.page.desk").answered;
}

// A module worker can't be started in a page that is a file; in this one Pyodide finds what it does in a module's.
self.importScripts = () => { throw new TypeError("modules have no importScripts"); };

let answered; // the desk's function, once Python is there
self.onmessage = async ({ data: { n, files, language, wish } }) => {
  if (files) {
    answered = start(files, language);
    return;
  }
  try {
    self.postMessage({ n, ...JSON.parse((await answered)(JSON.stringify(wish))) });
  } catch (error) {
    self.postMessage({ n, failed: String(error) });
  }
};
}

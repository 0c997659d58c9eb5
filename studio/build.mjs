// Builds the page into the Python package: app.js, app.css, index.html, icon.svg and the licences of what is bundled.
// The output depends on the sources and the lock file alone, so that a second build changes nothing.
import { build, context } from "esbuild";
import { copyFile, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../src/tutelage/graphs/studio/static");

const options = {
  entryPoints: [join(here, "src/app.tsx"), join(here, "styles/app.css")],
  entryNames: "app",
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
  metafile: true,
  absWorkingDir: here,
};

/** The names of the packages whose code is in the bundle. */
function bundled(metafile) {
  const names = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) names.add(found[1]);
  }
  return [...names].sort();
}

/** The licence text of one package, under its name and version. */
async function licence(name) {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? await readFile(join(folder, file), "utf8") : `${license}\n`;
  return `${name} ${version} (${license})\n${"-".repeat(60)}\n${text.trim()}\n`;
}

async function finish(metafile) {
  const texts = await Promise.all(bundled(metafile).map(licence));
  await writeFile(join(out, "licences.txt"), texts.join("\n\n"));
  for (const file of ["index.html", "icon.svg"]) await copyFile(join(here, file), join(out, file));
}

await mkdir(out, { recursive: true });
if (process.argv.includes("--watch")) {
  const watching = await context({ ...options, minify: false });
  await finish((await watching.rebuild()).metafile);
  await watching.watch();
} else {
  await finish((await build(options)).metafile);
}

/**
 * The pages of the site that are made of programs, docs/made/: the tutorials and the gallery with what the programs of examples/ print when they are run here and
 * now, and the errors with the examples of their classes.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { errorsPage, exportedErrors } from './errors-page.mjs';
import { galleryPage, programSection } from './gallery.mjs';
import { tutorialPage } from './tutorial-page.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MADE = join(root, 'docs/made');
const run = promisify(execFile);

const read = (path) => readFileSync(join(root, path), 'utf8');

/** Programs of examples/ that need no data, as modules beside the package, which they import by its name. */
async function bundled(files) {
  await build({
    entryPoints: files.map((file) => join(root, 'examples', file)),
    outbase: join(root, 'examples'),
    outdir: join(MADE, 'programs'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['flambeau', 'flambeau/*'],
    logLevel: 'error',
  });
}

/** Runs a program and writes its losses on the error stream, behind whatever stands there. */
const START = `process.argv.splice(1, 1); // the program sees its own arguments
const { losses } = await import(process.argv[1]);
process.stderr.write('\\n' + JSON.stringify(losses ?? []));
`;

/** What a program prints, and its losses: in an empty folder and in WebAssembly, so that it prints the same everywhere. */
async function ran(file, args = []) {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-docs-'));
  const env = { ...process.env, FLAMBEAU_NATIVE: '0', NO_COLOR: '1', EPOCHS: '4' };
  delete env.FORCE_COLOR;
  const module = pathToFileURL(join(MADE, 'programs', file.replace(/\.ts$/, '.mjs'))).href;
  const { stdout, stderr } = await run(process.execPath, [join(MADE, 'programs/start.mjs'), module, ...args], {
    cwd: folder,
    env,
    maxBuffer: 2 ** 26,
  });
  rmSync(folder, { recursive: true });
  return { printed: stdout, losses: JSON.parse(stderr.slice(stderr.lastIndexOf('\n') + 1)) };
}

const write = (name, text) => writeFileSync(join(MADE, name), `${text.trimEnd()}\n`);

async function makeTutorials(files) {
  for (const [i, file] of files.entries()) {
    const { printed } = await ran(file);
    write(`tutorial-${i + 1}.md`, tutorialPage(i + 1, file, read(`examples/${file}`), printed));
  }
}

async function makeGallery(files) {
  const recorded = JSON.parse(read('test/fixtures/programs.json')).programs;
  const pictures = await ran('see.ts', [MADE]);
  await ran('draw.ts', [join(MADE, 'draw.png')]);
  const sections = [];
  for (const file of files) {
    const theirs = recorded[basename(file, '.ts')].losses;
    sections.push(programSection({ file, program: read(`examples/${file}`), theirs, ...(await ran(file)) }));
  }
  write('gallery.md', galleryPage(pictures.printed, sections));
}

/** Writes them all. @returns their names */
export async function makePages() {
  rmSync(MADE, { recursive: true, force: true });
  mkdirSync(MADE, { recursive: true });
  const tutorials = readdirSync(join(root, 'examples'))
    .filter((name) => /^\d.*\.ts$/.test(name))
    .sort();
  const programs = readdirSync(join(root, 'examples/programs'))
    .sort()
    .map((name) => `programs/${name}`);
  mkdirSync(join(MADE, 'programs'));
  writeFileSync(join(MADE, 'programs/start.mjs'), START);
  await bundled([...tutorials, ...programs, 'see.ts', 'draw.ts']);
  await makeTutorials(tutorials);
  await makeGallery(programs);
  write('errors.md', errorsPage(exportedErrors()));
  return readdirSync(MADE).filter((name) => name.endsWith('.md'));
}

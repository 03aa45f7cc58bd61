/**
 * node tools/check-docs.mjs: whether what the documents say can be followed. Of README, CHANGELOG, ARCHITECTURE, CONTRIBUTING, PERFORMANCE and docs/*.md:
 * links and their anchors, files and npm scripts that are named, options of the `flambeau` command, environment variables, and spelling (British; words of the
 * field are in tools/site/words.txt). Offline; part of `npm run lint`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { anchorsOf, linksOf, spansOf } from './site/markdown.mjs';
import { misspelt } from './site/spelling.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file) => readFileSync(join(root, file), 'utf8');
const faults = [];

const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !/^(site|made)\//.test(name))
    .map((name) => posix.join('docs', name)),
];
const texts = new Map(documents.map((file) => [file, read(file)]));

/** Every file of the repository that a document may name, without what is installed or built. */
function files() {
  const found = [];
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (/^(node_modules|dist|\.git|\.venv|coverage|runs)$/.test(entry.name)) continue;
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (path === 'docs/site' || path === 'docs/made') continue;
      if (entry.isDirectory()) walk(path);
      else found.push(path);
    }
  };
  walk('');
  return found;
}
const all = files();
const folders = new Set(all.flatMap((file) => file.split('/').map((_, i, parts) => parts.slice(0, i).join('/'))));

/** Braces and stars: `winograd*.ts`, `{bmp,gif}.ts`. */
function pattern(path) {
  const escaped = path.replace(/[.+?^$()|[\]\\]/g, '\\$&');
  const source = escaped.replace(/\*+/g, '[^/]*').replace(/\{([^}]*)\}/g, (_, list) => `(?:${list.replaceAll(',', '|')})`);
  return new RegExp(`(?:^|/)${source}(?:$|[/.])`);
}

/** A path in a document may leave out where it begins and how it ends: `tensor/dispatch.ts`, `fuse.ts`, `test/io/pt`. */
function named(path) {
  const fits = pattern(path);
  return all.some((file) => fits.test(file)) || folders.has(path);
}

function checkLinks(file, text) {
  for (const { target, line } of linksOf(text)) {
    if (/^(https?|mailto):/.test(target)) continue;
    const [path, anchor] = target.split('#');
    const other = path === '' ? file : posix.normalize(posix.join(posix.dirname(file), path));
    if (!existsSync(join(root, other))) faults.push(`${file}:${line}: no file ${target}`);
    else if (anchor !== undefined && !anchorsOf(texts.get(other) ?? read(other)).has(anchor))
      faults.push(`${file}:${line}: no heading ${target}`);
  }
}

const scripts = JSON.parse(read('package.json')).scripts;
const NPM_OWN = new Set(['ci', 'install', 'start', 'test', 'run']);
const sources = all
  .filter((file) => /^(src|test|tools|bench|lab|\.ci)\/.*(\.(ts|tsx|mjs|js|sh|py)|run)$/.test(file))
  .map(read)
  .join('\n');
const commands = all
  .filter((file) => file.startsWith('src/cli/'))
  .map(read)
  .join('\n');

/** Files in code: with an ending, below a folder of the repository or by their own name; patterns count if a file fits. */
const PATH =
  /(?<![\w./@{-])(?:(?:src|test|tools|bench|lab|docs|examples|bin)\/[\w./{},*-]+|[\w-]+(?:\/[\w{},*-]+)*\.(?:ts|tsx|mjs|py|c|sh))(?![\w/(*])/g;

function checkCode(file, code, line) {
  for (const [, name] of code.matchAll(/\bnpm run (?:-s |--silent )?([\w:-]+)/g))
    if (scripts[name] === undefined) faults.push(`${file}:${line}: no npm script ${name}`);
  for (const [, name] of code.matchAll(/\bnpm (\w[\w-]*)/g))
    if (!NPM_OWN.has(name)) faults.push(`${file}:${line}: npm ${name} is no command that package.json knows`);
  for (const [name] of code.matchAll(/\bFLAMBEAU_[A-Z_]*[A-Z]\b/g))
    if (!sources.includes(name)) faults.push(`${file}:${line}: nothing reads ${name}`);
  for (const [, rest] of code.matchAll(/\bflambeau ((?:[a-z]+\b)[^\n|;&]*)/g)) {
    const command = rest.split(' ')[0];
    if (!new RegExp(`\\b${command}\\b`).test(commands)) faults.push(`${file}:${line}: no command flambeau ${command}`);
    for (const [, option] of rest.replace(/#.*/, '').matchAll(/ --([a-z][a-z-]*)/g))
      if (!new RegExp(`\\b${option.replace(/-(.)/g, (_, c) => c.toUpperCase())}\\b:?`).test(commands))
        faults.push(`${file}:${line}: flambeau has no option --${option}`);
  }
}

/** @param theirs files that the document itself shows: its blocks begin with their names as a comment */
function checkPaths(file, code, line, theirs) {
  for (const [path] of code.matchAll(PATH)) {
    const plain = path.replace(/[.,]$/, '').replace(/\/$/, '');
    if (/…/.test(plain) || /(^|\/)(dist|runs|made|site)(\/|$)/.test(plain) || theirs.has(plain)) continue;
    if (!named(plain)) faults.push(`${file}:${line}: no file ${plain}`);
  }
}

/** The changes of old versions may name what is gone. */
const HISTORY = new Set(['CHANGELOG.md']);
for (const [file, text] of texts) {
  checkLinks(file, text);
  const theirs = new Set([...text.matchAll(/^\/\/ ([\w-]+\.m?[jt]s)\b/gm)].map(([, name]) => name));
  for (const { code, line, fence } of spansOf(text)) {
    if (HISTORY.has(file)) continue;
    checkCode(file, code, line);
    if (fence === undefined) checkPaths(file, code, line, theirs);
  }
}
for (const { file, line, word } of misspelt(texts)) faults.push(`${file}:${line}: ${word} is in no word list (tools/site/words.txt)`);

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exitCode = 1;
}

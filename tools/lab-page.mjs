// The laboratory (lab/) as one HTML file: style and program, which is the workers' as well (lab/app/program.ts). One file works from any server
// and from a folder, too. Made from the sources, so that it is never older than they are.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { keepClassNames, restoreClassNames } from './class-names.mjs';
import { pageText, withoutGpu } from './page-text.mjs';
import { threadText } from './thread-text.mjs';
import { wasmText } from './wasm-text.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const lab = join(root, 'lab');

/** The package's names as bundlers for browsers resolve them, but to sources. */
function aliases() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const pairs = Object.entries(exports).flatMap(([name, { default: file }]) => {
    const source = /^\.\/dist\/web\/([^*]*)\.js$/.exec(file ?? '')?.[1];
    return source === undefined ? [] : [[name.replace(/^\./, 'flambeau'), join(root, 'src', `${source}.ts`)]];
  });
  return Object.fromEntries(pairs);
}

/** The package's sources: layers print as their exported classes are called, whatever minifying calls them. */
function sources() {
  const src = join(root, 'src');
  const files = readdirSync(src, { recursive: true }).filter((file) => file.endsWith('.ts'));
  return files.map((file) => readFileSync(join(src, file), 'utf8'));
}

async function bundled(entry, minify, plugins = []) {
  const { outputFiles } = await build({
    entryPoints: [join(lab, entry)],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    charset: 'ascii',
    define: { 'import.meta.url': '""' }, // nothing lies beside the page
    jsx: 'automatic',
    jsxImportSource: 'preact',
    alias: aliases(),
    write: false,
    logLevel: 'error',
    plugins: [...plugins, pageText, threadText, wasmText],
  });
  const named = keepClassNames(restoreClassNames(outputFiles[0].text), sources());
  if (!minify) return named;
  const { code } = await transform(named, { minify: true, format: 'iife', target: 'es2022', charset: 'ascii' });
  return code;
}

const inScript = (text) => text.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');

/** Puts a text, and its hash for the policy of the page that is made of it, in the place of lab/page/source.ts. */
const pageProgram = (text) => ({
  name: 'page-program',
  setup({ onLoad }) {
    const hash = createHash('sha256').update(text).digest('base64');
    const contents = `export const pageScript = ${JSON.stringify(text)};export const pageHash = '${hash}';`;
    onLoad({ filter: /page[\\/]source\.ts$/ }, () => ({ contents }));
  },
});

/** What all views share first, then each view's own, by name. */
function styles() {
  const app = join(lab, 'app');
  const files = readdirSync(app, { recursive: true }).filter((file) => file.endsWith('.css') && file !== 'style.css');
  return ['style.css', ...files.sort()].map((file) => readFileSync(join(app, file), 'utf8')).join('');
}

/**
 * @param options.minify - false where a profile is to name functions
 * @returns the page's text
 */
export async function labPage({ minify = true } = {}) {
  const page = inScript(await bundled('page/main.ts', true, [withoutGpu]));
  const main = await bundled('app/main.ts', minify, [pageProgram(page)]);
  return readFileSync(join(lab, 'index.html'), 'utf8')
    .replace('/* style.css */', styles)
    .replace('/* main.ts */', () => inScript(main));
}

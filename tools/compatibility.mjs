/**
 * node tools/compatibility.mjs: writes docs/compatibility.md, what there is of PyTorch's names (tools/compatibility/page.mjs). The names of a newer
 * PyTorch come from tools/compatibility/names.py.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { format, resolveConfig } from 'prettier';
import { Declarations } from './compatibility/declarations.mjs';
import { compatibilityPage } from './compatibility/page.mjs';
import { wasmText } from './wasm-text.mjs';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const BUNDLE = at(`node_modules/.cache/compatibility-${process.pid}.mjs`);
const PAGE = at('docs/compatibility.md');

process.once('exit', () => rmSync(BUNDLE, { force: true }));
await build({
  entryPoints: [at('test/docs/compatibility-sources.ts')],
  outfile: BUNDLE,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  alias: {
    flambeau: at('src/index-node.ts'),
    'flambeau/distributions': at('src/distributions/index.ts'),
    'flambeau/node': at('src/node.ts'),
  },
  external: ['koffi', 'webgpu', 'typescript'],
  logLevel: 'error',
  plugins: [wasmText],
});
const { compared, files, library, spaces } = await import(pathToFileURL(BUNDLE).href);
const names = JSON.parse(readFileSync(at('test/fixtures/pytorch-names.json'), 'utf8'));
const page = compatibilityPage(library, new Declarations(at(''), files, spaces), names, compared);
writeFileSync(PAGE, await format(page, { ...(await resolveConfig(PAGE)), parser: 'markdown' }));

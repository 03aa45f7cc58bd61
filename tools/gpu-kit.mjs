// node tools/gpu-kit.mjs [--out DIR] [--node FILE] [--loader FILE]: makes a folder that runs bench/gpu.mjs on a Linux machine (x64)
// with a GPU and nothing installed, no Node and no network; PyTorch, where python3 has it, becomes the peer there. `sh start.sh` in the folder runs it.
//
// In it: a Node binary (xz, unpacked at the first start), the built package, the package `webgpu` for linux-x64, the bench, and Vulkan's loader, which is
// used where the machine has none (Debian's package libvulkan1, else the one of its package chromium). Says its size; above 60 MB there is no kit.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const LIMIT = 60e6;
const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'gpu-kit' },
    node: { type: 'string', default: process.execPath },
    loader: { type: 'string' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(options.out);
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function fail(message) {
  console.error(`gpu-kit: ${message}`);
  process.exit(1);
}

/** Copies a file or folder of the repository to the same place in the kit; of dist/, what runs. */
function take(path) {
  const from = join(root, path);
  if (!existsSync(from)) fail(`there is no ${path}; ${path.startsWith('dist') ? 'npm run build' : 'npm ci'} first`);
  const wanted = (source) => !/\.(map|d\.ts)$/.test(source) && basename(source) !== '__pycache__';
  cpSync(from, join(out, path), { recursive: true, dereference: true, filter: wanted });
}

/** A package's files, as they are installed. */
function takePackage(name, files) {
  for (const file of ['package.json', ...files]) take(join('node_modules', name, file));
}

/** The compressed file, unless the kit has it from before. */
function compress(from, to) {
  if (existsSync(to) && statSync(to).mtimeMs > statSync(from).mtimeMs) return;
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-kit-')); // what is half done must not be taken for done
  const plain = join(folder, 'node');
  copyFileSync(from, plain);
  chmodSync(plain, 0o755);
  spawnSync('strip', [plain]); // where there is none, it stays as large as it is
  const { status, error } = spawnSync('xz', ['-T0', '-6', plain], { stdio: 'inherit' });
  if (status === 0) copyFileSync(`${plain}.xz`, to);
  rmSync(folder, { recursive: true });
  if (status !== 0) fail(`xz cannot compress ${from}${error ? ` (${error.message})` : ''}; install xz-utils`);
}

const LOADER = 'libvulkan.so.1';
function takeLoader() {
  const places = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/lib/chromium'].map((folder) => join(folder, LOADER));
  const from = options.loader ?? places.find((place) => existsSync(place));
  if (from === undefined || !existsSync(from)) {
    console.warn(`gpu-kit: without ${LOADER}, which the other machine must have then; install libvulkan1, or name the file with --loader`);
    return;
  }
  mkdirSync(join(out, 'lib'), { recursive: true });
  copyFileSync(from, join(out, 'lib', LOADER));
}

/** Unpacks Node where it has not been, with xz or with Python, and runs the bench. */
const START = `#!/bin/sh
# sh start.sh [options of bench/gpu.mjs]
cd "$(dirname "$0")" || exit
unpack() { xz -dc node.xz 2>/dev/null || python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open("node.xz"), sys.stdout.buffer)'; }
[ -x node ] || { unpack >node.part && chmod +x node.part && mv node.part node || exit; }
exec ./node bench/gpu.mjs "$@"
`;

const sizeOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );

if (process.platform !== 'linux' || process.arch !== 'x64') fail('this takes the Node binary it runs on, so it needs Linux on x64');
mkdirSync(out, { recursive: true });
const own = ['bench', 'dist', 'lib', 'node_modules', 'node', 'LICENSE', 'package.json', 'start.sh', 'node.xz'];
const strange = readdirSync(out).find((name) => !own.includes(name));
if (strange !== undefined) fail(`${out} holds ${strange}, which is none of a kit's: name another folder with --out`);
for (const name of own.filter((name) => name !== 'node.xz')) rmSync(join(out, name), { recursive: true, force: true });

const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
for (const name of Object.keys(dependencies)) take(join('node_modules', name));
takePackage('webgpu', ['index.js', 'LICENSE.md', 'dist/linux-x64']);
for (const path of ['dist', 'package.json', 'LICENSE', 'bench/gpu.mjs', 'bench/gpu', 'bench/flops.mjs', 'bench/models.mjs', 'bench/workloads.mjs', 'bench/peers/cache.mjs', 'bench/peers/gpu.py', 'bench/peers/networks.py']) take(path); // prettier-ignore
takeLoader();
writeFileSync(join(out, 'start.sh'), START);
compress(options.node, join(out, 'node.xz'));

const size = sizeOf(out);
for (const name of readdirSync(out)) {
  const path = join(out, name);
  console.log(`${mb(statSync(path).isFile() ? statSync(path).size : sizeOf(path)).padStart(10)}  ${name}`);
}
if (size > LIMIT) {
  rmSync(out, { recursive: true });
  fail(`${mb(size)} are more than ${mb(LIMIT)}`);
}
console.log(`${out}: ${mb(size)}; there: sh start.sh`);

/**
 * Peers as child processes that answer one line for one line, so that they and we can be timed in turn. `npm run bench:peers` installs
 * them (install.mjs); one that is missing is left out. PyTorch is that of .venv, and as a second peer Debian's `python3-torch`, where it is there.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MODELS, modelFile } from '../models.mjs';
import { CACHE, PACKAGES, ROOT } from './cache.mjs';

const PYTHON = join(ROOT, '.venv/bin/python');
const DEBIAN = '/usr/bin/python3';
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** PyTorch's best settings here: an allocator that keeps its pages, threads bound to cores, compiled code that is kept. */
const TORCH_ENVIRONMENT = {
  MALLOC_MMAP_THRESHOLD_: '4000000000',
  MALLOC_TRIM_THRESHOLD_: '8000000000',
  MALLOC_TOP_PAD_: '268435456',
  OMP_PROC_BIND: 'true',
  TORCHINDUCTOR_CACHE_DIR: join(CACHE, 'inductor'),
  PYTHONWARNINGS: 'ignore',
};

/** All peers: a command and its arguments, the environment, and the devices of ours that they stand beside unless peers are named. */
const PEERS = {
  pytorch: { command: PYTHON, script: 'torch_peer.py', environment: TORCH_ENVIRONMENT, beside: ['native', 'wasm'] },
  'pytorch-debian': { command: DEBIAN, script: 'torch_peer.py', environment: TORCH_ENVIRONMENT, beside: ['native'] },
  onnxruntime: { command: PYTHON, script: 'ort_peer.py', beside: ['native'] },
  'onnxruntime-web': { command: process.execPath, script: 'onnxruntime-web.mjs', beside: ['wasm'] },
  tfjs: { command: process.execPath, script: 'tfjs.mjs', beside: ['wasm'] },
};

/** The names of the peers that stand beside a device of ours. */
export const peersBeside = (device) => Object.keys(PEERS).filter((name) => PEERS[name].beside.includes(device));

/** Starts those of the named peers that are installed. */
export async function startPeers(names, { threads, clock }) {
  const unknown = names.find((name) => PEERS[name] === undefined);
  if (unknown !== undefined) throw new Error(`no peer ${unknown}; peers: ${Object.keys(PEERS).join(', ')}`);
  mkdirSync(join(CACHE, 'onnx'), { recursive: true });
  const peers = await Promise.all(names.map((name) => start(name, threads, clock)));
  return peers.filter((peer) => peer !== undefined);
}

/** Starts one peer; undefined where it ends before it has said hello. */
async function start(name, threads, clock) {
  const { command, script, environment } = PEERS[name];
  const env = {
    ...process.env,
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    FLAMBEAU_BENCH_CACHE: CACHE,
    FLAMBEAU_BENCH_PACKAGES: PACKAGES,
    ...environment,
  };
  const child = spawn(command, [here(script), String(threads), clock], {
    env,
    stdio: ['pipe', 'pipe', process.env.FLAMBEAU_BENCH_VERBOSE ? 'inherit' : 'ignore'],
  });
  child.on('error', () => undefined); // not installed: the line below ends without an answer
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hello = await nextObject(lines);
  if (hello === undefined) return undefined;
  return {
    name,
    version: hello.version,
    /** Milliseconds of runs by setting; none for a row that the peer cannot do. */
    async time(row, seconds) {
      const request = { row, seconds, ...MODELS[row], file: name.startsWith('onnx') ? onnxFile(row) : undefined };
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const answer = await nextObject(lines);
      if (answer === undefined) throw new Error(`the peer ${name} ended while running ${row}`);
      return answer;
    },
    stop: () => child.kill(),
  };
}

const exported = new Map();

/** The row's network as an ONNX file, which PyTorch writes once; undefined where there is none. */
function onnxFile(row) {
  if (MODELS[row] !== undefined) return modelFile(row);
  if (!/-infer|-fwd$|^matmul/.test(row)) return undefined;
  if (!exported.has(row)) {
    const file = join(CACHE, 'onnx', `${row}.onnx`);
    const command = [here('export_onnx.py'), `${file}.new`, row];
    const env = { ...process.env, FLAMBEAU_BENCH_PACKAGES: PACKAGES };
    const write = () => spawnSync(PYTHON, command, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
    if (!existsSync(file) && write()) renameSync(`${file}.new`, file);
    exported.set(row, existsSync(file) ? file : undefined);
  }
  return exported.get(row);
}

/** The next line that is JSON: libraries greet on the same stream. */
async function nextObject(lines) {
  for (;;) {
    const { done, value } = await lines.next();
    if (done) return undefined;
    if (/^[[{]/.test(value)) return JSON.parse(value);
  }
}

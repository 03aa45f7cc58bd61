/**
 * Peers as child processes that answer one line for one line, so that they and we can be timed in turn. A peer that is not
 * installed is left out: PyTorch is Debian's `python3-torch`; the others come with `npm ci --prefix bench/peers`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PYTHON = '/usr/bin/python3';
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** PyTorch's best settings here: an allocator that keeps its pages, threads bound to cores. */
const TORCH_ENVIRONMENT = {
  MALLOC_MMAP_THRESHOLD_: '4000000000',
  MALLOC_TRIM_THRESHOLD_: '8000000000',
  MALLOC_TOP_PAD_: '268435456',
  OMP_PROC_BIND: 'true',
};

/** Starts all peers that are installed. */
export async function startPeers(threads) {
  const one = String(threads);
  const models = mkdtempSync(join(tmpdir(), 'flambeau-bench-'));
  const exported = spawnSync(PYTHON, [here('./export_onnx.py'), models], { cwd: here('.'), stdio: 'ignore' });
  const torchEnvironment = { ...TORCH_ENVIRONMENT, OMP_NUM_THREADS: one, OPENBLAS_NUM_THREADS: one };
  const peers = await Promise.all([
    start('pytorch', PYTHON, [here('./pytorch.py'), one], torchEnvironment),
    exported.status === 0
      ? start('onnxruntime', process.execPath, [here('./onnxruntime.mjs'), one, models])
      : undefined,
    start('tfjs', process.execPath, [here('./tfjs.mjs'), one]),
  ]);
  process.on('exit', () => rmSync(models, { recursive: true, force: true }));
  return peers.filter((peer) => peer !== undefined);
}

/** Starts one peer; undefined where it ends before it has said hello. */
async function start(name, command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => undefined); // not installed: the line below ends without an answer
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hello = await nextObject(lines);
  if (hello === undefined) return undefined;
  return {
    name,
    version: hello.version,
    /** Milliseconds of runs; none for a row that the peer cannot do. */
    async time(row, seconds) {
      child.stdin.write(`${JSON.stringify({ row, seconds })}\n`);
      const answer = await nextObject(lines);
      if (answer === undefined) throw new Error(`the peer ${name} ended while running ${row}`);
      return answer;
    },
    stop: () => child.kill(),
  };
}

/** The next line that is JSON: libraries greet on the same stream. */
async function nextObject(lines) {
  for (;;) {
    const { done, value } = await lines.next();
    if (done) return undefined;
    if (/^[[{]/.test(value)) return JSON.parse(value);
  }
}

/**
 * node bench/peak.mjs [ROW]
 *
 * The most memory that a process holds while it trains, ours (compiled, native and WebAssembly) and eager PyTorch's (of .venv, or of the Python that PYTHON names), as Linux counts it
 * (VmHWM in /proc/PID/status). ROW is a row of bench/workloads.mjs, ResNet-18's training step if it is left out.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const RUNS = 10;
const VENV = fileURLToPath(new URL('../.venv/bin/python', import.meta.url));
const PYTHON = process.env.PYTHON ?? (existsSync(VENV) ? VENV : '/usr/bin/python3');
const row = process.argv[2] ?? 'w3-train-32';

const peak = (pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

if (process.argv[3] === 'ours') {
  const { setNumThreads } = await import('flambeau');
  const { nativeReady } = await import('flambeau/node');
  const { ROWS } = await import('./workloads.mjs');
  setNumThreads(1);
  const run = ROWS.find(({ name }) => name === row).make('compiled');
  for (let i = 0; i < RUNS; i++) {
    run();
    if (i === 3) await nativeReady();
  }
  console.log(peak(process.pid));
} else {
  for (const native of ['0', '1']) {
    const FLAMBEAU_NATIVE = native;
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), row, 'ours'], {
      env: { ...process.env, FLAMBEAU_NATIVE },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [text] = await once(child.stdout, 'data');
    show(`Flambeau, ${native === '1' ? 'native' : 'WebAssembly'}`, Number(text));
  }
  const script = fileURLToPath(new URL('./peers/torch_peer.py', import.meta.url));
  const child = spawn(PYTHON, [script, '1', 'wall', 'eager'], {
    env: { ...process.env, OMP_NUM_THREADS: '1' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const before = peak(child.pid);
  child.stdin.write(`${JSON.stringify({ row, seconds: 5 })}\n`);
  await once(child.stdout, 'data');
  show('PyTorch', peak(child.pid));
  show('PyTorch before the first step', before);
  child.kill();
}

function show(name, megabytes) {
  console.log(`${row}  ${name.padEnd(30)} ${megabytes.toFixed(0).padStart(6)} MiB`);
}

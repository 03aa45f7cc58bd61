/** Peers as child processes that answer one line for one line, so that they and we can be timed in turn. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('./pytorch.py', import.meta.url));

/** PyTorch's best settings here: an allocator that keeps its pages, threads bound to cores. */
const ENVIRONMENT = {
  MALLOC_MMAP_THRESHOLD_: '4000000000',
  MALLOC_TRIM_THRESHOLD_: '8000000000',
  MALLOC_TOP_PAD_: '268435456',
  OMP_PROC_BIND: 'true',
};

/** Starts PyTorch, or gives undefined where it is not installed. */
export async function startPyTorch(threads) {
  const env = {
    ...process.env,
    ...ENVIRONMENT,
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
  };
  const child = spawn('/usr/bin/python3', [script, String(threads)], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => undefined); // no Python: the line below ends without an answer
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hello = await lines.next();
  if (hello.done) return undefined;
  const { version } = JSON.parse(hello.value);
  return {
    name: 'pytorch',
    version,
    async time(row, seconds) {
      child.stdin.write(`${JSON.stringify({ row, seconds })}\n`);
      const answer = await lines.next();
      if (answer.done) throw new Error(`the PyTorch peer ended while running ${row}`);
      return JSON.parse(answer.value);
    },
    stop: () => child.kill(),
  };
}

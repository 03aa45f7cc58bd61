/** A worker beside those of the runs, for what would stop the page: reading pictures, packing projects. It ends when it has had nothing to do for a while. */
import { callInWorker } from 'flambeau/train';
import type { RunFunctions } from '../../worker/functions.ts';
import { messageOf } from '../../core/failure.ts';
import { startWorker } from '../program.ts';

const IDLE = 30_000;
let worker: Worker | undefined;
let waiting = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function helper(): Worker {
  if (worker === undefined) {
    worker = startWorker('helper');
    worker.addEventListener('error', end, { once: true }); // the next call starts another
  }
  return worker;
}

function end(): void {
  worker?.terminate();
  worker = undefined;
}

/** Calls a function of the worker that needs no run. */
export async function callHelper<N extends keyof RunFunctions>(
  name: N,
  ...args: Parameters<RunFunctions[N]>
): Promise<Awaited<ReturnType<RunFunctions[N]>>> {
  clearTimeout(timer);
  waiting += 1;
  try {
    return await callInWorker<Awaited<ReturnType<RunFunctions[N]>>>(helper(), name, args);
  } catch (error) {
    // Perhaps the browser needed the memory. The next call starts another.
    if (messageOf(error).includes('the worker has ended')) end();
    throw error;
  } finally {
    waiting -= 1;
    if (waiting === 0) timer = setTimeout(end, IDLE);
  }
}

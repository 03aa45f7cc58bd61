/** Workers of runs: one is started before it is needed, since its program takes some tenths of a second to be read. */
import { startWorker } from '../program.ts';

let spare: Worker | undefined;

/** Call it when a run may be wanted soon. */
export function prepareWorker(): void {
  spare ??= startWorker('run');
}

export function takeWorker(): Worker {
  const worker = spare ?? startWorker('run');
  spare = undefined;
  return worker;
}

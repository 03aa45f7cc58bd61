/** The module worker of the browser test: trains when told to, and reports. */
import { setNumThreads, startThreads } from 'flambeau';
import { trainW1, type Training } from './training.ts';

/** What a worker's global object has; TypeScript's own types for it cannot stand beside those of a page. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<{ steps: number; threads?: number }>) => void) | null;
  postMessage(message: { training: Training } | { error: string }): void;
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data: { steps, threads } }) => {
  if (threads !== undefined) setNumThreads(threads);
  startThreads()
    .then(() => scope.postMessage({ training: trainW1(steps) }))
    .catch((error: unknown) => {
      scope.postMessage({ error: String(error instanceof Error ? error.stack : error) });
    });
};

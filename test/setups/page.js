// The program on a page and in a worker of it; the answers go to the server that the page came from, which says what page is next.
/* global Worker, crossOriginIsolated, fetch, location, navigator */
import { getNumThreads, startThreads } from 'flambeau';
import { load } from 'flambeau/files/web';
import { callInWorker } from 'flambeau/train';
import { program } from './program.js';

let answers;

async function compute() {
  const up = await startThreads();
  const state = await load('/net.pt');
  const onPage = program(state);
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const inWorker = await callInWorker(worker, 'program', [state]);
  worker.terminate();
  return { onPage, inWorker, up, threads: getNumThreads(), isolated: crossOriginIsolated, agent: navigator.userAgent };
}

/** Once, however often a framework asks. */
export const report = () =>
  (answers ??= compute()
    .catch((error) => ({ error: `${error.name}: ${error.message}\n${error.stack}` }))
    .then(async (answer) => {
      const response = await fetch('/answer', { method: 'POST', body: JSON.stringify(answer) });
      const next = await response.text();
      if (next !== '') location.href = next;
      return answer;
    }));

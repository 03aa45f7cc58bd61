/** The page of the browser test: trains on the page's own thread, or has its worker do so. */
import { trainW1, type Training } from './training.ts';

async function inWorker(steps: number, threads?: number): Promise<Training> {
  const worker = new Worker('worker.js', { type: 'module' });
  const answer = new Promise<Training>((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = (event: MessageEvent<{ training?: Training; error?: string }>) => {
      if (event.data.training !== undefined) resolve(event.data.training);
      else reject(new Error(event.data.error));
    };
  });
  worker.postMessage({ steps, threads });
  return answer.finally(() => worker.terminate());
}

/** In a browser memory only comes back between tasks, so a long loop lets one pass now and then. */
async function onPage(rounds: number, steps: number): Promise<Training[]> {
  const trainings: Training[] = [];
  for (let i = 0; i < rounds; i++) {
    trainings.push(trainW1(steps));
    await new Promise((resolve) => setTimeout(resolve, 20)); // pool threads start meanwhile
  }
  return trainings;
}

Object.assign(globalThis, { inWorker, onPage });

/** The laboratory is one program, which the page and its workers run. So the page holds it once, and works from a folder, where workers cannot be fetched. */

let text = '';
let url: string | undefined;

/** Keeps the text of the script that runs: to be called at its beginning, before anything waits. A worker's program has no script, and no need of it. */
export function keepProgram(): void {
  if (typeof document !== 'undefined') text = document.currentScript?.textContent ?? '';
}

/** What workers are started from; making it takes some milliseconds. */
export function prepareProgram(): void {
  url ??= URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
}

/** A worker that runs this program, which in a worker serves the functions of lab/worker. */
export function startWorker(name: string): Worker {
  prepareProgram();
  return new Worker(url!, { name });
}

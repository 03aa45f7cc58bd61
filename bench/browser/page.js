// The page of the benchmark: opens libraries one beside the other and times runs of them, as the program outside says.
/* global document, location */

/** Numbers that every library gets, without a library. */
function numbers(length, seed = 1) {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const SIZE = 224;
const inference = (threads) => ({ threads, input: numbers(3 * SIZE * SIZE), shape: [1, 3, SIZE, SIZE], folder: '/models' });
const training = (threads, batch) => ({
  threads,
  batch,
  images: numbers(batch * 3 * 32 * 32),
  labels: Int32Array.from({ length: batch }, (_, i) => (7 * i) % 10),
});
const runs = new Map();

globalThis.bench = {
  /** Opens a workload in a library; gives its first answer. */
  async open(key, library, workload, threads) {
    const part = await import(`/${library}.js`);
    const [name, batch] = workload.split('-train-');
    const run =
      batch === undefined ? await part.openModel(name, inference(threads)) : await part.openTraining(training(threads, Number(batch)));
    runs.set(key, run);
    return [...(await run())];
  },

  /** Milliseconds of each run for that long. */
  async time(key, ms) {
    const run = runs.get(key);
    const times = [];
    const end = performance.now() + ms;
    while (performance.now() < end || times.length < 1) {
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
    }
    return times;
  },
};

// A cold page: milliseconds from its address to the first answer.
const [library, workload, threads] = location.hash.slice(1).split(',');
if (library !== '') {
  await globalThis.bench.open('cold', library, workload, Number(threads));
  globalThis.cold = performance.now();
}
document.title = 'ready';

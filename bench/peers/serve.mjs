/** The peer's side of the line protocol: for each line `{ row, seconds }`, the times in ms of runs for that long. */
import { createInterface } from 'node:readline';

/** @param make - from a row's name to a function that makes one run and waits for its result; undefined for rows it cannot do */
export async function serve(version, make) {
  console.log(JSON.stringify({ version }));
  const runs = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const { row, seconds } = JSON.parse(line);
    if (!runs.has(row)) {
      const run = await make(row);
      for (let i = 0; i < 3; i++) await run?.();
      runs.set(row, run);
    }
    const run = runs.get(row);
    const times = [];
    const end = performance.now() + seconds * 1000;
    while (run !== undefined && (performance.now() < end || times.length < 2)) {
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
    }
    console.log(JSON.stringify(times));
  }
}

/** The peer's side of the line protocol: for each line `{ row, seconds }`, `{ setting: the times in ms of runs for that long }`. */
import { createInterface } from 'node:readline';

const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const now = process.argv[3] === 'processor' ? processor : () => performance.now();

/** @param make - from a request to a function that makes one run and waits for its result; undefined for rows it cannot do */
export async function serve(version, make) {
  console.log(JSON.stringify({ version }));
  let current;
  let run;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    if (request.row !== current) {
      current = request.row;
      run = await make(request);
      for (let i = 0; i < 3; i++) await run?.();
    }
    console.log(JSON.stringify(run === undefined ? {} : { '': await times(run, request.seconds * 1000) }));
  }
}

/** Two runs at least, one where a run takes longer than all of it. */
async function times(run, ms) {
  const times = [];
  const end = performance.now() + ms;
  while (performance.now() < end || times.length < (times[0] > ms ? 1 : 2)) {
    const start = now();
    await run();
    times.push(now() - start);
  }
  return times;
}

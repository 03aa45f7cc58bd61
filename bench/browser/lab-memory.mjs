/**
 * node bench/browser/lab-memory.mjs [--minutes 10] [--every 30] [--rest 80] [--out FILE]
 *
 * Whether the laboratory holds memory flat: a run trains on the digits while See shows the scores of Chromium's fake camera live. Every --every seconds garbage is collected and noted down:
 * JavaScript heaps of the page and of its workers, memory of WebAssembly (reserved), nodes, listeners, and what the page's process has in memory (its own, and what it shares with others, such as pictures of the camera). The worker rests --rest milliseconds
 * between its turns, so that an hour costs little. Prints a line a sample; at the end the least and the most of the first and of the last third. --out keeps the lines in a file, too.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { go, openLaboratory, train } from './lab.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    every: { type: 'string', default: '30' },
    rest: { type: 'string', default: '80' },
    out: { type: 'string' },
  },
});
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const megabytes = (bytes) => Number((bytes / 1e6).toFixed(1));
const say = (line) => {
  console.log(line);
  if (values.out !== undefined) appendFileSync(values.out, `${line}\n`);
};

const lab = await openLaboratory();
const context = await lab.browser.newContext({ viewport: { width: 1280, height: 800 }, permissions: ['camera'] });
const page = await context.newPage();
page.on('pageerror', ({ message }) => say(`the page failed: ${message}`));
const session = await context.newCDPSession(page);
const browser = await lab.browser.newBrowserCDPSession();

/** Sessions with the page's workers, which speak through that of the page. */
const workers = new Map();
let asked = 0;
const waiting = new Map();
session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => workers.set(sessionId, targetInfo.title));
session.on('Target.detachedFromTarget', ({ sessionId }) => workers.delete(sessionId));
session.on('Target.receivedMessageFromTarget', ({ message }) => {
  const { id, result, error } = JSON.parse(message);
  waiting.get(id)?.(error === undefined ? result : { error });
  waiting.delete(id);
});
function askWorker(sessionId, method, params = {}) {
  const id = ++asked;
  const answer = new Promise((resolve) => waiting.set(id, resolve));
  void session.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method, params }) });
  return Promise.race([answer, wait(20_000).then(() => ({ error: 'no answer' }))]);
}
await session.send('Performance.enable');
await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });

/** Bytes of all memories of WebAssembly that a worker has. */
async function webAssembly(id) {
  const prototype = await askWorker(id, 'Runtime.evaluate', { expression: 'WebAssembly.Memory.prototype' });
  const found = await askWorker(id, 'Runtime.queryObjects', { prototypeObjectId: prototype.result?.objectId });
  const objectId = found.objects?.objectId;
  if (objectId === undefined) return 0;
  const sum = await askWorker(id, 'Runtime.callFunctionOn', {
    objectId,
    functionDeclaration: 'function () { return this.reduce((sum, { buffer }) => sum + buffer.byteLength, 0); }',
    returnByValue: true,
  });
  await askWorker(id, 'Runtime.releaseObject', { objectId });
  return sum.result?.value ?? 0;
}

async function sample() {
  await session.send('HeapProfiler.collectGarbage');
  const ids = [...workers.keys()];
  const heaps = [];
  let wasm = 0;
  for (const id of ids) {
    await askWorker(id, 'HeapProfiler.collectGarbage');
    const { usedSize = 0 } = await askWorker(id, 'Runtime.getHeapUsage');
    heaps.push(usedSize);
    wasm += await webAssembly(id);
  }
  const { metrics } = await session.send('Performance.getMetrics');
  const metric = (name) => metrics.find((one) => one.name === name)?.value ?? NaN;
  const { usedSize, backingStorageSize = 0 } = await session.send('Runtime.getHeapUsage');
  const { processInfo } = await browser.send('SystemInfo.getProcessInfo');
  const statuses = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => readFileSync(`/proc/${id}/status`, 'utf8'));
  const resident = (kind) =>
    megabytes(1024 * Math.max(...statuses.map((status) => Number(new RegExp(`${kind}:\\s+(\\d+)`).exec(status)?.[1] ?? 0))));
  return {
    page: megabytes(usedSize),
    buffers: megabytes(backingStorageSize),
    workers: megabytes(heaps.reduce((a, b) => a + b, 0)),
    wasm: megabytes(wasm),
    resident: resident('RssAnon'),
    shared: resident('RssShmem'),
    nodes: metric('Nodes'),
    listeners: metric('JSEventListeners'),
    epoch: Number(/(\d+) epochs?/.exec(await page.locator('.see-head').innerText())?.[1] ?? NaN),
    rate:
      (await page
        .getByText(/pictures a second$/)
        .textContent({ timeout: 5000 })
        .catch(() => '')) ?? '',
  };
}

await page.goto(lab.url);
await page.getByRole('button', { name: 'Digits', exact: true }).click();
await train(page);
const slow = `{ const post = MessagePort.prototype.postMessage; MessagePort.prototype.postMessage = function (message, ...more) { if (message === null) setTimeout(() => post.call(this, message), ${Number(values.rest)}); else post.call(this, message, ...more); }; }`;
for (const id of workers.keys()) await askWorker(id, 'Runtime.evaluate', { expression: slow });
await go(page, 'See');
await page.getByRole('button', { name: 'Camera', exact: true }).click();
await wait(10_000);
const end = performance.now() + 60_000 * Number(values.minutes);
const samples = [];
say('minute  page  buffers  workers  wasm  resident  shared (MB)  nodes  listeners  epoch  camera');
for (let i = 0; performance.now() < end; i++) {
  const start = performance.now();
  const one = await sample();
  samples.push(one);
  say(`${((i * Number(values.every)) / 60).toFixed(1).padStart(6)}  ${Object.values(one).join('  ')}`);
  await wait(Math.max(0, 1000 * Number(values.every) - (performance.now() - start)));
}
const third = Math.ceil(samples.length / 3);
const range = (part, key) => {
  const all = part.map((one) => one[key]);
  return `${Math.min(...all)} to ${Math.max(...all)}`;
};
for (const key of ['page', 'buffers', 'workers', 'wasm', 'resident', 'shared', 'nodes', 'listeners', 'epoch'])
  say(`${key}: first third ${range(samples.slice(0, third), key)}, last third ${range(samples.slice(-third), key)}`);
await context.close();
await lab.close();

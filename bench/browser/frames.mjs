/**
 * node bench/browser/frames.mjs [--only see,pictures] [--pictures 2000] [--detail] [--rounds 5]
 *
 * How smooth the laboratory is while a run trains in its worker: each view is opened and used in Chromium with --pictures pictures in the project, by mouse and keyboard as people do,
 * and of the page's thread the worst and the 99th percentile of tasks and of frames are printed, in processor time and by the clock (on a busy machine the clock measures the
 * others), with how many took more than 20 ms of the processor. A frame is all that the thread did from one animation frame to the next. --detail says what the worst tasks were.
 * Then how long questions to the run's worker wait (See), and the first view from a local server and from a file, --rounds times, each in a browser context of its own.
 */
/* global window, document, Worker, MutationObserver, requestAnimationFrame -- of the page, in what is evaluated there */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encodeImage, Image } from '../../dist/vision/index.js';
import { openLaboratory, train } from './lab.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    pictures: { type: 'string', default: '2000' },
    detail: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
  },
});
const only = values.only.split(',').filter((part) => part !== '');
const LIMIT = 20;
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A folder of photographs that are none: two classes of --pictures / 2 JPEG files. */
function photographs(count) {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-frames-'));
  const kinds = Array.from({ length: 40 }, (_, kind) => {
    const [width, height] = [400, 300];
    const data = new Uint8Array(width * height * 3);
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++) data[at++] = 128 + 120 * Math.sin((x * (1 + (kind % 7)) + y * (c + (kind % 5))) / 30);
    return encodeImage(new Image(width, height, 3, data), { format: 'jpeg' });
  });
  ['cat', 'dog'].forEach((name, label) => {
    mkdirSync(join(folder, name));
    for (let i = 0; i < count / 2; i++) writeFileSync(join(folder, name, `${i}.jpg`), kinds[(2 * i + label) % 40]);
  });
  return folder;
}

const lab = await openLaboratory({ minify: !values.detail });
const context = await lab.browser.newContext({ viewport: { width: 1280, height: 800 } });
const page = await context.newPage();
page.on('pageerror', ({ message }) => console.error(`the page failed: ${message}`));
await page.addInitScript(watchQuestions);
const profiler = await context.newCDPSession(page);
if (values.detail) await profiler.send('Profiler.enable');
await page.goto(lab.url);

/** Runs on the page: when questions to workers were asked and answered. */
function watchQuestions() {
  window.questions = [];
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message, ...more) {
    if (message?.flambeau === 'call' && message.name !== 'live') {
      const question = { name: message.name, asked: performance.now() };
      const hear = ({ data }) => {
        if (data?.flambeau !== 'reply' || data.id !== message.id || 'alive' in data) return;
        question.ms = performance.now() - question.asked;
        this.removeEventListener('message', hear);
        window.questions.push(question);
      };
      this.addEventListener('message', hear);
    }
    return post.call(this, message, ...more);
  };
}

const CATEGORIES = ['toplevel', 'devtools.timeline', 'v8', 'blink.user_timing', 'disabled-by-default-v8.gc'];

/** The page's thread in a trace: its events, and its tasks that are within no other. */
function threadOf(trace) {
  const events = JSON.parse(trace).traceEvents;
  const mains = events.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain');
  const of = (main) => events.filter(({ pid, tid }) => pid === main.pid && tid === main.tid);
  const frames = (all) => all.filter(({ name }) => name === 'FireAnimationFrame').length;
  const own = mains.map(of).sort((a, b) => frames(b) - frames(a))[0] ?? [];
  const runs = own.filter(({ ph, name }) => ph === 'X' && /RunTask$/.test(name)).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const tasks = [];
  let end = -1;
  for (const task of runs) {
    if (task.ts < end) continue;
    end = task.ts + task.dur;
    tasks.push(task);
  }
  return { own, tasks };
}

const ms = (microseconds) => (microseconds ?? 0) / 1000;
const atShare = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
function summary(all) {
  const sorted = [...all].sort((a, b) => a - b);
  return {
    worst: sorted.at(-1) ?? 0,
    p99: atShare(sorted, 0.99),
    over: sorted.filter((value) => value > LIMIT).length,
    count: sorted.length,
  };
}

/** What took most of the processor within a task. */
function within(own, task) {
  const inside = own.filter(({ ph, ts, dur, tdur }) => ph === 'X' && tdur > 500 && ts >= task.ts && ts + dur <= task.ts + task.dur);
  return inside
    .filter(({ name }) => !/RunTask$/.test(name))
    .sort((a, b) => b.tdur - a.tdur)
    .slice(0, 8)
    .map(({ name, tdur, args }) => `${name}${args?.data?.type ? `(${args.data.type})` : ''} ${ms(tdur).toFixed(1)}`)
    .join(', ');
}

/** Functions in which the profiler found the task, with what called them, by the clock. */
function functionsIn({ nodes, samples, timeDeltas, startTime }, { ts, dur }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children }) => (children ?? []).map((child) => [child, id])));
  const found = new Map();
  let at = startTime;
  samples.forEach((id, i) => {
    at += timeDeltas[i];
    if (at < ts || at > ts + dur) return;
    const names = [];
    for (let node = id; node !== undefined && names.length < 4; node = parents.get(node))
      names.push(byId.get(node).callFrame.functionName || '(nameless)');
    const name = names.join(' < ');
    found.set(name, (found.get(name) ?? 0) + timeDeltas[i]);
  });
  const all = [...found].sort((a, b) => b[1] - a[1]).slice(0, 6);
  return all.map(([name, time]) => `${name} ${ms(time).toFixed(1)}`).join('; ');
}

/** Measures what is done; everything that must be looked for on the page has been looked for before. */
async function measured(name, act) {
  if (only.length > 0 && !only.some((part) => name.toLowerCase().includes(part))) return act();
  await page.evaluate(() => {
    window.questions.length = 0;
    window.frames_on = true;
    const next = () => window.frames_on && requestAnimationFrame(next);
    next();
  });
  await rest(300);
  if (values.detail) await profiler.send('Profiler.start');
  await lab.browser.startTracing(page, { categories: CATEGORIES });
  await act();
  await rest(1000);
  const { own, tasks } = threadOf((await lab.browser.stopTracing()).toString());
  const profile = values.detail ? (await profiler.send('Profiler.stop')).profile : undefined;
  const questions = await page.evaluate(() => ((window.frames_on = false), window.questions));
  const starts = own
    .filter(({ name }) => name === 'FireAnimationFrame')
    .map(({ ts }) => ts)
    .sort((a, b) => a - b);
  const frames = [];
  let at = tasks.findIndex(({ ts, dur }) => ts + dur > starts[0]);
  for (let i = 1; i < starts.length && at >= 0; i++) {
    let cpu = 0;
    while (at < tasks.length && tasks[at].ts + tasks[at].dur <= starts[i]) cpu += ms(tasks[at++].tdur);
    if (starts[i] - starts[i - 1] > 500) frames.push({ cpu, wall: ms(starts[i] - starts[i - 1]) });
  }
  const cpu = summary(tasks.map(({ tdur }) => ms(tdur)));
  const wall = summary(tasks.map(({ dur }) => ms(dur)));
  const frameCpu = summary(frames.map((frame) => frame.cpu));
  const frameWall = summary(frames.map((frame) => frame.wall));
  print({ name, cpu, wall, frameCpu, frameWall });
  if (values.detail)
    for (const task of [...tasks].sort((a, b) => b.tdur - a.tdur).slice(0, 3))
      console.log(`    ${ms(task.tdur).toFixed(1)}: ${within(own, task)}\n        ${functionsIn(profile, task)}`);
  const slow = questions.filter((question) => question.ms > 100);
  if (slow.length > 0)
    console.log(`    waited for the worker: ${slow.map((question) => `${question.name} ${Math.round(question.ms)}`).join(', ')}`);
}

function print({ name, cpu, wall, frameCpu, frameWall }) {
  const pair = ({ worst, p99 }) => `${worst.toFixed(1).padStart(6)}${p99.toFixed(1).padStart(6)}`;
  console.log(`${name.padEnd(34)}${pair(frameCpu)} ${String(frameCpu.over).padStart(4)} |${pair(cpu)} |${pair(frameWall)} |${pair(wall)}`);
}

/** Where to click, looked for beforehand: looking takes the page's time, too. */
async function middle(locator) {
  const { x, y, width, height } = await locator.first().boundingBox();
  return [x + width / 2, y + height / 2];
}
const link = (name) => middle(page.getByRole('navigation').getByRole('link', { name, exact: true }));
async function opening(name) {
  const place = await link(name);
  await measured(`${name}: opened`, async () => {
    await page.mouse.click(...place);
    await rest(1500);
  });
}

async function pictures() {
  await opening('Pictures');
  const [x, y] = await middle(page.getByRole('option').nth(4));
  await measured('Pictures: scrolled', async () => {
    await page.mouse.move(x, y);
    for (let i = 0; i < 60; i++) {
      await page.mouse.wheel(0, i < 40 ? 300 : -500);
      await rest(30);
    }
  });
  await page.mouse.wheel(0, -30000);
  await rest(300);
  await measured('Pictures: chosen, moved, undone', async () => {
    for (let i = 0; i < 3; i++) await page.mouse.click(x + 56 * i, y + 112);
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Delete');
    await rest(200);
    await page.keyboard.press('Control+z');
    await rest(200);
  });
  await page.getByRole('slider').first().focus();
  await measured('Pictures: share kept aside moved', async () => {
    for (let i = 0; i < 10; i++) {
      await page.keyboard.press(i < 5 ? 'ArrowRight' : 'ArrowLeft');
      await rest(60);
    }
  });
}

async function build() {
  await opening('Build');
  const field = page.getByLabel('Kernel').first();
  await field.focus();
  await measured('Build: typed', async () => {
    for (const key of ['5', 'Backspace', '7', 'Backspace', '3', 'Tab']) {
      await page.keyboard.press(key);
      await rest(80);
    }
  });
  const [x, y] = await middle(page.getByRole('button', { name: /^Duplicate block 2/ }));
  await measured('Build: block added, undone', async () => {
    await page.mouse.click(x, y);
    await rest(300);
    await page.keyboard.press('Control+z');
    await rest(300);
  });
}

async function training() {
  await opening('Train');
  await measured('Train: watched', () => rest(6000));
  const slider = page.getByLabel('Learning rate, logarithmic');
  await slider.focus();
  await measured('Train: learning rate moved', async () => {
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press(i < 6 ? 'ArrowLeft' : 'ArrowRight');
      await rest(60);
    }
  });
}

async function see() {
  const place = await link('See');
  await measured('See: opened for the first time', async () => {
    await page.mouse.click(...place);
    await rest(3000);
  });
  await measured('See: watched', () => rest(4000));
  const [x, y] = await middle(page.locator('.strip .thumb').nth(1));
  await measured('See: ten pictures opened', async () => {
    for (let i = 0; i < 10; i++) {
      await page.mouse.click(x + 20 * i, y);
      await rest(300);
    }
  });
  await page.locator('.maps').nth(1).focus();
  await measured('See: slid', async () => {
    await page.keyboard.press('Enter');
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press(i % 10 === 9 ? 'ArrowDown' : 'ArrowRight');
      await rest(50);
    }
  });
  for (const tab of ['Filters', 'Why', 'Dream', 'Mistakes', 'Inside']) {
    const at = await middle(page.getByRole('tab', { name: tab }));
    await measured(`See: ${tab}`, async () => {
      await page.mouse.click(...at);
      await rest(1200);
    });
  }
  const camera = await middle(page.getByRole('button', { name: 'Camera', exact: true }));
  await measured('See: camera', async () => {
    await page.mouse.click(...camera);
    await rest(5000);
  });
  await page.getByRole('button', { name: 'Close the camera' }).click();
  await opening('Train');
  await opening('See');
}

async function others() {
  await opening('Take away');
  await opening('Learn');
  await measured('Learn: scrolled', async () => {
    await page.mouse.move(600, 500);
    for (let i = 0; i < 40; i++) {
      await page.mouse.wheel(0, 200);
      await rest(30);
    }
  });
}

const folder = photographs(Number(values.pictures));
console.log(
  `${lab.kilobytes} KB, ${values.pictures} pictures, ms of frames and tasks: worst, 99th percentile; frames over ${LIMIT} ms of the processor`,
);
console.log(`${''.padEnd(34)}${'frames, processor'.padStart(17)} | tasks, proc. | frames, clock | tasks, clock`);
await measured('nothing done', () => rest(3000));
await measured('Pictures: files read', async () => {
  await page.locator('input[webkitdirectory]').first().setInputFiles(folder);
  await page.getByText(`${values.pictures} pictures added.`).waitFor({ timeout: 120_000 });
});
rmSync(folder, { recursive: true });
await train(page);
await rest(2000);
await pictures();
await build();
await training();
await see();
await others();
await context.close();

/** From the address to the welcome, and the page's thread meanwhile. */
async function firstView(url) {
  const own = await lab.browser.newContext({ viewport: { width: 1280, height: 800 } });
  const fresh = await own.newPage();
  const session = await own.newCDPSession(fresh);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  await fresh.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.body?.innerText.includes('Show me')) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => (window.shown_at = performance.now())));
    }).observe(document, { childList: true, subtree: true });
  });
  await fresh.goto(url);
  await fresh.waitForFunction(() => window.shown_at > 0);
  const shown = await fresh.evaluate(() => window.shown_at);
  const { metrics } = await session.send('Performance.getMetrics');
  const processor = metrics.find(({ name }) => name === 'TaskDuration').value * 1000;
  await own.close();
  return { shown, processor };
}

if (only.length === 0 || only.includes('first'))
  for (const [name, url] of [['server', lab.url], ['file', lab.file]]) {
    const found = [];
    for (let i = 0; i < Number(values.rounds); i++) found.push(await firstView(url));
    const median = (key) => atShare(found.map((one) => one[key]).sort((a, b) => a - b), 0.5);
    console.log(`first view, ${name}: ${Math.round(median('shown'))} ms by the clock (quickest ${Math.round(Math.min(...found.map(({ shown }) => shown)))}), ${Math.round(median('processor'))} ms of the page's thread`);
  } // prettier-ignore
await lab.close();

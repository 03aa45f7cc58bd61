/**
 * FLAMBEAU_BROWSERS=firefox,webkit npx vitest run --project wasm test/browser/laboratory
 *
 * The laboratory's way in other engines: samples, the network, training, looking inside, taking the weights away; with the numbers that the library computes in Node.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import type { Tensor } from 'flambeau';
import { deserialize } from 'flambeau/files';
import { expect, describe, it } from 'vitest';
import { pictureSets } from '../../lab/core/dataset.ts';
import { SAMPLES, SAMPLES_PER_CLASS } from '../../lab/core/samples.ts';
import { Session } from '../../lab/core/session.ts';
import { DEFAULT_TRAINING } from '../../lab/core/spec.ts';
import { TEMPLATES } from '../../lab/core/templates.ts';
import { labPage } from '../../tools/lab-page.mjs';
import { isAskedFor, OTHER_BROWSERS, startBrowser } from '../support/other-browsers.ts';

const EPOCHS = 3;

interface Found {
  readonly code: string;
  readonly accuracy: string;
  readonly verdict: string;
  readonly number: string;
  readonly file: string;
  readonly bytes: readonly number[];
  readonly errors: readonly string[];
}

/** Runs on the page: does what a visitor does, and gives what is to be seen. */
async function drive(epochs: number): Promise<Found> {
  const errors: string[] = [];
  addEventListener('error', ({ message }) => errors.push(message));
  const until = async <T>(what: string, find: () => T | null | undefined | false): Promise<T> => {
    for (let i = 0; i < 1200; i++) {
      const found = find();
      if (found !== undefined && found !== null && found !== false) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`waited in vain for ${what}; the page says: ${document.body.innerText.slice(0, 600)}`);
  };
  const shows = (text: string) => until(text, () => document.body.innerText.includes(text));
  const press = async (name: string): Promise<void> => {
    const named = (button: HTMLButtonElement) =>
      (button.getAttribute('aria-label') ?? button.textContent).trim() === name && !button.disabled;
    (await until(`the button ${name}`, () => [...document.querySelectorAll('button')].find(named))).click();
  };
  const element = (selector: string) => until(selector, () => document.querySelector<HTMLElement>(selector));

  await press('Shapes');
  await shows('400 pictures in 4 classes');
  location.hash = '#build';
  await shows('It fits.');
  const code = (await element('#code-panel')).textContent;
  location.hash = '#train';
  const input = (await element('#epochs')) as HTMLInputElement;
  input.value = String(epochs);
  input.dispatchEvent(new Event('input', { bubbles: true }));
  await press('Train');
  await until('the end of the training', () => /done/.test(document.querySelector('.status')?.textContent ?? ''));
  const accuracy = (await element('.runs [data-label="Best accuracy"]')).innerText;
  location.hash = '#see';
  const maps = await until('the maps', () => document.querySelectorAll<HTMLElement>('.stages .maps')[1]);
  maps.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
  const number = (await element('.number-panel output')).innerText;
  const verdict = (await element('.see-verdict')).innerText;
  location.hash = '#take';
  let taken: { name: string; bytes: Promise<ArrayBuffer> } | undefined;
  HTMLAnchorElement.prototype.click = function () {
    taken = { name: this.download, bytes: fetch(this.href).then((response) => response.arrayBuffer()) };
  };
  await press('Save first-network-4-classes.pt');
  const { name, bytes } = await until('the file', () => taken);
  return { code, accuracy, verdict, number, file: name, bytes: [...new Uint8Array(await bytes)], errors };
}

/** Opens the laboratory in a browser, has it driven, and gives what came of it. */
async function driven(browser: string): Promise<Found> {
  const script = `(${String(drive)})(${EPOCHS}).then((result) => ({ result }), (error) => ({ error: String(error) })).then((body) => fetch('answer', { method: 'POST', body: JSON.stringify(body) }))`;
  const html = (await labPage())
    .replace('connect-src blob: data:', "connect-src blob: data: 'self'") // for the answer
    .replace(/<\/body>\s*<\/html>\s*$/, () => `<script>${script}</script></body></html>`);
  let answer: (text: string) => void = () => undefined;
  const answered = new Promise<string>((resolve) => (answer = resolve));
  const server = createServer((request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html);
      return;
    }
    void readAll(request).then((body) => {
      response.end();
      answer(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', () => resolve()));
  const running = await startBrowser(browser, `http://localhost:${(server.address() as AddressInfo).port}/`);
  try {
    const { result, error } = JSON.parse(await Promise.race([answered, running.ended])) as { result?: Found; error?: string };
    if (result === undefined) throw new Error(error);
    return result;
  } finally {
    await running.close();
    server.close();
  }
}

async function here() {
  const pictures = SAMPLES.shapes.make(SAMPLES_PER_CLASS, 1);
  const { network } = TEMPLATES[0]!;
  const { train, valid } = pictureSets(pictures, network);
  const session = new Session(network, 4, { ...DEFAULT_TRAINING, epochs: EPOCHS }, train, valid);
  while (session.epoch < EPOCHS) await session.next();
  return session;
}

for (const name of OTHER_BROWSERS)
  describe.skipIf(!isAskedFor(name))(`the laboratory in ${name}`, () => {
    it('goes the whole way, with the weights of Node', async () => {
      const found = await driven(name);
      const session = await here();
      expect(found.errors).toEqual([]);
      expect(found.code).toContain('nn.Conv2d(3, 8, 3, padding=1)');
      expect(found.accuracy).toMatch(/^[\d.]+ % \(epoch [1-3]\)$/);
      expect(found.verdict).toMatch(/^(circle|square|triangle|cross), [\d.]+ %/);
      expect(found.number).toMatch(/^map 1, row 1, column 1: .+, gradient .+/);
      expect(found.file).toBe('first-network-4-classes.pt');
      const theirs = deserialize<Map<string, Tensor>>(new Uint8Array(found.bytes));
      for (const [key, value] of session.network.stateDict()) {
        const [a, b] = [theirs.get(key)!, value].map((tensor) => tensor.flatten().tolist() as unknown as number[]);
        a!.forEach((one, i) => expect(one).toBeCloseTo(b![i]!, 4));
      }
    }, 300_000);
  });

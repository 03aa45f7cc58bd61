/** The laboratory in a real Chromium, from a server of its own or from a file. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { labPage } from '../../tools/lab-page.mjs';
import { launchChromium } from './chromium.ts';
import { ISOLATION } from '../../tools/isolation.mjs';

/** With a camera that is none. */
const CAMERA = ['--disable-gpu', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
let browser: Promise<Browser> | undefined;
/** One for all files that a process runs, each in contexts of its own: starting one takes a second of processor time. It ends with the process. */
const sharedBrowser = (): Promise<Browser> => (browser ??= launchChromium(CAMERA));

export class Laboratory {
  readonly #server: Server;
  readonly #contexts: BrowserContext[] = [];
  readonly browser: Browser;
  readonly html: string;
  readonly url: string;

  private constructor(server: Server, browser: Browser, html: string) {
    this.#server = server;
    this.browser = browser;
    this.html = html;
    this.url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  }

  static async open(): Promise<Laboratory> {
    const html = await keptPage();
    const headers = { 'content-type': 'text/html; charset=utf-8', ...ISOLATION };
    const server = createServer((_, response) => response.writeHead(200, headers).end(html));
    await new Promise<void>((resolve) => server.listen(0, 'localhost', () => resolve()));
    return new Laboratory(server, await sharedBrowser(), html);
  }

  /** A new page (a visitor of its own) at a view; errors of the page are errors of the test. */
  async page(view = 'pictures', options: Parameters<Browser['newContext']>[0] = {}): Promise<LabPage> {
    const context = await this.browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
    this.#contexts.push(context);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.goto(`${this.url}#${view}`);
    return { page, errors };
  }

  /** Where the page lies as a file. */
  file(): string {
    const path = join(mkdtempSync(join(tmpdir(), 'flambeau-lab-')), 'index.html');
    writeFileSync(path, this.html);
    return pathToFileURL(path).href;
  }

  async close(): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()));
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const KEPT = join(root, 'node_modules/.cache/lab-page');

/** The page, which is made anew after something of what it is made of has changed: test files start one after the other, and each wants it. */
async function keptPage(): Promise<string> {
  const files = ['lab', 'src', 'tools'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => !name.startsWith('dist'))
      .map((name) => join(root, folder, name)),
  );
  const newest = Math.max(...files.map((file) => statSync(file).mtimeMs));
  const path = join(KEPT, `${files.length}-${newest}.html`);
  try {
    return readFileSync(path, 'utf8');
  } catch {
    const html = await labPage();
    rmSync(KEPT, { recursive: true, force: true });
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, html);
    renameSync(`${path}.${process.pid}`, path); // whole, whoever reads it meanwhile
    return html;
  }
}

export interface LabPage {
  readonly page: Page;
  /** What went wrong on the page so far. */
  readonly errors: readonly string[];
}

/** A real Chromium for tests, and a small server that it loads them from. */
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { threadText } from '../../tools/thread-text.mjs';
import { wasmText } from '../../tools/wasm-text.mjs';
import { ISOLATION } from '../../tools/isolation.mjs';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The program, from the environment variable CHROMIUM or one of the usual places; undefined if there is none. */
export const chromiumPath = [process.env['CHROMIUM'], ...PLACES].find((path) => path !== undefined && existsSync(path));

/** @param more arguments, for what is off by default */
export async function launchChromium(more: readonly string[] = []): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('no Chromium is installed');
  return chromium.launch({
    executablePath: chromiumPath,
    headless: true,
    args: [
      '--no-sandbox',
      ...(more.length > 0 ? more : ['--disable-gpu']),
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Without an icon of its own, a page asks for one. */
const PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';
const ANSWERING = `${PAGE}<script type="module" src="answer.js"></script>`;
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Bundles TypeScript files for the browser, minified as a program in use would be. Keys are the served names. */
export async function bundleForBrowser(entries: Record<string, string>): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: Object.entries(entries).map(([out, file]) => ({ in: file, out })),
    outdir: '/',
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    alias: { flambeau: `${root}src/index.ts`, 'flambeau/train': `${root}src/train/index.ts` },
    plugins: [wasmText, threadText],
    logLevel: 'error',
  });
  return new Map(outputFiles.map(({ path, text }) => [path.replace(/^.*[\\/]/, ''), text]));
}

/** Where the page stands: cross-origin isolated or not. */
export type Place = 'isolated' | 'plain';

/**
 * Serves a page that loads `page.js`, below /isolated/ with the headers that make it cross-origin isolated (so that memory
 * can be shared between threads), below /plain/ without. With `onAnswer` the page loads `answer.js`, too, and what that posts is given to it.
 */
export async function servePage(
  files: ReadonlyMap<string, string>,
  onAnswer?: (text: string) => void,
): Promise<{ server: Server; origin: string }> {
  const page = onAnswer === undefined ? PAGE : ANSWERING;
  const server = createServer((request, response) => {
    const [, place, name] = /^\/(isolated|plain)\/([\w.]*)$/.exec(request.url ?? '/') ?? [];
    if (request.method === 'POST' && name === 'answer') {
      void readAll(request).then((body) => {
        response.end();
        onAnswer?.(body);
      });
      return;
    }
    const text = name === '' ? page : files.get(name ?? '');
    if (place === undefined || text === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('Content-Type', name === '' ? 'text/html' : 'text/javascript');
    if (place === 'isolated') for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
    response.end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A page of Chromium that has loaded a program, which has put what it answers into `page`; not cross-origin isolated. `close` ends the browser. */
export async function openPlainPage(entries: Record<string, string>): Promise<{ page: Page; close: () => Promise<void> }> {
  const { server, origin } = await servePage(await bundleForBrowser(entries));
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(`${origin}/plain/`);
  await page.waitForFunction('typeof page === "object"');
  const close = async (): Promise<void> => {
    await browser.close();
    server.close();
  };
  return { page, close };
}

/**
 * Firefox and WebKit, for tests that are asked for with FLAMBEAU_BROWSERS=firefox,webkit. A browser is started with an address and
 * nothing else, so it needs no driver: the page calls a function that it has and sends the answer to the server that it came from
 * (answer-page.ts). Debian: firefox-esr; WebKit's MiniBrowser, which libwebkit2gtk-4.1-0 brings, and xvfb, since it wants a display.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { bundleForBrowser, servePage, type Place } from './chromium.ts';

interface Kind {
  /** Programs that will do, the first that is there. */
  readonly programs: () => string[];
  readonly args: (folder: string) => string[];
  readonly env?: Record<string, string>;
  readonly needsDisplay: boolean;
  readonly packages: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  firefox: {
    programs: () => [process.env['FIREFOX'] ?? '', ...onPath('firefox-esr', 'firefox')],
    args: (folder) => ['--headless', '--no-remote', '--profile', folder],
    needsDisplay: false,
    packages: 'firefox-esr',
  },
  webkit: {
    programs: () => [process.env['MINIBROWSER'] ?? '', ...miniBrowsers()],
    args: () => ['--private'],
    // Isolated pages of Safari have it; MiniBrowser only gives them shared WebAssembly memories.
    env: { JSC_useSharedArrayBuffer: '1' },
    needsDisplay: true,
    packages: 'libwebkit2gtk-4.1-0 xvfb',
  },
};

/** What keeps a new profile of Firefox from asking questions and servers, and from asking whether to stop a long script. */
const PROFILE = Object.entries({
  'app.normandy.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.max_script_run_time': 0,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
})
  .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
  .join('');

export const OTHER_BROWSERS = Object.keys(KINDS);
const asked = (process.env['FLAMBEAU_BROWSERS'] ?? '').split(',').filter((name) => name !== '');
const unknown = asked.find((name) => !OTHER_BROWSERS.includes(name));
if (unknown !== undefined) throw new Error(`FLAMBEAU_BROWSERS takes ${OTHER_BROWSERS.join(' and ')}, not '${unknown}'`);

/** Whether the environment asks for tests in this browser. */
export const isAskedFor = (browser: string): boolean => asked.includes(browser);

export interface OtherBrowser {
  /** Starts the browser with the page, which calls this function of its own. Ends it with the answer. */
  call(place: Place, name: string, ...args: readonly unknown[]): Promise<unknown>;
  /** Bytes that the browser's processes have in memory; undefined where none runs. */
  resident(): number | undefined;
  close(): void;
}

/** A browser with what is bundled of these files; see {@link bundleForBrowser}. */
export async function otherBrowser(browser: string, entries: Record<string, string>): Promise<OtherBrowser> {
  found(browser);
  let settle: (answer: string) => void = () => undefined;
  const files = await bundleForBrowser({ ...entries, answer: 'test/support/answer-page.ts' });
  const { server, origin } = await servePage(files, (answer) => settle(answer));
  let running: StartedBrowser | undefined;
  return {
    async call(place, name, ...args) {
      const answer = new Promise<string>((resolve) => (settle = resolve));
      running = await startBrowser(browser, `${origin}/${place}/#${encodeURIComponent(JSON.stringify({ name, args }))}`);
      try {
        return answered(await Promise.race([answer, running.ended]));
      } finally {
        await running.close();
        running = undefined;
      }
    },
    resident() {
      if (running === undefined) return undefined;
      const kilobytes = execFileSync('ps', ['-o', 'rss=', '-s', String(running.pid)], { encoding: 'utf8' });
      return kilobytes.split(/\s+/).reduce((sum, each) => sum + 1024 * Number(each), 0);
    },
    close: () => server.close(),
  };
}

export interface StartedBrowser {
  readonly pid: number;
  /** Rejects when it ends by itself. */
  readonly ended: Promise<never>;
  close(): Promise<void>;
}

/** Starts a browser with an address, in a profile of its own. */
export async function startBrowser(browser: string, url: string): Promise<StartedBrowser> {
  const { program, kind } = found(browser);
  const display = kind.needsDisplay ? await startDisplay() : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-browser-'));
  writeFileSync(join(folder, 'user.js'), PROFILE);
  const env = { ...process.env, ...kind.env, ...(display && { DISPLAY: display.name }) };
  const running = spawn(program, [...kind.args(folder), url], { detached: true, stdio: 'ignore', env });
  const ended = once(running, 'exit').then(() => {
    throw new Error(`${program} ended before the page answered`);
  });
  ended.catch(() => undefined); // in the end because we end it
  const close = async (): Promise<void> => {
    await endGroup(running);
    if (display !== undefined) await endGroup(display.server);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  return { pid: running.pid!, ended, close };
}

function answered(json: string): unknown {
  const { result, error } = JSON.parse(json) as { result?: unknown; error?: string };
  if (error !== undefined) throw new Error(`in the page: ${error}`);
  return result;
}

function found(browser: string): { program: string; kind: Kind } {
  const kind = KINDS[browser]!;
  const program = kind.programs().find((path) => existsSync(path));
  const missing = program === undefined || (kind.needsDisplay && onPath('Xvfb').length === 0);
  if (missing) throw new Error(`FLAMBEAU_BROWSERS asks for ${browser}: install it (Debian: apt install ${kind.packages})`);
  return { program, kind };
}

function onPath(...programs: readonly string[]): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return programs.flatMap((program) => folders.map((folder) => join(folder, program))).filter((path) => existsSync(path));
}

function miniBrowsers(): string[] {
  const inside = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []);
  return inside('/usr/lib')
    .filter((folder) => folder.endsWith('-linux-gnu'))
    .flatMap(inside)
    .filter((folder) => /webkit2?gtk-[\d.]+$/.test(folder))
    .map((folder) => join(folder, 'MiniBrowser'));
}

/** A display that nobody sees. */
async function startDisplay(): Promise<{ name: string; server: ChildProcess }> {
  const server = spawn('Xvfb', ['-displayfd', '3', '-nolisten', 'tcp'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const number = await new Promise<string>((resolve, reject) => {
    server.once('exit', () => reject(new Error('Xvfb ended before it had a display')));
    server.stdio[3]!.once('data', (data: Buffer) => resolve(String(data).trim()));
  });
  return { name: `:${number}`, server };
}

async function endGroup(leader: ChildProcess): Promise<void> {
  const gone = leader.exitCode !== null || leader.signalCode !== null ? undefined : once(leader, 'exit');
  try {
    process.kill(-leader.pid!, 'SIGKILL');
  } catch {
    // all of it is gone already
  }
  await gone;
}

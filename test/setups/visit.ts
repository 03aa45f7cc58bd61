/** Pages one after the other in a browser, which is started with the first one's address and nothing else. */
import { chromiumPath, launchChromium } from '../support/chromium.ts';
import { isAskedFor, OTHER_BROWSERS, startBrowser } from '../support/other-browsers.ts';
import { openGate, type Gate, type Policy } from './gate.ts';
import type { Answer } from './expected.ts';

/** The browsers that there are, or that are asked for. */
export const BROWSERS = [...(chromiumPath === undefined ? [] : ['chromium']), ...OTHER_BROWSERS.filter(isAskedFor)];

/** What a page says of itself. */
export interface PageAnswer {
  readonly onPage: Answer;
  readonly inWorker: Answer;
  readonly up: number;
  readonly threads: number;
  readonly isolated: boolean;
  readonly agent: string;
  readonly error?: string;
}

/** The lines that docs/browser.md gives. */
export const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; img-src data:";

export interface Visit {
  readonly browser: string;
  /** The folder or port that has the page at `/`. */
  readonly target: string | number;
  readonly policies: readonly Policy[];
  readonly csp?: string;
  readonly checkpoint: Uint8Array;
  /** Milliseconds for each page. */
  readonly timeout?: number;
}

/** What the page answers under each policy. */
export async function visit({
  browser,
  target,
  policies,
  csp = CSP,
  checkpoint,
  timeout = 90_000,
}: Visit): Promise<Record<string, PageAnswer>> {
  const answers: Record<string, PageAnswer> = {};
  let settle!: () => void;
  let fail!: (error: Error) => void;
  const all = new Promise<void>((resolve, reject) => ([settle, fail] = [resolve, reject]));
  all.catch(() => undefined);
  const gates: readonly Gate[] = await Promise.all(
    policies.map((policy, i) =>
      openGate({
        target,
        policy,
        csp,
        checkpoint,
        onAnswer: (body) => {
          answers[policy] = JSON.parse(body) as PageAnswer;
          if (i === policies.length - 1) settle();
          return i === policies.length - 1 ? '' : `${gates[i + 1]!.origin}/`;
        },
      }),
    ),
  );
  const said: string[] = [];
  const timer = setTimeout(
    () =>
      fail(
        new Error(
          `${browser} has answered ${Object.keys(answers).join(', ') || 'nothing'} of ${policies.join(', ')} in time\n${said.join('\n')}`,
        ),
      ),
    timeout * policies.length,
  );
  const close = await (browser === 'chromium' ? inChromium(`${gates[0]!.origin}/`, said) : inOther(browser, `${gates[0]!.origin}/`, fail));
  try {
    await all;
    return answers;
  } finally {
    clearTimeout(timer);
    await close();
    for (const gate of gates) gate.close();
  }
}

async function inChromium(url: string, said: string[]): Promise<() => Promise<void>> {
  const browser = await launchChromium();
  const page = await browser.newPage();
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  await page.goto(url);
  return () => browser.close();
}

async function inOther(name: string, url: string, fail: (error: Error) => void): Promise<() => Promise<void>> {
  const { ended, close } = await startBrowser(name, url);
  ended.catch(fail);
  return close;
}

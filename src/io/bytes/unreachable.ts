/**
 * Why a browser gives no answer of a server. Pages are only told "Failed to fetch", whatever the reason, so that they cannot look around in
 * networks; what a page may find out by itself is said here, since each reason has another remedy.
 */
import type { HostFetch } from '../../base/host-types.ts';
import type { FetchFailure } from './fetch-error.ts';

interface Place {
  readonly href: string;
  readonly origin: string;
  readonly protocol: string;
}

interface Host {
  readonly location?: Place;
  addEventListener?(kind: string, listener: (event: Violation) => void): void;
  removeEventListener?(kind: string, listener: (event: Violation) => void): void;
}

interface Violation {
  readonly effectiveDirective?: string;
  readonly blockedURI?: string;
}

const host = globalThis as unknown as Host;
const VIOLATION = 'securitypolicyviolation';
/** Milliseconds that a server has to answer the question whether it is there. */
const PATIENCE = 5000;

/** Notes whether the page's own policy forbids a request. */
export function watchPolicy(url: string): { readonly violated: () => Promise<boolean>; readonly end: () => void } {
  let violated = false;
  const origin = originOf(url);
  const heard = ({ effectiveDirective, blockedURI }: Violation): void => {
    if (effectiveDirective === 'connect-src' && originOf(blockedURI ?? '') === origin) violated = true;
  };
  host.addEventListener?.(VIOLATION, heard);
  return {
    violated: async () => {
      if (host.location !== undefined) await new Promise((resolve) => setTimeout(resolve, 0)); // events come in a task of their own
      return violated;
    },
    end: () => host.removeEventListener?.(VIOLATION, heard),
  };
}

/** What may have gone wrong, with the remedy. */
export async function whyUnreachable(
  url: string,
  given: { readonly fetch?: HostFetch },
  violated: boolean,
): Promise<{ readonly kind: FetchFailure; readonly why: string }> {
  const origin = originOf(url);
  if (violated) return { kind: 'policy', why: `; this page's Content-Security-Policy forbids it: add ${origin} to its connect-src` };
  const own = host.location;
  if (own === undefined || origin === undefined || origin === own.origin) return { kind: 'network', why: '' };
  if (own.protocol === 'https:' && origin.startsWith('http:'))
    return { kind: 'network', why: '; pages that came by https may not fetch by http' };
  if (given.fetch === undefined && (await isThere(url)))
    return {
      kind: 'cors',
      why: `; the server is there, but does not allow this page to read the file: it must send Access-Control-Allow-Origin: ${own.origin}`,
    };
  return {
    kind: 'network',
    why: '; no network, no such server, or one that does not allow pages of other origins (Access-Control-Allow-Origin)',
  };
}

function originOf(url: string): string | undefined {
  try {
    const { origin } = new URL(url, host.location?.href);
    return origin;
  } catch {
    return undefined;
  }
}

/** Whether anybody answers there: a page may ask, though not see what. */
async function isThere(url: string): Promise<boolean> {
  try {
    await fetch(url, { method: 'HEAD', mode: 'no-cors', signal: AbortSignal.timeout(PATIENCE) });
    return true;
  } catch {
    return false;
  }
}

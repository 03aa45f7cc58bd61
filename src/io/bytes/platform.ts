/**
 * The one door to Node's built-in modules for code that must also load in a browser.
 *
 * `process.getBuiltinModule` (Node 20.16 and later) hands out a module at run time, so that no bundler sees an import that
 * a browser cannot follow. Code that runs only in Node imports `node:` modules in the usual way instead.
 */
import { DeviceError } from '../../base/errors.ts';

type BuiltIn = Parameters<NodeJS.Process['getBuiltinModule']>[0];

const host = (globalThis as { process?: NodeJS.Process }).process;

/** Whether this program runs in Node (or a runtime that offers Node's modules). */
export const isNode = typeof host?.getBuiltinModule === 'function';

interface Modules {
  readonly crypto: typeof import('node:crypto');
  readonly fs: typeof import('node:fs');
  readonly path: typeof import('node:path');
  readonly zlib: typeof import('node:zlib');
  readonly module: typeof import('node:module');
  readonly url: typeof import('node:url');
  readonly workers: typeof import('node:worker_threads');
}

const NAMES: { readonly [K in keyof Modules]: BuiltIn } = {
  crypto: 'node:crypto',
  fs: 'node:fs',
  path: 'node:path',
  zlib: 'node:zlib',
  module: 'node:module',
  url: 'node:url',
  workers: 'node:worker_threads',
};

/**
 * A module of Node.
 *
 * @param operation - what needs it, for the message
 * @param remedy - what to do in a browser instead
 * @throws {@link DeviceError} where there is no Node
 */
export function nodeModule<K extends keyof Modules>(name: K, operation: string, remedy: string): Modules[K] {
  const found = isNode ? host?.getBuiltinModule(NAMES[name]) : undefined;
  if (found === undefined) throw new DeviceError(`${operation}: needs Node; ${remedy}`);
  return found as unknown as Modules[K];
}

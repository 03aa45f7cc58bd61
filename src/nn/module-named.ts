/** Parameters and buffers of modules with their paths. */
import { BOOL, TEXT, type OptionKinds } from '../base/arguments.ts';
import { readCall, signature } from '../base/signature.ts';
import type { ModuleBase } from './module-base.ts';

/** The path of what is called `name` below `prefix`. @internal */
export const join = (prefix: string, name: string): string => (prefix === '' ? name : `${prefix}.${name}`);

/** Which parameters or buffers are listed, and how. */
export interface NamedOptions {
  /** What all paths begin with, default nothing. */
  readonly prefix?: string;
  /** Whether those of modules below are listed, too, default true. */
  readonly recurse?: boolean;
  /** Whether what appears in several places is listed once, default true. */
  readonly removeDuplicate?: boolean;
}
const LISTED: OptionKinds<NamedOptions> = { prefix: TEXT, recurse: BOOL, removeDuplicate: BOOL };
export const NAMED_PARAMETERS = signature<NamedOptions>('namedParameters', LISTED);
export const NAMED_BUFFERS = signature<NamedOptions>('namedBuffers', LISTED);

/** Parameters or buffers with their paths. */
export function* named<T>(
  root: ModuleBase,
  { prefix = '', recurse = true, removeDuplicate = true }: NamedOptions,
  own: (module: ModuleBase) => [string, T][],
): Generator<[string, T]> {
  const seen = new Set<T>();
  for (const [path, module] of recurse ? root.namedModules() : [['', root] as const]) {
    for (const [name, value] of own(module)) {
      if (removeDuplicate && seen.has(value)) continue;
      seen.add(value);
      yield [join(prefix, join(path, name)), value];
    }
  }
}

export const PARAMETERS = signature<{ recurse?: boolean }>('parameters', { recurse: BOOL });
export const BUFFERS = signature<{ recurse?: boolean }>('buffers', { recurse: BOOL });
export const recursive = (of: typeof PARAMETERS, recurse: unknown): boolean =>
  typeof recurse === 'boolean' ? recurse : (readCall(of, [recurse]).recurse ?? true);

/** Patterns of file names as shells know them, for those that come to the program unexpanded: quoted ones, and all on Windows. */

/** Whether a name is a pattern. */
export const isPattern = (text: string): boolean => /[*?[\]{}]/.test(text);

/** A pattern's folder, and what the names below it have to look like. */
export interface Glob {
  /** The folder that the pattern begins in. */
  readonly root: string;
  /** Folders below the root that names may lie in; Infinity with `**`. */
  readonly depth: number;
  /** Whether a name relative to the root fits. */
  readonly fits: (name: string) => boolean;
}

/**
 * Reads a pattern: `*` and `?` stand for characters of one name, `[a-z]` and `[!a-z]` for one of some, `{a,b}` for either, and `**` for any folders.
 * Braces do not nest. What does not close is taken as it stands.
 */
export function parseGlob(pattern: string): Glob {
  const parts = pattern.split('/');
  const first = parts.findIndex(isPattern);
  const rest = parts.slice(first);
  const folder = parts.slice(0, first).join('/');
  // The empty text before a first slash is the root of all files.
  const root = first === 0 ? '.' : folder === '' ? '/' : folder;
  const wanted = new RegExp(`^${rest.map((part, i) => partPattern(part, i === rest.length - 1)).join('')}$`, 'u');
  return { root, depth: rest.includes('**') ? Infinity : rest.length - 1, fits: (name) => wanted.test(name) };
}

/** What one part between slashes stands for, with the slash behind it. */
function partPattern(part: string, isLast: boolean): string {
  if (part === '**') return isLast ? '.*' : '(?:[^/]+/)*';
  return `${namePattern(part)}${isLast ? '' : '/'}`;
}

const TOKEN = /\*+|\?|\[[!^]?\]?[^\]]+\]|\{[^{}]*\}|[^]/gu;

const namePattern = (text: string): string => text.replace(TOKEN, tokenPattern);

function tokenPattern(token: string): string {
  if (token.startsWith('*')) return '[^/]*';
  if (token === '?') return '[^/]';
  if (token.length > 1 && token.startsWith('[')) return setPattern(token);
  if (token.length > 1 && token.startsWith('{')) return `(?:${token.slice(1, -1).split(',').map(namePattern).join('|')})`;
  return literal(token);
}

const literal = (text: string): string => text.replace(/[\\^$.|?*+()[\]{}/]/g, '\\$&');

/** `[a-z]`, `[!a-z]`: ranges stay, all else is taken by itself. */
function setPattern(token: string): string {
  const inside = token.slice(1, -1);
  const isNot = /^[!^]/.test(inside);
  const body = (isNot ? inside.slice(1) : inside).replace(/[\\\][^]/g, '\\$&');
  const safe = body.replace(/^-|-$/g, '\\-');
  try {
    new RegExp(`[${safe}]`, 'u');
  } catch {
    return literal(token); // a range that runs backwards is none
  }
  return isNot ? `[^/${safe}]` : `[${safe}]`;
}

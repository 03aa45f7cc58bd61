/**
 * Text from files, folders and their names as a terminal may show it. Control characters could move the cursor, rewrite lines, or set the
 * window's title; marks of direction could turn a line round. They are shown as `\u001b`.
 */

/** Control characters (C0, C1), halves of characters, marks of format and direction but the two joiners that scripts and emoji need, and separators of lines. */
const HARMFUL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu;

const escape = (text: string): string =>
  Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');

/** One name or value: nothing of it leaves its line. */
export const shown = (text: string): string => text.replace(HARMFUL, escape);

/** What is about to be written, with lines and columns of its own: all but those is made harmless, whoever forgot to. JSON stays the same. */
export const harmless = (text: string): string =>
  text.replace(HARMFUL, (found) => (found === '\n' || found === '\t' ? found : escape(found)));

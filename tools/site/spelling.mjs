/** Words of documents that are in neither the British dictionary (Hunspell's, the package dictionary-en-gb) nor words.txt. */
import { readFileSync } from 'node:fs';
import dictionary from 'dictionary-en-gb';
import nspell from 'nspell';
import { proseOf } from './markdown.mjs';

const WORD = /[\p{L}\p{M}][\p{L}\p{M}\p{N}_.@/]*(?:['’]\p{L}+)*/gu;

/** What is a name and not a word: with digits, capitals inside, dots, or all in capitals. */
const isName = (word) => /[\p{N}_.@/]|\p{Ll}\p{Lu}|^\p{Lu}{2,}s?$|\p{Lu}{2}/u.test(word);

/** @param {ReadonlyMap<string, string>} texts by file */
export function misspelt(texts) {
  const spell = nspell(dictionary);
  const own = readFileSync(new URL('words.txt', import.meta.url), 'utf8').split('\n');
  const words = new Set(own.filter((line) => line !== '' && !line.startsWith('#')));
  const verdicts = new Map();
  const isRight = (word) => {
    const plain = word.replace(/’/g, "'").replace(/'s$/, '');
    const lower = plain.toLowerCase();
    return words.has(lower) || spell.correct(plain) || spell.correct(lower);
  };
  const found = [];
  for (const [file, text] of texts)
    for (const { prose, line } of proseOf(text))
      for (const [match] of prose.matchAll(WORD)) {
        const word = match.replace(/[./]+$/, '');
        if (word.length < 3 || isName(word)) continue;
        if (!verdicts.has(word)) verdicts.set(word, isRight(word));
        if (!verdicts.get(word)) found.push({ file, line, word });
      }
  return found;
}

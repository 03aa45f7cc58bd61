/**
 * What the site's search knows. It is lunr's, whose index of parts of words mistakes some terms for others where they are full of digits, and then a search stops with an
 * error; so only words and names are put into it, no numbers and no figures.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inflateSync } from 'node:zlib';

const NAME = /[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*/gu;

/** Words and names of a text (`nn.Conv2d` is one): other punctuation parts them, markup and numbers are left out. */
export const wordsOf = (text) => (text.replace(/<[^>]*>/g, ' ').match(NAME) ?? []).join(' ');

/** Terms that a search would stop at. @param {string} folder of the site */
export function faultyTerms(folder) {
  const lunr = createRequire(fileURLToPath(import.meta.resolve('typedoc')))('lunr');
  const [, packed] = /"([A-Za-z0-9+/=]+)"/.exec(readFileSync(join(folder, 'assets/search.js'), 'utf8'));
  const index = lunr.Index.load(JSON.parse(inflateSync(Buffer.from(packed, 'base64')).toString()).index);
  return index.tokenSet.toArray().filter((term) => index.invertedIndex[term] === undefined);
}

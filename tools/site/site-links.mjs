/** Links of the pages of a folder to files or anchors that are not there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const decoded = (text) => decodeURIComponent(text.replaceAll('&amp;', '&'));

/** @param {string} folder */
export function deadLinks(folder) {
  const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
  const texts = new Map(pages.map((page) => [page, readFileSync(join(folder, page), 'utf8')]));
  const anchors = new Map(
    [...texts].map(([page, text]) => [page, new Set([...text.matchAll(/\s(?:id|name)="([^"]+)"/g)].map(([, id]) => id))]),
  );
  const dead = new Set();
  for (const [page, text] of texts)
    for (const [, target] of text.matchAll(/\s(?:href|src)="([^"]+)"/g)) {
      if (/^([a-z]+:|\/\/)/.test(target)) continue;
      const [path, anchor] = target.split('#');
      const other = path === '' ? page : normalize(join(dirname(page), decoded(path).split('?')[0]));
      if (!existsSync(join(folder, other)) || statSync(join(folder, other)).isDirectory()) dead.add(`${page}: no page ${target}`);
      else if (anchor !== undefined && anchor !== '' && anchors.get(other)?.has(decoded(anchor)) === false)
        dead.add(`${page}: no place ${target}`);
    }
  return [...dead];
}

/** The page beside copied mistakes: which classes are mistaken for which, and every picture, the surest mistakes first. */
import { escaped, percent, section, sheet } from './sheet.ts';

/** A mistaken image. */
export interface Mistake {
  readonly name: string;
  readonly actual: string;
  readonly predicted: string;
  /** Of the prediction. */
  readonly probability: number;
  /** The copy, relative to the page, with slashes. */
  readonly copy: string;
  /** What to show instead of the copy, where browsers do not show its format. */
  readonly preview: string | undefined;
}

/** Pictures after these are in their folders only. */
const MOST_SHOWN = 2000;

/** @param mistakes - the surest first */
export function mistakesPage(title: string, measured: string, mistakes: readonly Mistake[]): string {
  const more =
    mistakes.length > MOST_SHOWN ? `<p class="note">${mistakes.length - MOST_SHOWN} less sure ones are only in the folders.</p>` : '';
  const shown = mistakes.slice(0, MOST_SHOWN);
  const body =
    mistakes.length === 0
      ? '<p>There are no mistakes.</p>'
      : [
          section('What is taken for what', pairTable(mistakes)),
          section('Surest first', `<div class="examples one">${shown.map(card).join('')}</div>${more}`),
        ].join('\n');
  return sheet(title, measured, body, `<style>${STYLE}</style>`);
}

/** An address relative to the page. */
const address = (path: string): string => escaped(path.split('/').map(encodeURIComponent).join('/'));

function pairTable(mistakes: readonly Mistake[]): string {
  const pairs = new Map<string, { count: number; first: Mistake }>();
  for (const mistake of mistakes) {
    const folder = mistake.copy.slice(0, mistake.copy.indexOf('/'));
    const pair = pairs.get(folder);
    if (pair === undefined) pairs.set(folder, { count: 1, first: mistake });
    else pair.count++;
  }
  const rows = [...pairs]
    .sort(([, a], [, b]) => b.count - a.count)
    .map(
      ([folder, { count, first }]) =>
        `<tr><th scope="row">${escaped(first.actual)}</th><td>${escaped(first.predicted)}</td><td>${count}</td><td><a href="${address(folder)}/">${escaped(folder)}</a></td></tr>`,
    );
  const heads = ['is', 'taken for', 'images', 'folder'].map((head) => `<th scope="col">${head}</th>`).join('');
  return `<div class="scroll"><table><thead><tr>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function card({ name, actual, predicted, probability, copy, preview }: Mistake): string {
  const said = `<b class="wrong">${escaped(predicted)}</b> is ${escaped(actual)} <span>${percent(probability)}</span>`;
  const picture = `<a href="${address(copy)}"><img src="${preview ?? address(copy)}" alt="${escaped(`${actual}, taken for ${predicted}`)}" loading="lazy"></a>`;
  return `<figure>${picture}<figcaption>${said}<br><small>${escaped(name)}</small></figcaption></figure>`;
}

const STYLE = `
.one img{width:100%;height:180px;object-fit:contain;border-radius:6px;image-rendering:auto;background:var(--paper)}
a{color:var(--blue)}td:nth-child(2),th:nth-child(2),th:last-child{text-align:left}
`;

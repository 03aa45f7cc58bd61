/** The page about single pictures: guesses, where the network looks for each, and its layers' maps. */
import type { ExplainedPicture } from './explain-pictures.ts';
import { pictureOf } from './pictures.ts';
import { escaped, image, percent, sheet } from './sheet.ts';

/** @param lead - which network it is, as text */
export function explainPage(title: string, lead: string, pictures: readonly ExplainedPicture[]): string {
  return sheet(title, lead, pictures.map(section).join('\n'), `<style>${STYLE}</style>`);
}

function section({ name, view, guesses, maps, input }: ExplainedPicture): string {
  const seen = `<figure>${image(pictureOf(view), name)}<figcaption>what the network sees</figcaption></figure>`;
  const looks = guesses.flatMap(({ name: guess, probability, heat }) =>
    heat === undefined
      ? []
      : [
          `<figure>${image(pictureOf(heat), `what speaks for ${guess}`)}<figcaption>for <b>${escaped(guess)}</b> <span>${percent(probability)}</span></figcaption></figure>`,
        ],
  );
  const bars = guesses.map(
    ({ name: guess, probability }) =>
      `<li><i style="width:${(100 * probability).toFixed(2)}%"></i><span>${escaped(guess)}</span><span>${percent(probability)}</span></li>`,
  );
  const rows = maps.map(
    (layer) =>
      `<div class="maps"><div><code>${escaped(layer.name)}</code><br><small>[${layer.shape.join(', ')}]</small></div>${image(layer.picture, layer.name)}</div>`,
  );
  const inside =
    rows.length === 0
      ? ''
      : `<details><summary>On its way through the network</summary><p class="lead">Up to eight channels of each layer, each from its darkest to its brightest value.</p><div class="maps"><div><code>the input</code></div>${image(input, 'the input', ' class="small"')}</div>${rows.join('')}</details>`;
  return `<section><h2>${escaped(name)}</h2><ol class="guesses">${bars.join('')}</ol><div class="examples">${seen}${looks.join('')}</div>${inside}</section>`;
}

const STYLE = `
h2{overflow-wrap:anywhere}
.guesses{list-style:none;margin:0 0 12px;padding:0;display:grid;gap:6px;max-width:560px}
.guesses li{position:relative;display:flex;justify-content:space-between;gap:12px;padding:5px 10px;border-radius:8px;overflow:hidden;background:var(--card);border:1px solid var(--line);font-variant-numeric:tabular-nums}
.guesses i{position:absolute;inset:0 auto 0 0;background:var(--blue);opacity:.22}
.guesses span{position:relative}.guesses li:first-child span{font-weight:600}
figure img{width:100%;height:auto;border-radius:6px;image-rendering:auto}
details{margin-top:10px}
@media print{details{display:block}}
`;

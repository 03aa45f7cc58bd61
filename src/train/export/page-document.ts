/** The document of a page that classifies: markup, style, a policy that forbids all connections, and the places of program, description and weights. */
import { toBase64 } from '../../base/base64.ts';
import { escaped, sheet } from '../report/sheet.ts';
import { PAGE_STYLE } from './page-style.ts';

export interface PageParts {
  /** The program, made safe by {@link inScript}. */
  readonly script: string;
  /** Of that text: SHA-256 in base64. */
  readonly hash: string;
  /** Plain data, which the program reads. */
  readonly description: unknown;
  readonly weights: Uint8Array;
  readonly classes: readonly string[];
  /** For people: the network and its input. */
  readonly about: string;
}

/** A program's text so that it may stand in a `<script>`. */
export const inScript = (program: string): string => program.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');

export function pageDocument({ script, hash, description, weights, classes, about }: PageParts): string {
  const policy = `default-src 'none'; script-src 'sha256-${hash}' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; media-src blob: mediastream:; base-uri 'none'; form-action 'none'`;
  const head = `<meta http-equiv="Content-Security-Policy" content="${policy}"><link rel="icon" href="data:,"><style>${PAGE_STYLE}</style>`;
  const body = `${MARKUP}
<details><summary>${classes.length} ${classes.length === 1 ? 'class' : 'classes'}, ${escaped(about)}</summary><p>${classes.map(escaped).join(', ')}</p><p>Probabilities say how sure the network is among these classes; a picture of something else gets one of them all the same.</p></details>
<script type="application/json" id="description">${JSON.stringify(description).replaceAll('<', '\\u003c')}</script>
<script type="text/plain" id="weights">${toBase64(weights)}</script>
<script>${script}</script>`;
  return sheet(
    'What is in the picture?',
    'Pictures stay on this device: all is computed in this page, which needs no internet connection.',
    body,
    head,
  );
}

const MARKUP = `
<form id="form">
<label id="drop" for="file"><input id="file" type="file" accept="image/*,.tif,.tiff,.ppm,.pgm,.bmp,.heic" multiple disabled><b>Choose pictures</b><span>or drop them here, or paste one</span></label>
<button id="camera" type="button" hidden disabled>Use the camera</button>
</form>
<p id="status" role="status">Loading the network …</p>
<section id="live" hidden aria-label="Camera"><video id="video" playsinline muted></video><div><ol id="seen" class="guesses"></ol><button id="stop" type="button">Stop the camera</button></div></section>
<div id="results" aria-live="polite" aria-relevant="additions"></div>`;

/**
 * A trained classifier as one page of HTML: program, weights and style are inside, its Content-Security-Policy forbids it all connections, and it works
 * from a disk as it does from a server.
 */
import { createHash } from 'node:crypto';
import type { TrainedClassifier } from '../classifier.ts';
import { escaped, sheet } from '../report/sheet.ts';
import { packPage } from './page-data.ts';
import { pageSource } from './page-source.ts';
import { PAGE_STYLE } from './page-style.ts';

export interface PageOptions {
  /** Write weights in half precision. */
  readonly float16: boolean;
}

/** The page's text. */
export function classifierPage(classifier: TrainedClassifier, { float16 }: PageOptions): string {
  const { network, spec, classes, model } = classifier;
  const { description, weights } = packPage(classifier, network.stateDict(), float16);
  const script = pageSource.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--');
  const hash = createHash('sha256').update(script).digest('base64');
  const policy = `default-src 'none'; script-src 'sha256-${hash}' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; media-src blob: mediastream:; base-uri 'none'; form-action 'none'`; // prettier-ignore
  const head = `<meta http-equiv="Content-Security-Policy" content="${policy}"><link rel="icon" href="data:,"><style>${PAGE_STYLE}</style>`;
  const body = `${MARKUP}
<details><summary>${classes.length} ${classes.length === 1 ? 'class' : 'classes'}, ${escaped(model)}, ${spec.height}×${spec.width} pixels</summary><p>${classes.map(escaped).join(', ')}</p><p>Probabilities say how sure the network is among these classes; a picture of something else gets one of them all the same.</p></details>
<script type="application/json" id="description">${JSON.stringify(description).replaceAll('<', '\\u003c')}</script>
<script type="text/plain" id="weights">${Buffer.from(weights).toString('base64')}</script>
<script>${script}</script>`;
  return sheet('What is in the picture?', 'Pictures stay on this device: all is computed in this page, which needs no internet connection.', body, head); // prettier-ignore
}

const MARKUP = `
<form id="form">
<label id="drop" for="file"><input id="file" type="file" accept="image/*,.tif,.tiff,.ppm,.pgm,.bmp,.heic" multiple disabled><b>Choose pictures</b><span>or drop them here, or paste one</span></label>
<button id="camera" type="button" hidden disabled>Use the camera</button>
</form>
<p id="status" role="status">Loading the network …</p>
<section id="live" hidden aria-label="Camera"><video id="video" playsinline muted></video><div><ol id="seen" class="guesses"></ol><button id="stop" type="button">Stop the camera</button></div></section>
<div id="results" aria-live="polite" aria-relevant="additions"></div>`;

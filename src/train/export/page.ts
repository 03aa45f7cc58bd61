/**
 * A trained classifier as one page of HTML: program, weights and style are inside, its Content-Security-Policy forbids it all connections, and it works
 * from a disk as it does from a server.
 */
import { createHash } from 'node:crypto';
import { packedCodec as jpeg } from '../../io/image/jpeg-codec.ts';
import { packedCodec as webp } from '../../io/image/webp-codec.ts';
import type { TrainedClassifier } from '../classifier.ts';
import { packPage } from './page-data.ts';
import { inScript, pageDocument } from './page-document.ts';
import { pageSource } from './page-source.ts';

export interface PageOptions {
  /** Write weights in half precision. */
  readonly float16: boolean;
}

/** The page's program with the decoders of pictures. */
const program = (): string =>
  pageSource()
    .replace('@jpeg-decoder.wasm@', () => jpeg)
    .replace('@webp-decoder.wasm@', () => webp);

/** The page's text. */
export function classifierPage(classifier: TrainedClassifier, { float16 }: PageOptions): string {
  const { network, spec, classes, model } = classifier;
  const { description, weights } = packPage(classifier, network.stateDict(), float16);
  const script = inScript(program());
  const hash = createHash('sha256').update(script).digest('base64');
  const about = `${model}, ${spec.height}×${spec.width} pixels`;
  return pageDocument({ script, hash, description, weights, classes, about });
}

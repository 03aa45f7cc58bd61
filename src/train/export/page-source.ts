/** The program of the page that classifies, as text, with marks where the decoders of pictures belong: the build and the tests put it in this module's place (`tools/page-text.mjs`). */
import { InternalError } from '../../base/errors.ts';

export function pageSource(): string {
  throw new InternalError('the program of the page is made by the build (tools/page-text.mjs); these sources run without it');
}

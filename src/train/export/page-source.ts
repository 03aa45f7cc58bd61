/** The program of the page that classifies, as text: the build and the tests put it in this module's place (`tools/page-text.mjs`). */
import { InternalError } from '../../base/errors.ts';

export const pageSource: string = missing();

function missing(): never {
  throw new InternalError(
    'the program of the page is made by the build (tools/page-text.mjs); these sources run without it',
  );
}

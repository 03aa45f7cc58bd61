/** `--max-pixels`, and messages that name options as the library does. */
import { MAX_PIXELS } from '../io/image/limits.ts';
import { number } from './options.ts';

export const maxPixelsOption = number(
  'N',
  `Most pixels of an image, for photographs of more than ${Math.floor(MAX_PIXELS / 1e6)} megapixels that are trusted (default ${MAX_PIXELS}).`,
  { whole: true, min: 1 },
);

/** Messages of the library name its own option; here it is called otherwise. */
export const byOption = (message: string): string =>
  message
    .replaceAll('raise maxPixels if', 'raise it with --max-pixels if')
    .replace('take one part of it with key, or tensorsOnly to leave', 'take one part of it with --key, or --tensors-only to leave')
    .replace('name other places with the option mirrors', 'name another place with --mirror');

/** What {@link maxPixelsOption} says, for the library. */
export const pixelLimit = ({ maxPixels }: { readonly maxPixels: number | undefined }): { readonly maxPixels?: number } =>
  maxPixels === undefined ? {} : { maxPixels };

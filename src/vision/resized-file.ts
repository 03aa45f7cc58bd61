/** Image files of which a resized stretch is wanted: rows go from the decoder to the filter as they come, and what is not needed is not decoded. */
import { decodeRowsSync, type DecodeOptions } from '../io/image/decode.ts';
import { Image } from '../io/image/image.ts';
import { Resampler } from './functional/resample-kernel.ts';
import { denominatorFor, ofReduced, resizedAs, resizePlan, type Resizing } from './resize.ts';

/** What to make of an image of a size. */
export type ResizingOf = (width: number, height: number) => Resizing;

/**
 * A stretch of the image in a file, resized, in RGB. The decoder of its format has to be loaded.
 *
 * @param choose - says what to make of an image of its size; it is asked once
 * @param reduced - whether a smaller picture that a JPEG file gives faster will do, where `choose` says nothing of it
 * @throws FormatError when it is damaged or no image; it names the file
 */
export function resizedFileSync(file: Uint8Array, options: DecodeOptions, choose: ResizingOf, reduced: boolean): Image {
  let resizing: Resizing | undefined;
  let made: (() => Image) | undefined;
  const image = decodeRowsSync(file, options, (width, height, channels, scales) => {
    resizing = choose(width, height);
    const denominator = scales && (resizing.reduced ?? reduced) ? denominatorFor(resizing) : 1;
    const plan = resizePlan(channels, ofReduced(resizing, denominator));
    const resampler = Resampler.begin(plan, width * channels);
    if (resampler === undefined) return undefined;
    made = () => new Image(plan.width, plan.height, channels, resampler.finish()).convert('RGB');
    return { denominator, rows: plan.rows, columns: plan.columns, push: (bytes, pitch, rows) => resampler.push(bytes, pitch, rows) };
  });
  return image === undefined ? made!() : resizedAs(image, resizing ?? choose(image.width, image.height));
}

/**
 * The messages of event files: `Event`, `Summary` and what is in them, by TensorBoard's definitions
 * (https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto). Each function names the fields that it writes.
 */
import type { Bytes } from '../../base/host-types.ts';
import type { Histogram } from './histogram.ts';
import { block, double, doubles, message, requiredDouble, requiredFloat, text, whole } from './protobuf.ts';

/** Seconds since 1970, and the step that a value belongs to. */
export interface When {
  readonly walltime: number;
  readonly step?: number | undefined;
}

/** wall_time, step, and one more field. */
const event = ({ walltime, step = 0 }: When, what: Uint8Array): Bytes => message(double(1, walltime), whole(2, step), what);

/** The first of a file: file_version, source_metadata.writer. */
export const fileVersion = (walltime: number): Bytes =>
  message(double(1, walltime), block(3, 'brain.Event:2'), block(10, block(1, 'tensorboard.summary.writer.event_file_writer')));

/** What of an earlier run is from this step on is not to be shown: session_log.status = START, after a version as PyTorch writes it. */
export const restart = (when: When): Bytes[] => [event(when, block(3, 'brain.Event:2')), event(when, block(7, whole(1, 1)))];

/** graph_def. */
export const graphEvent = (when: When, graph: Uint8Array): Bytes => event(when, block(4, graph));

/** summary, with one value. */
export const summaryEvent = (when: When, value: Uint8Array): Bytes => event(when, block(5, block(1, value)));

/** tag, simple_value. */
export const scalarValue = (tag: string, value: number): Bytes => message(block(1, tag), requiredFloat(2, value));

/** tag, image: height, width, colorspace, encoded_image_string. */
export function imageValue(tag: string, height: number, width: number, channels: number, png: Uint8Array): Bytes {
  return message(block(1, tag), block(4, message(whole(1, height), whole(2, width), whole(3, channels), block(4, png))));
}

/** tag, histo: min, max, num, sum, sum_squares, bucket_limit, bucket. */
export function histogramValue(tag: string, histogram: Histogram): Bytes {
  const { min, max, num, sum, sumSquares, limits, counts } = histogram;
  const numbers = [min, max, num, sum, sumSquares].map((value, i) => double(i + 1, value));
  return message(block(1, tag), block(5, message(...numbers, doubles(6, limits), doubles(7, counts))));
}

/** metadata.plugin_data: plugin_name, content. */
const plugin = (name: string, content: Uint8Array): Bytes =>
  block(9, block(1, message(block(1, name), content.length === 0 ? content : block(2, content))));

/** tag, tensor of one text, metadata. */
export function textValue(tag: string, value: string): Bytes {
  const shape = block(2, whole(1, 1));
  const tensor = message(whole(1, 7), block(2, shape), block(8, value)); // 7: DT_STRING
  return message(block(1, `${tag}/text_summary`), block(8, tensor), plugin('text', new Uint8Array(0)));
}

export type HParam = number | string | boolean;

/** google.protobuf.Value: number_value, string_value, bool_value. */
function hparamValue(value: HParam): Bytes {
  if (typeof value === 'number') return requiredDouble(2, value);
  return typeof value === 'string' ? block(3, value) : Uint8Array.of((4 << 3) | 0, Number(value));
}

const HPARAM_TYPES = { string: 1, boolean: 2, number: 3 } as const;
const hparamsValue = (name: string, content: Uint8Array): Bytes => message(block(1, `_hparams_/${name}`), plugin('hparams', content));

/** Experiment with its hyperparameters and metrics, the session's values, and its end: three values of the plugin `hparams`. */
export function hparamsValues(
  given: Readonly<Record<string, HParam>>,
  metrics: readonly string[],
  domains: Readonly<Record<string, readonly HParam[]>>,
): Bytes[] {
  const infos = Object.entries(given).map(([name, value]) => {
    const domain = domains[name]?.map((one) => block(1, hparamValue(one)));
    return block(
      4,
      message(
        text(1, name),
        whole(4, HPARAM_TYPES[typeof value as keyof typeof HPARAM_TYPES]),
        domain === undefined ? message() : block(5, message(...domain)),
      ),
    );
  });
  const experiment = message(...infos, ...metrics.map((tag) => block(5, block(1, text(2, tag)))));
  const values = Object.entries(given).map(([name, value]) => block(1, message(text(1, name), block(2, hparamValue(value)))));
  return [
    hparamsValue('experiment', block(2, experiment)),
    hparamsValue('session_start_info', block(3, message(...values))),
    hparamsValue('session_end_info', block(4, whole(1, 1))), // success
  ];
}

/**
 * The index of a model in several safetensors files (`model.safetensors.index.json`): which file each tensor is in
 * (https://huggingface.co/docs/huggingface_hub/package_reference/serialization).
 */
import { FormatError } from '../../base/errors.ts';
import type { ByteSource } from '../bytes/byte-source.ts';
import { JsonScanner } from './json-scanner.ts';
import { quote } from '../pickle/items.ts';

/** Longest index; those of the largest models have some megabytes. */
const MAX_INDEX = 2 ** 26;

/** Whether a file is text that begins like a JSON object, as an index does. */
export function mayBeIndex(source: ByteSource): boolean {
  const start = new TextDecoder('latin1').decode(source.read(0, Math.min(source.size, 64)));
  return /^\s*\{\s*("|$)/.test(start);
}

/**
 * The names of the files, each with those of its tensors.
 * @throws FormatError when it is no index, or a file's name leads out of the folder
 */
export function readIndex(source: ByteSource): Map<string, string[]> {
  const fail = (why: string): FormatError => new FormatError(`index of safetensors files: ${why}`);
  if (source.size > MAX_INDEX) throw fail(`${source.size} bytes, more than ${MAX_INDEX}`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(source.read(0, source.size));
  } catch {
    throw fail('it is not UTF-8');
  }
  const scanner = new JsonScanner(text, (why, at) => fail(`character ${at}: ${why}`));
  let files: Map<string, string[]> | undefined;
  const seen = new Set<string>();
  scanner.object((member) => {
    if (member !== 'weight_map') {
      scanner.skipValue();
      return;
    }
    if (files !== undefined) throw scanner.error('a second weight_map');
    const map = (files = new Map<string, string[]>());
    scanner.object((tensor) => {
      const file = scanner.string();
      if (seen.has(tensor)) throw scanner.error(`a second tensor named ${quote(tensor)}`);
      if (!isPlainName(file)) throw scanner.error(`the file ${quote(file)} of tensor ${quote(tensor)} is none beside the index`);
      seen.add(tensor);
      const tensors = map.get(file);
      if (tensors === undefined) map.set(file, [tensor]);
      else tensors.push(tensor);
    });
  });
  scanner.end();
  const found = files; // set by the callback
  if (found === undefined) throw fail('this is JSON without a weight_map; expected the index of a model in several files');
  return found;
}

/** A name without a way to another folder, on any system. */
const isPlainName = (name: string): boolean => !/[\p{Cc}/\\:]/u.test(name) && /^[^.].*\.safetensors$/s.test(name);

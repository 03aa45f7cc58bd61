/** Values that are no tensors, from process to process. */
import { ARRAY, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { isTensor } from '../tensor/is-tensor.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import { fromTypedArray, zeros } from '../tensor/create.ts';
import { allGatherIntoTensor, broadcast } from './collectives.ts';
import { codecIfAny, requireGroup, type Codec } from './world.ts';

/** As JSON: for records of this library's own. */
const JSON_CODEC: Codec = {
  pack: (value) => new TextEncoder().encode(JSON.stringify(value)),
  unpack: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
};

/** Without other processes: a copy. */
const ALONE = { pack: (value: unknown): unknown => structuredClone(value) };

/**
 * What a codec makes of a value.
 * @throws ArgumentError for what cannot travel: functions, symbols, and tensors, which have collectives of their own
 */
function packed<T>(op: string, value: unknown, { pack }: { readonly pack: (value: unknown) => T }): T {
  forbidWhileRecording(`${op}: this sends values that are no tensors`, 'call it before');
  refuseTensors(op, value, new Set());
  try {
    return pack(value);
  } catch (cause) {
    throw new ArgumentError(
      `${op}: expected a value that a structured clone can hold (no functions or symbols), but got one that it cannot: ${(cause as Error).message}`,
      { cause },
    );
  }
}

const bytesOf = (op: string, value: unknown, codec: Codec): Uint8Array<ArrayBuffer> => Uint8Array.from(packed(op, value, codec));

function refuseTensors(op: string, value: unknown, seen: Set<object>): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
  if (isTensor(value))
    throw new ArgumentError(`${op}: expected no tensor in the value; send tensors with allGather or broadcast, or x.tolist()`);
  seen.add(value);
  const inside: Iterable<unknown> =
    value instanceof Map ? [...value.keys(), ...value.values()] : value instanceof Set ? value : Object.values(value);
  for (const inner of inside) refuseTensors(op, inner, seen);
}

/** The value of each process, by rank, as JSON has it. */
export const gathered = (op: string, value: unknown): unknown[] => gatheredBy(op, value, JSON_CODEC);

function gatheredBy(op: string, value: unknown, codec: Codec): unknown[] {
  const { size } = requireGroup(op);
  const bytes = bytesOf(op, value, codec);
  const lengths = zeros(size, { dtype: 'int32' });
  allGatherIntoTensor(lengths, fromTypedArray(Int32Array.of(bytes.length), [1]));
  const each = [...lengths.toTypedArray()].map(Number);
  const most = Math.max(...each);
  const own = new Uint8Array(most);
  own.set(bytes);
  const all = zeros(size * most, { dtype: 'uint8' });
  allGatherIntoTensor(all, fromTypedArray(own, [most]));
  const together = all.toTypedArray() as Uint8Array;
  return each.map((length, rank) => codec.unpack(together.slice(rank * most, rank * most + length)));
}

/**
 * Puts the value of each process into `list`, by rank. Values are what structured clones can hold: maps, sets, dates, typed arrays, NaN and undefined as well,
 * but neither functions nor tensors.
 * @throws ArgumentError for others
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.all_gather_object
 */
export function allGatherObject(list: unknown[], value: unknown): void {
  requireKind('allGatherObject', 'the list', list, ARRAY);
  const codec = codecIfAny();
  list.splice(
    0,
    list.length,
    ...(codec === undefined ? [packed('allGatherObject', value, ALONE)] : gatheredBy('allGatherObject', value, codec)),
  );
}

/**
 * All processes get the values of process `src`, in place.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.broadcast_object_list
 */
export function broadcastObjectList(list: unknown[], src = 0): void {
  const op = 'broadcastObjectList';
  requireKind(op, 'the list', list, ARRAY);
  const isMine = requireGroup(op).rank === src;
  const codec = codecIfAny();
  if (codec === undefined) return; // alone
  const bytes = isMine ? bytesOf(op, list, codec) : new Uint8Array(0);
  const length = fromTypedArray(Int32Array.of(bytes.length), [1]);
  broadcast(length, src);
  const data = isMine ? fromTypedArray(bytes, [bytes.length]) : zeros(length.item(), { dtype: 'uint8' });
  broadcast(data, src);
  if (!isMine) list.splice(0, list.length, ...(codec.unpack((data.toTypedArray() as Uint8Array).slice()) as unknown[]));
}

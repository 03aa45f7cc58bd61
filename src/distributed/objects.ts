/** Values that are no tensors, from process to process, as JSON. */
import { ARRAY, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import { fromTypedArray, zeros } from '../tensor/create.ts';
import { allGatherIntoTensor, broadcast } from './collectives.ts';
import { requireGroup } from './world.ts';

function bytesOf(op: string, value: unknown): Uint8Array<ArrayBuffer> {
  forbidWhileRecording(`${op}: this sends values that are no tensors`, 'call it before');
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (cause) {
    throw new ArgumentError(`${op}: expected a value that JSON can hold, but got one that it cannot: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (text === undefined) throw new ArgumentError(`${op}: expected a value that JSON can hold, but got ${typeof value}`);
  return new TextEncoder().encode(text);
}

const valueOf = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes.slice()));

/** The value of each process, by rank. */
export function gathered(op: string, value: unknown): unknown[] {
  const { size } = requireGroup(op);
  const bytes = bytesOf(op, value);
  const lengths = zeros(size, { dtype: 'int32' });
  allGatherIntoTensor(lengths, fromTypedArray(Int32Array.of(bytes.length), [1]));
  const each = [...lengths.toTypedArray()].map(Number);
  const most = Math.max(...each);
  const own = new Uint8Array(most);
  own.set(bytes);
  const all = zeros(size * most, { dtype: 'uint8' });
  allGatherIntoTensor(all, fromTypedArray(own, [most]));
  const together = all.toTypedArray() as Uint8Array;
  return each.map((length, rank) => valueOf(together.subarray(rank * most, rank * most + length)));
}

/**
 * Puts the value of each process into `list`, by rank. Values are what JSON can hold.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.all_gather_object
 */
export function allGatherObject(list: unknown[], value: unknown): void {
  requireKind('allGatherObject', 'the list', list, ARRAY);
  list.splice(0, list.length, ...gathered('allGatherObject', value));
}

/**
 * All processes get the values of process `src`, in place.
 * @see https://pytorch.org/docs/stable/distributed.html#torch.distributed.broadcast_object_list
 */
export function broadcastObjectList(list: unknown[], src = 0): void {
  const op = 'broadcastObjectList';
  requireKind(op, 'the list', list, ARRAY);
  const isMine = requireGroup(op).rank === src;
  const bytes = isMine ? bytesOf(op, list) : new Uint8Array(0);
  const length = fromTypedArray(Int32Array.of(bytes.length), [1]);
  broadcast(length, src);
  const data = isMine ? fromTypedArray(bytes, [bytes.length]) : zeros(length.item(), { dtype: 'uint8' });
  broadcast(data, src);
  if (!isMine) list.splice(0, list.length, ...(valueOf(data.toTypedArray() as Uint8Array) as unknown[]));
}

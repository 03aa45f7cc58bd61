/** The sums of weights by which `multinomial` draws, made by a kernel in the CPU's memory. */
import type { Buffer, Holding, Program } from '../devices/device.ts';
import { weightSumsSteps } from '../lower/cpu/random.ts';
import { cpuDevice } from './backend.ts';
import { empty_ } from './create.ts';
import { activeRecorder } from './recorder.ts';
import type { Tensor } from './tensor.ts';

/** Bytes for the arguments of the one launch, and for what it says. */
const HELD = 64;
const FLAG = 64;

let place: { readonly program: Program; readonly flag: Buffer } | undefined;

/** Takes its memory once, which may move what is there. */
function prepared(): NonNullable<typeof place> {
  if (place === undefined) {
    const device = cpuDevice();
    const held: Holding = { buffer: device.allocate(HELD), bytes: HELD, free: () => undefined };
    place = { program: device.program(weightSumsSteps(device.target), { hold: () => held }), flag: device.allocate(FLAG) };
  }
  return place;
}

/**
 * For each element of dense rows the sum of the row up to it, rounded after every addition: a view of the CPU's memory, valid until memory is taken.
 * @returns undefined where another way is to be gone: for other dtypes, other devices, while others record, and where the rows may be none of weights
 */
export function weightSums(x: Tensor, rows: number, size: number): Float32Array | undefined {
  const { device } = x.storage;
  if (x.dtype !== 'float32' || device !== cpuDevice() || activeRecorder() !== undefined || rows * size === 0) return undefined;
  const { program, flag } = prepared();
  const sums = empty_('multinomial', 'float32', [rows, size], device);
  program.run({ buffers: [x.storage.buffer, sums.storage.buffer, flag], offsets: [4 * x.offset, 0, 0] }, [rows, size]);
  const view = (of: Buffer, count: number): ArrayBufferView => cpuDevice().view(of, 0, 4 * count);
  const { buffer, byteOffset } = view(sums.storage.buffer, rows * size);
  const result = new Float32Array(buffer as ArrayBuffer, byteOffset, rows * size);
  const said = view(flag, 1);
  const fine = new Int32Array(said.buffer as ArrayBuffer, said.byteOffset, 1)[0] !== 0;
  for (let row = 1; row <= rows && fine; row++) {
    const total = result[row * size - 1]!;
    if (!(total > 0 && total < Infinity)) return undefined;
  }
  return fine ? result : undefined;
}

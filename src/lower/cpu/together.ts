/**
 * Launches that run together: all of them for some channels, then for others, so that what one writes is in the caches when the next reads it, and
 * what nobody else sees lies in the scratch of the thread (`devices/cpu/native/runtime-source.ts` runs them).
 */
import { itemSize } from '../../base/dtype.ts';
import { invariant } from '../../base/errors.ts';
import { layoutOf, type Layout } from '../../base/layout.ts';
import type { LowerTogether, NodePart } from '../../compiler/by-channels.ts';
import type { Value } from '../../compiler/lowering.ts';
import { CpuLowering, isTable, isValue, SCRATCH, type Patch, type Step, type Together } from './lowering.ts';

/** Bytes of all operands that they go through at a time. */
const SPAN_BYTES = 256 * 1024;
/** Elements that planes in the scratch are whole multiples of, and bytes behind tensors there that may be read or written. */
const PLANE_STEP = 16;
const SLACK = 256;

/** Where all launches of the parts go by channels, what lies between them is in the scratch, some channels at a time: tried first is whether they do. */
export const lowerTogether: LowerTogether = (lowering, channels, between, partsOf) => {
  const l = lowering as CpuLowering;
  const how = between.length > 0 ? tried(l, channels, between, partsOf) : undefined;
  const begin = l.steps.length;
  const own = how === undefined ? between.map(({ dtype, shape }) => l.temp(dtype, shape)) : inScratch(between, how.span);
  lowerParts(l, partsOf(own));
  const steps = l.steps.slice(begin) as Step[];
  for (let i = 0; i < steps.length; i++) {
    let count = 0;
    while (steps[i + count]?.channels === channels) count++;
    invariant(how === undefined || count === steps.length, 'a lowering does the same for tensors in the scratch');
    if (count > 1) join(steps.slice(i, i + count), how ?? howTogether(l, steps.slice(i, i + count), channels));
    i += count;
  }
};

/** How they would run with what lies between them in the scratch; undefined if not all can. */
function tried(l: CpuLowering, channels: number, between: readonly Layout[], partsOf: Parameters<LowerTogether>[3]): Together | undefined {
  const trial = new CpuLowering(l.wideTarget, l.threads);
  trial.reduced = l.reduced;
  trial.buffers.push(...l.buffers);
  const own = inScratch(between, 1);
  lowerParts(trial, partsOf(own));
  const steps = trial.steps as Step[];
  if (steps.length < 2 || steps.some((step) => step.channels !== channels)) return undefined;
  return howTogether(trial, steps, channels, own);
}

function lowerParts(l: CpuLowering, parts: readonly NodePart[]): void {
  const read = new Set(parts.flatMap(({ inputs }) => inputs).map(({ buffer }) => buffer));
  const written = parts.flatMap(({ outputs }) => outputs).map(({ buffer }) => buffer);
  l.soon = new Set(written.filter((buffer) => read.has(buffer)));
  for (const { lower, inputs, outputs, firstScalar } of parts) {
    l.beginNode(l.node, firstScalar);
    lower(l, inputs, outputs);
  }
  l.soon = undefined;
}

function howTogether(l: CpuLowering, steps: readonly Step[], channels: number, own: readonly Value[] = []): Together {
  const operands = steps.flatMap((step) => step.operands);
  const bytes = new Map(operands.map(({ buffer, layout }) => [buffer, layout.extent / channels]));
  const channelBytes = [...bytes.values(), ...own.map(channelBytesOf)].reduce((sum, more) => sum + more, 0);
  const span = Math.min(channels, Math.max(1, Math.floor(SPAN_BYTES / channelBytes)));
  const size = Math.ceil(channels / span);
  const unitCost = steps.reduce((sum, { cost }) => sum + cost, 0) / size;
  return { count: steps.length, channels, span, grain: Math.min(channels, span * l.grainOf({ size, unitCost })) };
}

/** Tensors of as many channels as are done at a time, one behind the other in the scratch; their channels are counted from the first of all. */
function inScratch(layouts: readonly Layout[], span: number): Value[] {
  let end = 0;
  return layouts.map(({ dtype, shape }) => {
    const [batch, , rows, columns] = shape as [number, number, number, number];
    const plane = Math.ceil((rows * columns) / PLANE_STEP) * PLANE_STEP;
    const layout = layoutOf(dtype, shape, [plane, batch * plane, columns, 1]);
    const byteOffset = end;
    end += span * batch * plane * itemSize(dtype) + SLACK;
    return { layout, buffer: SCRATCH, byteOffset };
  });
}

/** Makes launches run together. What they have in the scratch comes behind what each needs for itself, and behind that their arguments. */
function join(steps: readonly Step[], how: Together): void {
  const own = aligned(Math.max(...steps.map(({ scratch }) => scratch)));
  let end = own;
  const patches = steps.flatMap(({ kernel, args }, launch) =>
    Object.entries(args).flatMap(([name, arg]): Patch[] => {
      if (isTable(arg) || !isValue(arg) || arg.buffer !== SCRATCH) return [];
      const step = channelBytesOf(arg);
      const at = own + arg.byteOffset;
      end = Math.max(end, at + how.span * step + SLACK);
      return [{ launch, slot: kernel.slots[name]!, at, step }];
    }),
  );
  const slots = steps.reduce((sum, { kernel }) => sum + Object.keys(kernel.slots).length, 0);
  steps[0]!.together = patches.length === 0 ? how : { ...how, patches, argumentsAt: aligned(end) };
  if (patches.length > 0) steps[0]!.scratch = aligned(end) + 8 * slots;
}

const channelBytesOf = ({ layout }: Value): number => layout.strides[1]! * itemSize(layout.dtype);

const aligned = (bytes: number): number => Math.ceil(bytes / 64) * 64;

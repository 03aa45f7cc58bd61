/** Plans in which the program is called between launches: launches before, the call, launches after it, as one program. */
import type { Device, Places, Program, ProgramOptions, Runner } from '../devices/device.ts';
import type { LoweredStep, Value } from './lowering.ts';

/** Gets the memory of its operands, each from its first byte to its last. */
export type HostCall = (memory: readonly Uint8Array[]) => void;

interface Part {
  run(places: Places, scalars: readonly number[]): void;
  dispose?(): void;
}

/** The launches among steps: what devices know. */
export const launchesOf = <S extends LoweredStep>(steps: readonly S[]): readonly S[] =>
  steps.some(({ call }) => call !== undefined) ? steps.filter(({ call }) => call === undefined) : steps;

export function programOf(device: Device, runner: Runner, steps: readonly LoweredStep[], options: ProgramOptions): Program {
  if (!steps.some(({ call }) => call !== undefined)) return runner.program(steps, options);
  const parts: Part[] = [];
  let launches: LoweredStep[] = [];
  const close = (): void => {
    if (launches.length > 0) parts.push(runner.program(launches, options));
    launches = [];
  };
  for (const step of steps) {
    if (step.call === undefined) {
      launches.push(step);
      continue;
    }
    close();
    const { call, operands } = step;
    parts.push({ run: (places) => call(operands.map((operand) => memoryOf(device, places, operand))) });
  }
  close();
  return {
    run: (places, scalars) => {
      for (const part of parts) part.run(places, scalars);
    },
    dispose: () => {
      for (const part of parts) part.dispose?.();
    },
  };
}

/** Only devices whose memory is the host's lower calls. */
const memoryOf = (device: Device, { buffers, offsets }: Places, { buffer, byteOffset, layout }: Value): Uint8Array =>
  device.view!(buffers[buffer]!, offsets[buffer]! + byteOffset, layout.extent);

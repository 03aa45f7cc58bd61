/** The table of each kind of device. That of the CPU is always there; others come with their devices, which are loaded when they are asked for. */
import { InternalError } from '../base/errors.ts';
import type { Lowering } from '../compiler/lowering.ts';
import type { DeviceKind } from '../devices/device.ts';
import { CPU_LOWERINGS } from './cpu/index.ts';
import type { DeviceLowerings } from './table.ts';

/** Lowerings of a table write to what its `begin` has made, and to nothing else; which class that is, nobody else needs to know. */
const known = <L extends Lowering>(table: DeviceLowerings<L>): DeviceLowerings => table as unknown as DeviceLowerings;

const tables = new Map<DeviceKind, DeviceLowerings>([['cpu', known(CPU_LOWERINGS)]]);

/** Adds the table of a kind of device. */
export function provideLowerings<L extends Lowering>(kind: DeviceKind, table: DeviceLowerings<L>): void {
  tables.set(kind, known(table));
}

export function loweringsOf(kind: DeviceKind): DeviceLowerings {
  const table = tables.get(kind);
  if (table === undefined) throw new InternalError(`there are no lowerings for ${kind}`);
  return table;
}

/** The table of each kind of device. That of the CPU is always there; others come with their devices, which are loaded when they are asked for. */
import { InternalError } from '../base/errors.ts';
import type { DeviceKind } from '../devices/device.ts';
import { CPU_LOWERINGS } from './cpu/index.ts';
import type { DeviceLowerings } from './table.ts';

const tables = new Map<DeviceKind, DeviceLowerings>([['cpu', CPU_LOWERINGS]]);

/** Adds the table of a kind of device. */
export function provideLowerings(kind: DeviceKind, table: DeviceLowerings): void {
  tables.set(kind, table);
}

export function loweringsOf(kind: DeviceKind): DeviceLowerings {
  const table = tables.get(kind);
  if (table === undefined) throw new InternalError(`there are no lowerings for ${kind}`);
  return table;
}

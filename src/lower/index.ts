/** The table of each kind of device. */
import { CPU_LOWERINGS } from './cpu/index.ts';
import type { DeviceLowerings } from './table.ts';

export type DeviceKind = 'cpu';

const TABLES: { readonly [K in DeviceKind]: DeviceLowerings } = { cpu: CPU_LOWERINGS };

export const loweringsOf = (kind: DeviceKind): DeviceLowerings => TABLES[kind];

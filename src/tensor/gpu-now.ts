/**
 * The GPU without a pause: Node can load a module at once, so `cuda.isAvailable()` may start the device itself, with nothing awaited before. Part of the package's
 * entry for Node (`index-node.ts`).
 */
import { nodeBuiltin } from '../devices/cpu/host.ts';
import { startGpuNowBy } from './backend.ts';

type Start = typeof import('../lower/webgpu/start.ts');

/** @param entry where the package's entry lies: a compiled one, beside which the rest is */
export function enableGpuNow(entry: string): void {
  const modules = nodeBuiltin<typeof import('node:module')>('node:module');
  if (modules === undefined || !/index-node\.js$/.test(entry)) return; // sources, or inside of somebody's bundle
  startGpuNowBy(() => {
    try {
      return modules.createRequire(entry)('./lower/webgpu/start.js') as Start;
    } catch (error) {
      return `this host cannot load the library's part for it at once (${String(error)}); await cuda.init() first`;
    }
  });
}

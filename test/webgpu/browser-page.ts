/** What the page of browser.test.ts offers: kernels on the browser's own WebGPU. */
import { requestWebGpu } from '../../src/devices/webgpu/webgpu.ts';
import { softmaxLaunch } from '../../src/kernels/wgsl/lines.ts';
import { matmulLaunches } from '../../src/kernels/wgsl/matmul.ts';

export interface Answer {
  readonly name: string;
  readonly softmax: readonly number[];
  readonly product: readonly number[];
  readonly refusal: string;
}

/** softmax of rows of [2, 40], the product of [2, 40] with its transpose, and what a page without software adapters is told. */
async function compute(x: readonly number[]): Promise<Answer> {
  const device = await requestWebGpu({ software: true, pageBytes: 1 << 20 });
  const [a, y, c] = [device.allocate(320), device.allocate(320), device.allocate(16)];
  device.write(a, 0, Float32Array.from(x));
  const soft = softmaxLaunch({ outer: 2, size: 40, inner: 1 }, false);
  const rows = { row: 40, column: 1, batch: [0, 0] } as const;
  const shape = { m: 2, n: 2, k: 40, batches: [1, 1], a: rows, b: { row: 1, column: 40, batch: [0, 0] } } as const;
  const { first: launch } = matmulLaunches('float32', shape, false, true);
  const at = (buffer: number) => ({ buffer, byteOffset: 0 });
  const program = device.program([
    { kernel: soft.kernel, params: soft.args, groups: soft.groups, operands: [at(0), at(1)] },
    { kernel: launch.kernel, params: launch.args, groups: launch.groups, operands: [at(0), at(0), at(2)] },
  ]);
  program.run({ buffers: [a, y, c], offsets: [0, 0, 0] }, []);
  const [softmax, product] = await Promise.all([device.read(y, 0, 'float32', 80), device.read(c, 0, 'float32', 4)]);
  device.destroy();
  const refusal = await requestWebGpu({ software: false }).then(
    () => 'none',
    (error: unknown) => String(error),
  );
  return { name: device.description, softmax: [...softmax].map(Number), product: [...product].map(Number), refusal };
}

Object.assign(globalThis, { compute });

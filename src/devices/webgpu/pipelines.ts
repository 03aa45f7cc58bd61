/**
 * Compiled kernels and bind groups of an engine, by number, and the layouts that all of them share: group 0 has the pages, as words that are read
 * and written; group 1 has the launch's parameters, at an offset given with each launch. So bind groups serve all kernels with as many pages.
 *
 * Pipelines are made asynchronously: a browser compiles several at a time and the page goes on. Until one is there, the queue holds
 * launches back (`queue.ts`).
 */
import { DeviceError } from '../../base/errors.ts';
import { PARAM_BYTES } from '../../kernels/wgsl/kernel.ts';

const COMPUTE = 4; // GPUShaderStage.COMPUTE; Node has no such global

/** A pipeline that is there, on its way, or will not come. */
export interface PipelineEntry {
  pipeline: GPUComputePipeline | undefined;
  error: DeviceError | undefined;
  /** Settles, without rejecting, once one of both is there. */
  settled: Promise<void>;
}

interface Group {
  readonly group: GPUBindGroup;
  readonly pages: readonly number[];
}

export class Pipelines {
  readonly #device: GPUDevice;
  readonly #entries = new Map<number, PipelineEntry>();
  readonly #pageLayouts: GPUBindGroupLayout[] = [];
  readonly #layouts: GPUPipelineLayout[] = [];
  readonly #groups = new Map<number, Group>();
  readonly #maxPages: number;
  readonly paramLayout: GPUBindGroupLayout;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#maxPages = device.limits.maxStorageBuffersPerShaderStage;
    this.paramLayout = device.createBindGroupLayout({
      entries: [
        {
          binding: 0,
          visibility: COMPUTE,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: PARAM_BYTES },
        },
      ],
    });
  }

  get(id: number): PipelineEntry {
    return this.#entries.get(id)!;
  }

  drop(id: number): void {
    this.#entries.delete(id);
  }

  /** Begins to compile a kernel, which sees so many pages. */
  add(id: number, key: string, text: string, pages: number): void {
    const entry: PipelineEntry = { pipeline: undefined, error: undefined, settled: Promise.resolve() };
    entry.settled = this.#compiled(key, text, pages).then(
      (pipeline) => {
        entry.pipeline = pipeline;
      },
      (error: unknown) => {
        entry.error = error instanceof DeviceError ? error : new DeviceError(`webgpu: kernel ${key}: ${String(error)}`);
      },
    );
    this.#entries.set(id, entry);
  }

  async #compiled(key: string, text: string, pages: number): Promise<GPUComputePipeline> {
    const device = this.#device;
    if (pages > this.#maxPages) {
      throw new DeviceError(
        `webgpu: kernel ${key} reads ${pages} pages of memory, and this adapter binds ${this.#maxPages} at a time; use a smaller batch, or the cpu device`,
      );
    }
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: text, label: key });
    const making = device.createComputePipelineAsync({
      label: key,
      layout: this.#layoutFor(pages),
      compute: { module, entryPoint: 'main' },
    });
    const scope = device.popErrorScope();
    try {
      const pipeline = await making;
      await scope;
      return pipeline;
    } catch (error) {
      const wrong = await scope.catch(() => null);
      const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }));
      const told = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join('; ');
      const reason = told || wrong?.message || (error instanceof Error ? error.message : String(error));
      throw new DeviceError(
        `webgpu: kernel ${key} does not compile on this adapter: ${reason}; please report this with the adapter's name, and use the cpu device meanwhile`,
        { cause: error },
      );
    }
  }

  #layoutFor(pages: number): GPUPipelineLayout {
    return (this.#layouts[pages] ??= this.#device.createPipelineLayout({
      bindGroupLayouts: [this.#pageLayout(pages), this.paramLayout],
    }));
  }

  #pageLayout(pages: number): GPUBindGroupLayout {
    return (this.#pageLayouts[pages] ??= this.#device.createBindGroupLayout({
      entries: Array.from({ length: pages }, (_, binding) => ({ binding, visibility: COMPUTE, buffer: { type: 'storage' as const } })),
    }));
  }

  /** Names a bind group of these pages, in this order. More than the adapter binds are nothing: no kernel that sees them compiles. */
  addGroup(id: number, pages: readonly number[], bufferOf: (page: number) => GPUBuffer): void {
    if (pages.length > this.#maxPages) return;
    const group = this.#device.createBindGroup({
      layout: this.#pageLayout(pages.length),
      entries: pages.map((page, binding) => ({ binding, resource: { buffer: bufferOf(page) } })),
    });
    this.#groups.set(id, { group, pages });
  }

  groupOf(id: number): GPUBindGroup {
    return this.#groups.get(id)!.group;
  }

  /** Lets go of the bind groups that a page is in, when it goes. */
  dropGroupsOf(page: number): void {
    for (const [id, { pages }] of this.#groups) if (pages.includes(page)) this.#groups.delete(id);
  }
}

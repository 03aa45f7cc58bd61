/** Makes random calls of the public surface, and says what was wrong with the answers. */
import { appendFileSync } from 'node:fs';
import * as core from '../../src/index-node.ts';
import { FlambeauError, InternalError } from '../../src/base/errors.ts';
import { generator, type Random } from './fuzz.ts';
import { methodNames, OwnError, publicFunctions, VALUES, type Target } from './surface.ts';
import { INSTANCES, VALID } from './surface-valid.ts';

/** Longest time of a call. Machines pause, so it is long. */
const MAX_MS = 10_000;

export interface SurfaceReport {
  returned: number;
  refused: number;
  messages: number;
  slowestMs: number;
  slowest: string;
  readonly faults: string[];
}

interface Argument {
  readonly label: string;
  readonly make: () => unknown;
}

/** Not called, by name, and why. */
const EXCLUDED: readonly (readonly [name: RegExp, why: string])[] = [
  [
    /\.(?:overwrite|gradEdge|setHistory|withHistoryOf|viewBase|setViewOf|requireInPlace|rebaseHistory|standFor|stridedAs|newZeros|onesLike|protect|moveTo|prepareLoad|begin)$/,
    'internal',
  ],
  [/Error$/, 'errors, which the library makes'],
  [
    /\.(?:run|check|makeParams|change|augment|mix|draw|takes|passes|cut|update|newState|rates|details|self|ranks|finish|text|transform|step_|readState|ownState|stateForm|printed|convolved|note|setRates|currentRates|closedForm)$/,
    'protected: not for callers',
  ],
  [
    /\.(?:fillRandom53|fillRandomBelow|passBlocks|keepNextNormal|takeNextNormal|randomChunk)$/,
    'parts of the generator that the library itself uses',
  ],
  [
    /(?:^|\.)(?:Optimizer|LRScheduler|ModuleBase|Layer|Transform|ImageTransform|SampleTransform|RandomTransform|TVTensor|ModuleTransform|ImageDataset|Explanation|ModelSummary|Profile|SafetensorsFile|Raw\w+|Py\w+|Placeholder|OrderedDict|ImageFolder|MNIST|CIFAR10)$/,
    'abstract, or made by the library only',
  ],
  [
    /vgg|resnet(?:34|50|101|152)|resnext|densenet|alexnet|AlexNet|inception|VGG|Inception3|DenseNet|wide_|^vision\.models\.(?:vit_|swin_|convnext_|efficientnet_[bv]|regnet_|googlenet|GoogLeNet|segmentation\.(?:fcn|deeplab|unet|UNet))/,
    'takes seconds; resnet18, squeezenet1_1, mobilenet_v2, shufflenet_v2_x1_0, efficientnet_lite0 and lraspp_mobilenet_v3_large are built likewise',
  ],
  [
    /^(?:setNumThreads|startThreads|node\.nativeReady|seed|nn\.registerModule\w+|autograd\.setDetectAnomaly|autograd\.detectAnomaly)$/,
    'changes the process',
  ],
  [
    /^node\.(?:inspectFile|inspectBytes|summary|explain|readPt|writePt|serialize|deserialize|describeOnnx|serializeOnnx|deserializeOnnx|openSafetensors)$/,
    'the same as in another entry',
  ],
];

export class Caller {
  readonly #next: Random;
  readonly #targets: readonly Target[];
  readonly #seen = new Set<string>();
  readonly #messages = new Set<string>();
  readonly #report: SurfaceReport = { returned: 0, refused: 0, messages: 0, slowestMs: 0, slowest: '', faults: [] };

  constructor(seed: number) {
    this.#next = generator(0x9e3779b9 ^ (seed * 0x85ebca6b));
    for (let i = 0; i < 8; i++) this.#next(2);
    const only = process.env['FLAMBEAU_FUZZ_ONLY'];
    this.#targets = [...publicFunctions(), ...methods()].filter(
      ({ name }) => !EXCLUDED.some(([pattern]) => pattern.test(name)) && (only === undefined || new RegExp(only).test(name)),
    );
  }

  get targets(): readonly Target[] {
    return this.#targets;
  }

  async run(calls: number): Promise<SurfaceReport> {
    for (let i = 0; i < calls; i++) {
      await this.#once(this.#targets[this.#next(this.#targets.length)]!);
      if (i % 64 === 63) this.#checkState();
      if (i % 256 === 255) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#report.messages = this.#messages.size;
    return this.#report;
  }

  /** Arguments: a valid call's with some replaced, left out or added; or anything. */
  #arguments(target: Target): Argument[] {
    const next = this.#next;
    const any = (): Argument => VALUES[next(VALUES.length)]!;
    const valid = VALID[target.name];
    if (valid === undefined || next(4) === 0) return Array.from({ length: next(Math.max(target.length, 1) + 3) }, any);
    const base = valid[next(valid.length)]!;
    const count = base().length;
    const args = Array.from({ length: count }, (_, i): Argument => ({ label: `valid#${i}`, make: () => base()[i] }));
    for (let n = next(3); n > 0; n--) {
      const at = next(args.length + 1);
      const kind = next(8);
      if (kind === 0) args.splice(at, 1);
      else if (kind === 1) args.splice(at, 0, any());
      else args[at] = kind === 2 ? this.#withOption(args[at] ?? any()) : any();
    }
    return args;
  }

  /** An options object with one more or another value. */
  #withOption({ label, make }: Argument): Argument {
    const next = this.#next;
    const names = keysOf(make());
    const name = [...names, ...names, ...names, 'dim', 'stride', 'weight_decay', 'Dtype', 'dtype'][next(3 * names.length + 5)]!;
    const value = VALUES[next(VALUES.length)]!;
    return {
      label: `{...${label}, ${name}: ${value.label}}`,
      make: () => ({ ...copyOf(make()), [name]: value.make() }),
    };
  }

  async #once(target: Target): Promise<void> {
    const args = this.#arguments(target);
    const label = `${target.name}(${args.map((arg) => arg.label).join(', ')})`;
    const trace = process.env['FLAMBEAU_FUZZ_TRACE'];
    if (trace !== undefined) appendFileSync(trace, `${label}\n`);
    const values = args.map(({ make }) => make());
    const start = performance.now();
    try {
      await settled(target.call(...values));
      this.#report.returned++;
    } catch (error) {
      this.#report.refused++;
      this.#judge(label, error);
    }
    const ms = performance.now() - start;
    if (ms > this.#report.slowestMs) Object.assign(this.#report, { slowestMs: ms, slowest: label });
    if (ms > MAX_MS) this.#fault(label, `took ${ms} ms`, 'slow');
  }

  #judge(label: string, error: unknown): void {
    if (error instanceof OwnError) return;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    if (error instanceof FlambeauError && !(error instanceof InternalError)) this.#messages.add(text.replace(/\d+/g, ''));
    else {
      const at = error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 4).map((line) => line.trim().replace(/^at /, '').replace(/\(?.*\/src\//, '')).join(' < ') : ''; // prettier-ignore
      this.#fault(label, `${text.slice(0, 200)}   [${at}]`, text.replace(/\d+/g, '').slice(0, 60) + at);
    }
  }

  #fault(label: string, what: string, kind: string): void {
    const key = `${label.replace(/\(.*/s, '')} ${kind}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#report.faults.push(`${label}: ${what}`);
  }

  /** Nothing that a call did may show in others. */
  #checkState(): void {
    core.setPrintOptions({ profile: 'default' }); // what calls may change
    core.setGradEnabled(true);
    const x = core.ones(2, 3, { requiresGrad: true });
    const problems: string[] = [];
    if (!core.isGradEnabled()) problems.push('gradients are off');
    try {
      const loss = x.mul(2).sum(1).softmax(0).add(core.arange(2)).sum();
      loss.backward();
      if (Math.abs(loss.item() - 2) > 1e-5 || x.grad === null) problems.push(`a loss is ${loss.item()}`);
      if (String(core.tensor([1.5])) !== 'tensor([1.5000])') problems.push(`printing gives ${String(core.tensor([1.5]))}`);
    } catch (error) {
      problems.push(String(error));
    }
    for (const problem of problems) this.#fault(`after calls: ${problem}`, 'state is changed', problem);
  }
}

function keysOf(value: unknown): string[] {
  try {
    const plain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
    return plain ? Object.keys(value) : [];
  } catch {
    return []; // a proxy that throws
  }
}

function copyOf(value: unknown): object {
  try {
    return Object.fromEntries(keysOf(value).map((key) => [key, (value as Record<string, unknown>)[key]]));
  } catch {
    return {}; // a getter that throws
  }
}

/** Every method of every instance. */
function methods(): Target[] {
  return Object.entries(INSTANCES).flatMap(([name, make]) => {
    const sample = make();
    const called: Target[] =
      typeof sample === 'function'
        ? [{ name: `${name}()`, call: (...args) => (make() as (...a: unknown[]) => unknown)(...args), length: 1 }]
        : [];
    const all = methodNames(sample)
      .filter((method) => !/^\d+$/.test(method))
      .map((method): Target => {
        const length = ((sample as Record<string, unknown>)[method] as { length: number }).length;
        return {
          name: `${name}.${method}`,
          length,
          call: (...args) => {
            const self = make() as Record<string, (...a: unknown[]) => unknown>;
            return self[method]!(...args);
          },
        };
      });
    return [...called, ...all];
  });
}

/** Waits for promises, takes some of what iterators give, ends what has to be ended. */
async function settled(result: unknown): Promise<void> {
  const value: unknown = result instanceof Promise ? await limited(result) : result;
  if (typeof value !== 'object' || value === null) return;
  if (Symbol.dispose in value) (value as Disposable)[Symbol.dispose]();
  if (Object.prototype.toString.call(value) === '[object Generator]') {
    const items = value as Generator;
    for (let i = 0; i < 3 && items.next().done !== true; i++);
    items.return(undefined);
  } else if (Object.prototype.toString.call(value) === '[object AsyncGenerator]') {
    const items = value as AsyncGenerator;
    for (let i = 0; i < 3 && (await limited(items.next())).done !== true; i++);
    await items.return(undefined);
  }
}

async function limited<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error('the promise did not settle')), MAX_MS)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

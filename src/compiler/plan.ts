/**
 * A plan: a graph lowered to kernel launches for one device, ready to run any number of times. Running it says where the buffers
 * are and what the scalars, and launches (`plan-code.ts`). Temporaries lie in one block: a plan of one operation takes it for each
 * run, a larger one has an arena.
 */
import { watchers } from '../base/watchers.ts';
import type { Device, Hold, Places, Runner } from '../devices/device.ts';
import { launchesOf } from './calls.ts';
import type { Graph } from './graph.ts';
import type { Kept } from './kept.ts';
import { lowered } from './lower-graph.ts';
import type { LoweredStep, Lowering } from './lowering.ts';
import type { BeginLowering } from './needs.ts';
import { PlanCode, type CodePlace, type Stamps } from './plan-code.ts';
import { SharedArena } from './shared-arena.ts';

let together: ((graph: Graph) => Graph) | undefined;
/** For machines with wide vectors, where operations run together, some channels at a time: only Node loads that. */
export const provideByChannels = (pass: (graph: Graph) => Graph): void => void (together = pass);

/** The graph as it is lowered for a runner. A plan under a limit of memory stays in its order. */
function graphFor(graph: Graph, { target }: Runner): Graph {
  const isWide = target !== undefined && target.vectorBytes > 16;
  return isWide && keepsArena(graph) && graph.memory === undefined ? (together?.(graph) ?? graph) : graph;
}

/** Whether temporary memory is kept between runs. */
const keepsArena = (graph: Graph): boolean => graph.nodes.length > 1;

/** How a plan holds memory. */
export interface PlanOptions {
  /** Makes an empty lowering for the device. */
  readonly begin: BeginLowering;
  /**
   * Whether to keep what is made of external buffers that the graph only reads, such as packed weights, until their
   * stamps change. Such a buffer must not be the same memory as one that the graph writes.
   */
  readonly keeps?: boolean;
  /** Where its memory comes from; by default the device, to be given back by `dispose` only. */
  readonly hold?: Hold;
  /** Where temporary memory lies that is kept between runs; by default, an arena of its own. */
  readonly arena?: SharedArena;
}

export class Plan {
  /**
   * Where the buffers are. Whoever runs the plan says first where the graph's external ones are, which stand at the front in the graph's order; two may be the
   * same where the operation works in place.
   */
  readonly places: Places = { buffers: [], offsets: [] };
  readonly device: Device;
  /** Whether it runs on native kernels by now. */
  isNative = false;
  readonly #graph: Graph;
  readonly #begin: BeginLowering;
  readonly #keeps: boolean;
  readonly #hold: Hold;
  readonly #arena: SharedArena | undefined;
  /** Whether it is a compiled function's, and not that of a single operation. */
  readonly #ofFunction: boolean;
  /** Made when the plan first runs, unless native code is there by then. */
  #code: PlanCode | undefined;
  /** Runs left until native code is asked for; 0 means never. */
  #patience: number;
  /** The plan for native kernels, while they are being compiled. */
  #next: { readonly graph: Graph; readonly lowering: Lowering } | undefined;

  constructor(device: Device, graph: Graph, options: PlanOptions) {
    const { begin, keeps = false, hold = (bytes) => device.hold(bytes), arena } = options;
    this.device = device;
    this.#graph = graph;
    this.#begin = begin;
    this.#keeps = keeps;
    this.#hold = hold;
    this.#ofFunction = arena !== undefined;
    this.#arena = keepsArena(graph) ? (arena ?? new SharedArena(hold)) : undefined;
    const patience = device.faster?.patience ?? 0;
    this.#patience = keepsArena(graph) ? Math.min(patience, 1) : patience; // a compiled function is here to stay
  }

  /** What it runs. */
  get graph(): Graph {
    return this.#code?.graph ?? this.#graph;
  }

  /** Bytes of temporary memory: the arena of a plan of many operations. */
  get tempBytes(): number {
    return this.#loaded.tempBytes;
  }

  get steps(): readonly LoweredStep[] {
    return this.#loaded.steps;
  }

  /** What is kept from run to run, and the launches that make it. */
  get kept(): readonly Kept[] {
    return this.#loaded.kept;
  }

  get #loaded(): PlanCode {
    if (this.#code === undefined) {
      this.#code = new PlanCode(this.#graph, this.#lowered(this.#graph, this.device), this.#placeOf(this.device));
      this.#announce();
    }
    return this.#code;
  }

  #announce(): void {
    if (this.#ofFunction) watchers.plan?.(this);
  }

  #placeOf(runner: Runner): CodePlace {
    return { device: this.device, runner, hold: this.#hold, places: this.places };
  }

  #lowered(graph: Graph, runner: Runner): Lowering {
    return lowered(graph, this.#begin(this.device, runner, this.#keeps ? steadyOf(graph) : undefined));
  }

  /**
   * Runs the plan on what is in its `places`. `stamps` tell whether what is kept is still right.
   */
  run(scalars: readonly number[], stamps?: () => Stamps): void {
    if (this.#patience > 0 && --this.#patience === 0) this.#hasten();
    const code = this.#loaded;
    if (this.#arena === undefined && code.kept.length === 0) this.#runIn(undefined, code, scalars);
    else this.#runHolding(code, scalars, stamps);
  }

  /** Runs with what is held between runs. None of it may be taken away meanwhile, if scratch is allocated. */
  #runHolding(code: PlanCode, scalars: readonly number[], stamps: (() => Stamps) | undefined): void {
    const arena = this.#arena;
    code.busy = true;
    if (arena !== undefined) arena.busy = true;
    try {
      if (code.kept.length > 0) code.renew(stamps?.() ?? []);
      this.#runIn(arena, code, scalars);
    } finally {
      code.busy = false;
      if (arena !== undefined) arena.busy = false;
    }
  }

  /** Runs with temporary memory in the arena, or for this run only. */
  #runIn(arena: SharedArena | undefined, code: PlanCode, scalars: readonly number[]): void {
    if (code.tempBytes === 0) {
      code.run(scalars);
      return;
    }
    if (code.tempBytes > code.tempPart) {
      this.#runInParts(arena ?? new SharedArena(this.#hold), code, scalars);
      return;
    }
    const temp = arena?.take(code.tempBytes) ?? this.device.allocate(code.tempBytes);
    try {
      code.place(temp);
      code.run(scalars);
    } finally {
      if (arena === undefined) this.device.free(temp);
    }
  }

  /** Runs with more temporary memory than the device's largest buffer has. */
  #runInParts(arena: SharedArena, code: PlanCode, scalars: readonly number[]): void {
    try {
      code.placeParts(arena.takeParts(code.tempBytes, code.tempPart));
      code.run(scalars);
    } finally {
      if (arena !== this.#arena) arena.letGo();
    }
  }

  /** Moves to native kernels if they are ready, else asks again at the next run. */
  #hasten(): void {
    const { faster } = this.device;
    if (faster === undefined) return;
    if (faster.target === undefined && faster.ready([]) === false) return;
    if (faster.target !== undefined && this.#next === undefined) {
      const graph = graphFor(this.#graph, faster);
      this.#next = { graph, lowering: this.#lowered(graph, faster) };
    }
    const ready = this.#next && faster.ready(launchesOf(this.#next.lowering.allSteps()));
    if (ready === undefined) {
      this.#patience = 1;
      return;
    }
    if (ready) {
      const { graph, lowering } = this.#next!;
      const code = new PlanCode(graph, lowering, this.#placeOf(faster));
      this.#code?.dispose();
      this.#code = code;
      this.isNative = true;
      this.#announce();
    }
    this.#next = undefined;
  }

  /** Gives back the plan's own memory, but for an arena that it was given; it cannot run afterwards. */
  dispose(): void {
    this.#patience = 0;
    this.#code?.dispose();
  }
}

/** The places among the external buffers of those that no node writes. */
function steadyOf(graph: Graph): Set<number> {
  const written = graph.written();
  return new Set(graph.externals.flatMap((buffer, place) => (written.has(buffer) ? [] : [place])));
}

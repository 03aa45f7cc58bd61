/** Changes of the network and its training from the Build view, and taking them back. */
import { batch, computed, signal } from '@preact/signals';
import { fitting, fresh, inserted, layerAt, type Path } from '../../../core/edit.ts';
import { LAYERS } from '../../../core/layers.ts';
import type { LayerKind, LayerSpec, NetworkSpec, TrainingSpec } from '../../../core/spec.ts';
import type { Template } from '../../../core/templates.ts';
import { built, classes, network, training } from '../../state/project.ts';

interface Design {
  readonly network: NetworkSpec;
  readonly training: TrainingSpec;
}
interface Past {
  readonly design: Design;
  readonly what: string;
  /** Changes with the same mark one after another are one. */
  readonly burst: string | undefined;
}

const MOST = 200;
const past = signal<readonly Past[]>([]);
const future = signal<readonly Past[]>([]);
/** What “Undo” takes back; undefined where there is nothing. */
export const undoable = computed(() => past.value.at(-1)?.what);
export const redoable = computed(() => future.value.at(-1)?.what);
/** What was done last, for those who only hear the page. */
export const said = signal('');

const now = (): Design => ({ network: network.value, training: training.value });

function show(design: Design): void {
  batch(() => {
    network.value = design.network;
    training.value = design.training;
  });
}

/** @param what it is called, in the past tense; @param burst changes with the same mark are taken back together */
export function change(what: string, to: Partial<Design>, burst?: string): void {
  const before = now();
  const last = past.value.at(-1);
  batch(() => {
    if (burst === undefined || last?.burst !== burst) {
      past.value = [...past.value, { design: before, what, burst }].slice(-MOST);
    }
    future.value = [];
    show({ ...before, ...to });
    said.value = what;
  });
}

function back(from: typeof past, to: typeof past, verb: string): void {
  const last = from.value.at(-1);
  if (last === undefined) return;
  batch(() => {
    from.value = from.value.slice(0, -1);
    to.value = [...to.value, { ...last, design: now(), burst: undefined }];
    show(last.design);
    said.value = `${verb}: ${last.what}`;
  });
}
export const undo = (): void => back(past, future, 'Taken back');
export const redo = (): void => back(future, past, 'Done again');

/** Other blocks for the network. */
export function setLayers(what: string, layers: readonly LayerSpec[], burst?: string): void {
  change(what, { network: { ...network.value, layers } }, burst);
}

export function addBlock(kind: LayerKind, path: Path): void {
  const blocks = built.value.blocks;
  const around = path.length === 1 ? blocks : (blocks[path[0]]?.inner ?? []);
  const place = path.at(-1)!;
  const start = path.length === 1 ? firstShape() : blocks[path[0]]?.input;
  const input = place === 0 ? start : around[place - 1]?.output;
  setLayers(`Added ${LAYERS[kind].title}`, inserted(network.value.layers, path, fresh(kind, input)));
}

const firstShape = (): readonly number[] => [network.value.channels, network.value.size, network.value.size];

export const titleAt = (path: Path): string => {
  const layer = layerAt(network.value.layers, path);
  return layer === undefined ? 'block' : LAYERS[layer.kind].title;
};

/** What would make the network end with one number for each class. */
export const repair = computed(() => fitting(network.value, built.value.blocks, Math.max(1, classes.value.length)));

export function makeItFit(): void {
  const made = repair.value;
  if (made !== undefined) change('Made the end fit the classes', { network: made });
}

export function useTemplate(template: Template): void {
  change(`Took the template ${template.title}`, {
    network: template.network,
    training: { ...training.value, ...template.training },
  });
}

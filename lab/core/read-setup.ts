/**
 * Setups that come from outside: a link, a project file, the browser's storage. Nothing in them is trusted: what is returned is made anew of known
 * fields within their bounds, and what does not fit is refused with a sentence that names the place.
 */
import { LAYERS, type Field } from './layers.ts';
import { LIMITS, OPTIMIZERS, SIZE_FIELD, TRAINING_FIELDS } from './settings.ts';
import type { LayerKind, LayerSpec, NetworkSpec, OptimizerName, Setup, TrainingSpec } from './spec.ts';

/** Why a setup is refused: for people to read. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Checks a whole setup.
 * @throws SetupError with the place and what was expected there
 */
export function readSetup(value: unknown): Setup {
  const setup = fieldsOf(value, 'the setup');
  const version = own(setup, 'version');
  if (version !== 1) {
    throw new SetupError(`the setup is of version ${shown(version)}, but this laboratory reads version 1: open it with a newer one`);
  }
  return {
    version: 1,
    classes: readClasses(own(setup, 'classes')),
    network: readNetwork(own(setup, 'network')),
    training: readTraining(own(setup, 'training')),
  };
}

/** Names of classes: none empty, none twice. */
export function readClasses(value: unknown): readonly string[] {
  const names = listOf(value, 'classes', LIMITS.classes).map((name, i) => readName(name, `class ${i + 1}`));
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new SetupError(`two classes have the name ${shown(twice)}: each needs its own`);
  return names;
}

export function readNetwork(value: unknown): NetworkSpec {
  const network = fieldsOf(value, 'the network');
  const channels = own(network, 'channels');
  if (channels !== 1 && channels !== 3) throw wrong('channels of the network', '1 or 3', channels);
  return {
    name: readName(own(network, 'name'), 'the network'),
    channels,
    size: readField(own(network, 'size'), SIZE_FIELD, 'size of the network') as number,
    layers: readLayers(own(network, 'layers'), 'block', LIMITS.layers, true),
  };
}

export function readTraining(value: unknown): TrainingSpec {
  const training = fieldsOf(value, 'the training');
  const optimizer = own(training, 'optimizer');
  if (typeof optimizer !== 'string' || !Object.hasOwn(OPTIMIZERS, optimizer)) {
    throw wrong('optimizer of the training', Object.keys(OPTIMIZERS).join(', '), optimizer);
  }
  const numbers = Object.entries(TRAINING_FIELDS).map(([name, field]) => [
    name,
    readField(own(training, name), field, `${name} of the training`),
  ]);
  return { optimizer: optimizer as OptimizerName, ...(Object.fromEntries(numbers) as Omit<TrainingSpec, 'optimizer'>) };
}

function readLayers(value: unknown, place: string, most: number, nests: boolean): readonly LayerSpec[] {
  return listOf(value, `${place}s`, most).map((layer, i) => readLayer(layer, `${place} ${i + 1}`, nests));
}

function readLayer(value: unknown, place: string, nests: boolean): LayerSpec {
  const layer = fieldsOf(value, place);
  const kind = own(layer, 'kind');
  if (typeof kind !== 'string' || !Object.hasOwn(LAYERS, kind)) throw wrong(`kind of ${place}`, 'a known kind', kind);
  if (kind === 'residual') {
    if (!nests) throw new SetupError(`${place} is a residual block inside a residual block, which is not possible here`);
    return { kind, layers: readLayers(own(layer, 'layers'), `${place}, block`, LIMITS.layersWithin, false) };
  }
  const fields = Object.entries(LAYERS[kind as LayerKind].fields as Readonly<Record<string, Field>>);
  const read = fields.map(([name, field]) => [name, readField(own(layer, name), field, `${name} of ${place}`)]);
  return { kind, ...Object.fromEntries(read) } as LayerSpec;
}

/** A value within the bounds of its field. */
function readField(value: unknown, field: Field, place: string): number | boolean {
  if (field.type === 'switch') {
    if (typeof value !== 'boolean') throw wrong(place, 'true or false', value);
    return value;
  }
  const problem = numberProblem(value, field);
  if (problem !== undefined) throw wrong(place, problem, value);
  return value as number;
}

/** What a number of a field has to be, where it is not. */
export function numberProblem(
  value: unknown,
  { min, max, step }: { readonly min: number; readonly max: number; readonly step: number },
): string | undefined {
  const whole = Number.isInteger(step);
  const fits = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value));
  return fits ? undefined : `a ${whole ? 'whole ' : ''}number from ${min} to ${max}`;
}

function readName(value: unknown, place: string): string {
  if (typeof value !== 'string' || value.trim() === '' || value.length > LIMITS.nameLength) {
    throw wrong(`name of ${place}`, `a text of at most ${LIMITS.nameLength} letters`, value);
  }
  return value;
}

function listOf(value: unknown, place: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(place, 'a list', value);
  if (value.length > most) throw new SetupError(`${place}: ${value.length} are too many, at most ${most} are possible`);
  return [...(value as readonly unknown[])];
}

function fieldsOf(value: unknown, place: string): Fields {
  if (!isFields(value)) throw wrong(place, 'an object', value);
  return value;
}

/** Nothing that is inherited. */
export const own = (fields: Fields, name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);

const wrong = (place: string, expected: string, value: unknown): SetupError =>
  new SetupError(`${place}: expected ${expected}, but found ${shown(value)}`);

/** A value in few letters. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : `${value as number}`;
  return text.length > 40 ? `${text.slice(0, 37)}…` : text;
}

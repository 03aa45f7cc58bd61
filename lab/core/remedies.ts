/** Changes that an alarm proposes: of the training, or of the network's blocks. */
import type { LayerSpec, NetworkSpec, TrainingSpec } from './spec.ts';

/** What a what-if run has other than the run it is made of. */
export interface Change {
  readonly training?: Partial<TrainingSpec>;
  readonly network?: NetworkSpec;
}

/** Two digits are enough for a learning rate. */
export const roundedRate = (lr: number): number => Number(lr.toPrecision(2));
export const slower = ({ lr }: TrainingSpec, by: number): Change => ({ training: { lr: roundedRate(lr / by) } });
export const faster = ({ lr }: TrainingSpec, by: number): Change => ({ training: { lr: roundedRate(lr * by) } });

function everywhere(layers: readonly LayerSpec[], change: (layer: LayerSpec) => readonly LayerSpec[]): LayerSpec[] {
  return layers.flatMap((layer) =>
    change(layer.kind === 'residual' ? { kind: 'residual', layers: everywhere(layer.layers, change) } : layer),
  );
}
const changed = (network: NetworkSpec, how: string, layers: readonly LayerSpec[]): NetworkSpec => ({
  ...network,
  name: `${network.name}, ${how}`,
  layers,
});

export const has = (layers: readonly LayerSpec[], kind: LayerSpec['kind']): boolean =>
  layers.some((layer) => layer.kind === kind || (layer.kind === 'residual' && has(layer.layers, kind)));

/** Leaky ReLU in place of every ReLU. */
export const leaky = (network: NetworkSpec): Change => ({
  network: changed(
    network,
    'leaky',
    everywhere(network.layers, (layer) => [layer.kind === 'relu' ? { kind: 'leakyRelu', negativeSlope: 0.1 } : layer]),
  ),
});

/** ReLU in place of what squeezes. */
export const rectified = (network: NetworkSpec): Change => ({
  network: changed(
    network,
    'ReLU',
    everywhere(network.layers, (layer) => [layer.kind === 'sigmoid' || layer.kind === 'tanh' ? { kind: 'relu' } : layer]),
  ),
});

/** Batch norm behind every convolution that has none. */
export const normed = (network: NetworkSpec): Change => {
  const within = (layers: readonly LayerSpec[]): LayerSpec[] =>
    layers.flatMap((layer, i): LayerSpec[] => {
      if (layer.kind === 'residual') return [{ kind: 'residual', layers: within(layer.layers) }];
      return layer.kind === 'conv2d' && layers[i + 1]?.kind !== 'batchNorm2d' ? [layer, { kind: 'batchNorm2d' }] : [layer];
    });
  return { network: changed(network, 'batch norm', within(network.layers)) };
};

/** Dropout before the last linear block. */
export const dropped = (network: NetworkSpec, p: number): Change => {
  const last = network.layers.findLastIndex(({ kind }) => kind === 'linear');
  const layers = [...network.layers];
  layers.splice(last < 0 ? layers.length : last, 0, { kind: 'dropout', p });
  return { network: changed(network, 'dropout', layers) };
};

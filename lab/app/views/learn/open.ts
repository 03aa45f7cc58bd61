/** Takes a chapter's network into the other views. */
import type { NetworkSpec } from '../../../core/spec.ts';
import { SAMPLES } from '../../../core/samples.ts';
import { classes, network, replacePictures } from '../../state/project.ts';
import type { ViewName } from '../../state/route.ts';

/** Shows a network in a view. Without any pictures the shapes come along, so that it can be trained. */
export function openNetwork(spec: NetworkSpec, view: ViewName): void {
  network.value = spec;
  if (classes.value.length === 0) replacePictures(SAMPLES.shapes.classes, SAMPLES.shapes.make(60, 1));
  location.hash = view;
}

/** What a classifier makes of single pictures: its guesses, what speaks for each of them, and what its layers make of the picture. */
import type { Image } from '../../io/image/image.ts';
import { gradCam } from '../../inspect/grad-cam.ts';
import { Conv2d } from '../../nn/layers/conv.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { CenterCrop } from '../../vision/transforms/index.ts';
import type { TrainedClassifier } from '../classifier.ts';
import type { ImageSpec } from '../models.ts';
import { fitted, normalizationOf, sizeBefore } from '../preprocess.ts';
import { featureMaps, inputImage, pictureOf, underHeat, type LayerMaps, type Picture } from './pictures.ts';

/** A class, how sure the network is of it, and where it looks for that. */
export interface ExplainedGuess {
  readonly name: string;
  readonly probability: number;
  /** The picture with what speaks for the class; undefined for networks without convolutions. */
  readonly heat: Image | undefined;
}

export interface ExplainedPicture {
  readonly name: string;
  /** What the network sees of the picture, larger where the picture has more. */
  readonly view: Image;
  /** The most probable first. */
  readonly guesses: readonly ExplainedGuess[];
  readonly maps: readonly LayerMaps[];
  /** The network's very input. */
  readonly input: Picture;
}

/** Shorter edge that views have at least, and layers whose maps are shown. */
const [VIEW, MOST_LAYERS] = [256, 20];

/** A picture as people see it, and as the network does. */
export interface PictureToExplain {
  readonly name: string;
  readonly image: Image;
  readonly input: Tensor;
}

/** @param top - how many classes */
export function explainPicture(classifier: TrainedClassifier, { name, image, input }: PictureToExplain, top: number): ExplainedPicture {
  const { network, spec, classes } = classifier;
  const view = viewOf(image, spec);
  const probabilities = withGradMode(false, () => network(input.unsqueeze(0)).softmax(1)).toTypedArray();
  const order = classes.map((_, c) => c).sort((a, b) => Number(probabilities[b]) - Number(probabilities[a]) || a - b);
  const looks = [...network.modules()].some((module) => module instanceof Conv2d);
  const guesses = order.slice(0, top).map((c): ExplainedGuess => {
    const heat = looks ? underHeat(view, gradCam(network, input.unsqueeze(0), { target: c }).map) : undefined;
    return { name: classes[c]!, probability: Number(probabilities[c]), heat };
  });
  const shown = pictureOf(inputImage(input, normalizationOf(spec)));
  return { name, view, guesses, maps: featureMaps(network, input, MOST_LAYERS), input: shown };
}

/** The part of a picture that the network sees, as sharp as people like it. */
function viewOf(image: Image, spec: ImageSpec): Image {
  const times = Math.max(1, Math.ceil(VIEW / Math.min(spec.height, spec.width)));
  const larger = { height: spec.height * times, width: spec.width * times };
  const before = sizeBefore(spec.resize === undefined ? larger : { ...larger, resize: spec.resize * times });
  const whole = fitted(before).reduce((picture: Image, step) => step(picture), image);
  return new CenterCrop([larger.height, larger.width])(whole);
}

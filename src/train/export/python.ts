/**
 * A trained classifier as a Python program: the network's class in torch.nn (or torchvision's), the preprocessing by Pillow and torchvision, the classes,
 * and a `main` that opens the checkpoint and says what is in images. It gives the probabilities that `flambeau predict` gives.
 */
import type { ClassifierInfo } from '../classifier.ts';
import type { ImageSpec } from '../models.ts';
import { isFromTorchvision } from '../networks.ts';
import { normalizationOf, sizeBefore } from '../preprocess.ts';
import { PYTHON_NETWORKS } from './python-networks.ts';

/** Text as Python reads it; what an editor would not show is written in figures. */
const pythonText = (text: string): string =>
  `"${text.replace(/["\\]/g, '\\$&').replace(/[\p{C}\p{Z}]/gu, (c) => (c === ' ' ? c : `\\U${c.codePointAt(0)!.toString(16).padStart(8, '0')}`))}"`;

const list = (values: readonly number[]): string => `[${values.join(', ')}]`;

/** The function that opens a picture. Of a JPEG file that need not be turned, Pillow's `draft` takes the part that training takes. */
function openImage(spec: ImageSpec): string {
  const { height, width } = sizeBefore(spec);
  const isSquare = height === width;
  const [size, view] = isSquare
    ? ['fitted(*image.size)', `the middle of it at ${height}x${height}`]
    : [`(${width}, ${height})`, `at ${width}x${height}`];
  const isGrey = spec.channels === 1;
  const fitted = [
    'def fitted(width, height):',
    `    """The size at which the shorter edge is ${height}."""`,
    '    short, long = sorted((width, height))',
    `    return tuple(${height} if edge == short else int(${height} * long / short) for edge in (width, height))`,
    '',
    '',
  ];
  const reduced = [
    `        size, box = ${size}, None`,
    '        if image.getexif().get(0x0112, 1) not in range(2, 9):',
    '            drafted = image.draft(None, size)  # a half, a quarter or an eighth of a large JPEG file, as in training',
    '            box = drafted and drafted[1]',
    '        image = ImageOps.exif_transpose(image).convert("RGB")',
    `        image = image.resize(size if box else ${size}, Image.Resampling.BILINEAR, box)`,
  ];
  const whole = [
    '        image = ImageOps.exif_transpose(image).convert("L")',
    `        image = image.resize(${size}, Image.Resampling.BILINEAR)`,
  ];
  return [
    ...(isSquare ? fitted : []),
    'def open_image(path):',
    `    """A picture as the camera was held, ${isGrey ? 'grey' : 'in colour'}, ${view}."""`,
    '    with Image.open(path) as image:',
    ...(isGrey ? whole : reduced),
    isSquare ? `        return transforms.functional.center_crop(image, ${height})` : '        return image',
  ].join('\n');
}

/** What every such program does with its network, by itself or as a module. */
const PREDICTION = `@torch.no_grad()
def predict(network: nn.Module, paths):
    """Probabilities [images, classes] of image files."""
    device = next(network.parameters()).device
    batch = torch.stack([preprocess(open_image(path)) for path in paths]).to(device)
    return network(batch).softmax(1).cpu()


def main():
    parser = argparse.ArgumentParser(description="Says what is in images.")
    parser.add_argument("images", nargs="+", metavar="IMAGE")
    parser.add_argument("--checkpoint", default=CHECKPOINT, help="the weights (default: %(default)s)")
    parser.add_argument("--top", type=int, default=3, help="how many classes to print (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each image")
    options = parser.parse_args()
    network = load(options.checkpoint)
    failed = 0
    for path in options.images:
        try:
            probabilities = predict(network, [path])[0]
        except OSError as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed += 1
            continue
        values, indices = probabilities.topk(min(options.top, len(CLASSES)))
        guesses = [{"class": CLASSES[i], "probability": p} for p, i in zip(values.tolist(), indices.tolist())]
        if options.json:
            print(json.dumps({"image": path, "guesses": guesses}))
        else:
            print(f"{path}: " + ", ".join(f"{one['class']} {one['probability']:.2%}" for one in guesses))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
`;

/**
 * The program.
 * @param checkpoint - where the weights lie, seen from the folder of the program
 */
export function pythonProgram(info: ClassifierInfo, checkpoint: string): string {
  const { spec, model } = info;
  const { mean, std } = normalizationOf(spec);
  const { height, width, channels } = spec;
  const isTorchvision = isFromTorchvision(model);
  const isVersioned = model.startsWith('mnasnet');
  const own = isTorchvision ? undefined : PYTHON_NETWORKS[model](spec);
  const made = own?.make ?? `models.${model}(weights=None, num_classes=len(CLASSES))`;
  const cut = spec.resize === undefined ? [] : [`transforms.CenterCrop((${height}, ${width}))`];
  const steps = [...cut, 'transforms.ToTensor()', `transforms.Normalize(${list(mean)}, ${list(std)})`];
  return `"""Says what is in images: ${model}, ${spec.classes} classes, written by Flambeau.

    python THIS_FILE IMAGE... [--checkpoint FILE] [--top K] [--json]

It needs the packages torch, torchvision and Pillow, and the checkpoint. As a module: load() gives the network, predict() the
probabilities of image files.
"""
import argparse
import json
import sys
${isVersioned ? 'from collections import OrderedDict\n' : ''}from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import nn
from torchvision import ${isTorchvision ? 'models, ' : ''}transforms

CHECKPOINT = Path(__file__).resolve().parent / ${pythonText(checkpoint)}

CLASSES = [
${info.classes.map((name) => `    ${pythonText(name)},`).join('\n')}
]

# From what open_image gives to [${channels}, ${height}, ${width}].
preprocess = transforms.Compose([
${steps.map((step) => `    ${step},`).join('\n')}
])

${own === undefined ? '' : `\n${own.code.trim()}\n\n`}
def make_network():
    return ${made}


def load(checkpoint=CHECKPOINT, device="cpu"):
    """The network with its weights, ready for use. A file of weights alone is taken, too."""
    saved = torch.load(checkpoint, map_location=device, weights_only=True)
    network = make_network()
    ${isVersioned ? 'state = OrderedDict(saved.get("state_dict", saved))\n    state._metadata = network.state_dict()._metadata  # torchvision asks for the version of its layers\n    network.load_state_dict(state)' : 'network.load_state_dict(saved.get("state_dict", saved))'}
    return network.to(device).eval()


${openImage(spec)}


${PREDICTION}`;
}

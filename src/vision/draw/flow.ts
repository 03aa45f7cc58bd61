/** Movements of pixels as colours (torchvision: `utils.flow_to_image`). */
import { kind, requireKind } from '../../base/arguments.ts';
import { ArgumentError, DTypeError, ShapeError } from '../../base/errors.ts';
import { showShape } from '../../base/shape.ts';
import { fromTypedArray } from '../../tensor/create.ts';
import { isTensor } from '../../tensor/is-tensor.ts';
import { withGradMode } from '../../tensor/grad-mode.ts';
import type { Tensor } from '../../tensor/tensor.ts';

const TENSOR = kind('a tensor', isTensor);
const EPSILON = 2 ** -23;
/** From red by yellow, green, cyan, blue and magenta back to red: how many steps each way takes, which channel is whole and which changes. */
const STRETCHES = [
  [15, 0, 1, 1],
  [6, 1, 0, -1],
  [4, 1, 2, 1],
  [11, 2, 1, -1],
  [13, 2, 0, 1],
  [6, 0, 2, -1],
] as const;

/** The wheel of Baker and others, «A Database and Evaluation Methodology for Optical Flow» (2007): 55 colours. */
function colourWheel(): readonly (readonly number[])[] {
  return STRETCHES.flatMap(([steps, whole, changing, direction]) =>
    Array.from({ length: steps }, (_, i) => {
      const colour = [0, 0, 0];
      const part = Math.floor((255 * i) / steps);
      colour[whole] = 255;
      colour[changing] = direction === 1 ? part : 255 - part;
      return colour;
    }),
  );
}

/**
 * A picture of a flow: where pixels go is the colour, how far (of the farthest) how strong it is.
 *
 * @param flow - [2, H, W] or [N, 2, H, W], float32: how far to the right, how far down
 * @returns [3, H, W] or [N, 3, H, W], uint8
 * @throws {@link ShapeError} for another shape, {@link DTypeError} for another dtype, {@link ArgumentError} for NaN and infinities
 * @example
 * ```ts
 * import { ones } from 'flambeau';
 * import { flowToImage } from 'flambeau/vision';
 *
 * console.log(flowToImage(ones(2, 4, 4)).shape); // [ 3, 4, 4 ]
 * ```
 * @see https://pytorch.org/vision/stable/generated/torchvision.utils.flow_to_image.html
 */
export function flowToImage(flow: Tensor): Tensor {
  requireKind('flowToImage', 'the flow', flow, TENSOR, 'write flowToImage(flow)');
  if (flow.dtype !== 'float32')
    throw new DTypeError(`flowToImage: expected a flow of float32, but got ${flow.dtype}; write flow.to('float32')`);
  const shape = flow.layout.shape;
  if ((shape.length !== 3 && shape.length !== 4) || shape.at(-3) !== 2) {
    throw new ShapeError(`flowToImage: expected a flow [2, H, W] or [N, 2, H, W], but got ${showShape(shape)}`);
  }
  const batch = shape.length === 3 ? [1, ...shape] : shape;
  const values = withGradMode(false, () => flow.detach().contiguous().toTypedArray()) as Float32Array;
  if (!values.every(Number.isFinite))
    throw new ArgumentError('flowToImage: expected a flow of finite numbers, but got one with NaN or infinity; write flow.nanToNum()');
  const picture = fromTypedArray(painted(values, batch), [batch[0]!, 3, batch[2]!, batch[3]!]).to(flow.device) as Tensor;
  return shape.length === 3 ? picture.squeeze(0) : picture;
}

/** In float32 step by step, as torchvision's tensors are. */
function painted(flow: Float32Array, [count, , height, width]: readonly number[]): Uint8Array {
  const area = height! * width!;
  const wheel = colourWheel();
  const round = Math.fround;
  const lengthOf = (u: number, v: number): number => round(Math.sqrt(round(round(u * u) + round(v * v))));
  let longest = 0;
  for (let n = 0; n < count!; n++) {
    for (let i = 0; i < area; i++) longest = Math.max(longest, lengthOf(flow[2 * n * area + i]!, flow[(2 * n + 1) * area + i]!));
  }
  const divisor = round(longest + EPSILON);
  const out = new Uint8Array(count! * 3 * area);
  for (let n = 0; n < count!; n++) {
    for (let i = 0; i < area; i++) {
      const u = round(flow[2 * n * area + i]! / divisor);
      const v = round(flow[(2 * n + 1) * area + i]! / divisor);
      const strength = lengthOf(u, v);
      const turn = round(round(Math.atan2(-v, -u)) / round(Math.PI));
      const place = round(round(round(turn + 1) / 2) * (wheel.length - 1));
      const below = Math.floor(place);
      const part = round(place - below);
      for (let c = 0; c < 3; c++) {
        const from = round(wheel[below]![c]! / 255);
        const to = round(wheel[(below + 1) % wheel.length]![c]! / 255);
        const colour = round(round(round(1 - part) * from) + round(part * to));
        const faded = round(1 - round(strength * round(1 - colour)));
        out[(n * 3 + c) * area + i] = Math.floor(round(255 * faded));
      }
    }
  }
  return out;
}

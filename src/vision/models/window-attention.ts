/** Attention within windows of feature maps, as Swin transformers have it. */
import { dropout, linear, normalize, pad } from '../../nn/functional.ts';
import * as nn from '../../nn/index.ts';
import { fromTypedArray, full, zeros } from '../../tensor/create.ts';
import '../../tensor/families/rearrange.ts';
import { cat } from '../../tensor/functions.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface WindowOptions {
  /** Height and width of a window. */
  readonly windowSize: number;
  /** How far windows are moved, down and to the right: 0, or half of their size. */
  readonly shiftSize: number;
  readonly numHeads: number;
  readonly attentionDropout: number;
  readonly dropout: number;
}

/** Where windows lie in a map: its size, padded to whole windows, and how far they are moved. */
interface Grid {
  readonly height: number;
  readonly width: number;
  readonly down: number;
  readonly right: number;
}

function gridOf(height: number, width: number, window: number, shift: number): Grid {
  const whole = (size: number): number => Math.ceil(size / window) * window;
  // A window that covers all has nowhere to go.
  const moved = (size: number): number => (window >= whole(size) ? 0 : shift);
  return { height: whole(height), width: whole(width), down: moved(height), right: moved(width) };
}

/** [N, H, W, C] → [N·windows, places of a window, C] */
function toWindows(x: Tensor, window: number): Tensor {
  const [samples, height, width, channels] = x.layout.shape as [number, number, number, number];
  const parts = x.reshape([samples, height / window, window, width / window, window, channels]);
  return parts.permute(0, 1, 3, 2, 4, 5).reshape([-1, window * window, channels]);
}

/** The inverse of {@link toWindows}. */
function fromWindows(x: Tensor, window: number, samples: number, { height, width }: Grid): Tensor {
  const parts = x.reshape([samples, height / window, width / window, window, window, x.layout.shape[2]!]);
  return parts.permute(0, 1, 3, 2, 4, 5).reshape([samples, height, width, x.layout.shape[2]!]);
}

/**
 * What is added to scores where windows were moved: −100 between places that were no neighbours before the map was turned around its borders.
 * [windows, 1, places, places]
 */
function borderMask({ height, width, down, right }: Grid, window: number, like: Tensor): Tensor {
  const region = (at: number, size: number, shift: number): number => (at < size - window ? 0 : at < size - shift ? 1 : 2);
  const across = width / window;
  const places = window * window;
  const windows = (height / window) * across;
  const data = new Float32Array(windows * places * places);
  for (let w = 0; w < windows; w++) {
    const regions = Array.from({ length: places }, (_, place) => {
      const row = Math.floor(w / across) * window + Math.floor(place / window);
      const column = (w % across) * window + (place % window);
      // Without a shift, there is one region along a direction but for the last window, which is a region as a whole.
      return 3 * region(row, height, down) + region(column, width, right);
    });
    for (let i = 0; i < places; i++) {
      for (let j = 0; j < places; j++) data[(w * places + i) * places + j] = regions[i] === regions[j] ? 0 : -100;
    }
  }
  return fromTypedArray(data, [windows, 1, places, places]).to(like.dtype).to(like.device);
}

/** For each pair of places of a window, the row of the table that belongs to their distance. */
export function relativeIndex(window: number): BigInt64Array {
  const places = window * window;
  const index = new BigInt64Array(places * places);
  for (let i = 0; i < places; i++) {
    for (let j = 0; j < places; j++) {
      const down = Math.floor(i / window) - Math.floor(j / window) + window - 1;
      const right = (i % window) - (j % window) + window - 1;
      index[i * places + j] = BigInt(down * (2 * window - 1) + right);
    }
  }
  return index;
}

/** Attention among the places of each window: [N, H, W, C] → the same. Learned numbers for each distance are added to scores. */
export class ShiftedWindowAttention extends nn.Module {
  declare relative_position_bias_table?: nn.Parameter;
  declare relative_position_index: Tensor;
  declare qkv: nn.Linear;
  declare proj: nn.Linear;
  protected readonly _options: WindowOptions;

  constructor(size: number, options: WindowOptions) {
    super();
    this._options = { ...options };
    this.qkv = new nn.Linear(size, size * 3);
    this.proj = new nn.Linear(size, size);
    this.definePositions(options);
    this.registerBuffer('relative_position_index', fromTypedArray(relativeIndex(options.windowSize), [options.windowSize ** 4]));
  }

  protected definePositions({ windowSize, numHeads }: WindowOptions): void {
    this.relative_position_bias_table = new nn.Parameter(zeros((2 * windowSize - 1) ** 2, numHeads));
    nn.init.truncNormal_(this.relative_position_bias_table, 0, 0.02);
  }

  /** For each head and pair of places, what is added to the score: [1, heads, places, places]. */
  protected positionBias(): Tensor {
    return this.byPair(this.relative_position_bias_table!);
  }

  /** Rows of a table [distances, heads] for all pairs of places. */
  protected byPair(table: Tensor): Tensor {
    const { windowSize, numHeads } = this._options;
    const places = windowSize * windowSize;
    const rows = table.indexSelect(0, this.relative_position_index).reshape([places, places, numHeads]);
    return rows.permute(2, 0, 1).unsqueeze(0);
  }

  /** Queries, keys and values of all places. */
  protected project(x: Tensor): Tensor {
    return this.qkv(x);
  }

  protected scores(q: Tensor, k: Tensor): Tensor {
    return q.mul(q.layout.shape[3]! ** -0.5).matmul(k.transpose(2, 3));
  }

  override forward(x: Tensor): Tensor {
    const { windowSize, shiftSize, attentionDropout } = this._options;
    const [samples, height, width] = x.layout.shape as [number, number, number];
    const grid = gridOf(height, width, windowSize, shiftSize);
    const isPadded = grid.height > height || grid.width > width;
    let y = isPadded ? pad(x, [0, 0, 0, grid.width - width, 0, grid.height - height]) : x;
    const isMoved = grid.down + grid.right > 0;
    if (isMoved) y = y.roll([-grid.down, -grid.right], [1, 2]);
    const windows = toWindows(y, windowSize);
    const { q, k, v } = this._heads(windows);
    let scores = this.scores(q, k).add(this.positionBias());
    if (isMoved) scores = this._masked(scores, borderMask(grid, windowSize, x));
    const weights = dropout(scores.softmax(-1), attentionDropout, this.training);
    const attended = weights.matmul(v).transpose(1, 2).reshape(windows.layout.shape);
    y = dropout(linear(attended, this.proj.weight, this.proj.bias), this._options.dropout, this.training);
    y = fromWindows(y, windowSize, samples, grid);
    if (isMoved) y = y.roll([grid.down, grid.right], [1, 2]);
    return isPadded ? y.narrow(1, 0, height).narrow(2, 0, width).contiguous() : y;
  }

  private _heads(windows: Tensor): { q: Tensor; k: Tensor; v: Tensor } {
    const [count, places, size] = windows.layout.shape as [number, number, number];
    const { numHeads } = this._options;
    const all = this.project(windows)
      .reshape([count, places, 3, numHeads, size / numHeads])
      .permute(2, 0, 3, 1, 4);
    const [q, k, v] = all.unbind(0) as [Tensor, Tensor, Tensor];
    return { q, k, v };
  }

  private _masked(scores: Tensor, mask: Tensor): Tensor {
    const [count, heads, places] = scores.layout.shape as [number, number, number];
    const windows = mask.layout.shape[0]!;
    const bySample = scores.reshape([count / windows, windows, heads, places, places]).add(mask.unsqueeze(0));
    return bySample.reshape([count, heads, places, places]);
  }
}

/** As {@link ShiftedWindowAttention}: scores are cosines with a learned factor, and what is added is a learned function of the distance. */
export class ShiftedWindowAttentionV2 extends ShiftedWindowAttention {
  declare logit_scale: nn.Parameter;
  declare relative_coords_table: Tensor;
  declare cpb_mlp: nn.Sequential;

  constructor(size: number, options: WindowOptions) {
    super(size, options);
    this.logit_scale = new nn.Parameter(full([options.numHeads, 1, 1], Math.log(10)));
    this.cpb_mlp = new nn.Sequential(new nn.Linear(2, 512), new nn.ReLU(true), new nn.Linear(512, options.numHeads, false));
    nn.init.zeros_(this.qkv.bias!.detach().narrow(0, size, size)); // keys have no bias
  }

  protected override definePositions({ windowSize }: WindowOptions): void {
    const side = 2 * windowSize - 1;
    const data = new Float32Array(side * side * 2);
    for (let i = 0; i < side * side; i++) {
      data[2 * i] = logarithmic(Math.floor(i / side) - windowSize + 1, windowSize);
      data[2 * i + 1] = logarithmic((i % side) - windowSize + 1, windowSize);
    }
    this.registerBuffer('relative_coords_table', fromTypedArray(data, [1, side, side, 2]));
  }

  protected override positionBias(): Tensor {
    const table = this.cpb_mlp(this.relative_coords_table).reshape([-1, this._options.numHeads]);
    return this.byPair(table).sigmoid().mul(16);
  }

  protected override project(x: Tensor): Tensor {
    const [queries, keys, values] = this.qkv.bias!.chunk(3, 0);
    return linear(x, this.qkv.weight, cat([queries!, keys!.mul(0), values!], 0));
  }

  protected override scores(q: Tensor, k: Tensor): Tensor {
    const unit = (x: Tensor): Tensor => normalize(x, { dim: -1 });
    const factor = this.logit_scale.clamp({ max: Math.log(100) }).exp();
    return unit(q).matmul(unit(k).transpose(2, 3)).mul(factor);
  }
}

/** A distance on a logarithmic scale from −1 to 1, as float32 arithmetic makes it. */
function logarithmic(distance: number, window: number): number {
  const scaled = Math.fround(Math.fround(distance / (window - 1)) * 8);
  const log = Math.fround(Math.log2(Math.fround(Math.abs(scaled) + 1)));
  return Math.fround((Math.sign(scaled) * log) / 3);
}

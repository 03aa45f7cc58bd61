/** Order, statistics and sets of a tensor's elements: methods of one line, what they do stands in the modules that they name. */
import type { HistogramOptions } from './histogram.ts';
import type { Named } from './matrices/named.ts';
import type { DimsArg } from '../geometry/reduce.ts';
import { written, type Call } from './calls.ts';
import { family } from './family.ts';
import type { AlongArguments, KthArguments, QuantileArguments, SortArguments, TopkArguments } from './order.ts';
import type { CumprodArguments, DimArguments } from './scans.ts';
import type { BincountArguments, HistcArguments, UniqueArguments, UniqueResult } from './sets.ts';
import type { Shape } from './shapes/dims.ts';
import type { DiffArguments, SumArguments } from './statistics.ts';
import type { ValuesAndIndices } from './values-and-indices.ts';
import type { Tensor } from './tensor.ts';
import { TensorShapeMethods } from './tensor-shape-methods.ts';

export abstract class TensorOrderMethods<S extends Shape> extends TensorShapeMethods<S> {
  // ---- order

  /** The elements along a dimension in order, and where they were; stable, NaN last. */
  sort(...args: SortArguments): ValuesAndIndices<S> {
    return family('order').sort(this.self(), ...args);
  }

  /** The indices of {@link sort}. */
  argsort(...args: SortArguments): Tensor<S> {
    return family('order').argsort(this.self(), ...args);
  }

  /** Sorted along the first dimension. */
  msort(...args: []): Tensor<S> {
    return family('order').msort(this.self(), ...args);
  }

  /** The `k` largest (or smallest) elements along a dimension, in order, and where they are. */
  topk(...args: TopkArguments): ValuesAndIndices {
    return family('order').topk(this.self(), ...args);
  }

  /** The `k`-th smallest element along a dimension, counted from 1, and where it is. */
  kthvalue(...args: KthArguments): ValuesAndIndices {
    return family('order').kthvalue(this.self(), ...args);
  }

  /** The most frequent element along a dimension, the smallest of several, and its last index. */
  mode(...args: AlongArguments): ValuesAndIndices {
    return family('order').mode(this.self(), ...args);
  }

  /** The median, the lower of two in the middle; NaN where there is one. Along a dimension, with its index. */
  median(): Tensor<[]>;
  median(...args: AlongArguments): ValuesAndIndices;
  median(...args: AlongArguments): Tensor | ValuesAndIndices {
    return family('order').median(this.self(), ...args);
  }

  /** The median of what is no NaN. */
  nanmedian(): Tensor<[]>;
  nanmedian(...args: AlongArguments): ValuesAndIndices;
  nanmedian(...args: AlongArguments): Tensor | ValuesAndIndices {
    return family('order').nanmedian(this.self(), ...args);
  }

  /** What a share of the elements lies below, interpolated between neighbours. */
  quantile(...args: QuantileArguments): Tensor {
    return family('order').quantile(this.self(), ...args);
  }

  /** The quantiles of what is no NaN. */
  nanquantile(...args: QuantileArguments): Tensor {
    return family('order').nanquantile(this.self(), ...args);
  }

  // ---- statistics

  /** The sum of what is no NaN. */
  nansum(...args: SumArguments): Tensor {
    return family('statistics').nansum(this.self(), ...args);
  }

  /** The mean of what is no NaN. */
  nanmean(...args: SumArguments): Tensor {
    return family('statistics').nanmean(this.self(), ...args);
  }

  /** How many elements are not 0. */
  countNonzero(...dim: Call<[dim?: DimsArg | null], { dim: DimsArg | null }>): Tensor {
    return family('statistics').countNonzero(this.self(), ...dim);
  }

  /** The smallest and the largest element. */
  aminmax(options?: { readonly dim?: number; readonly keepdim?: boolean }): {
    readonly min: Tensor;
    readonly max: Tensor;
  } {
    return family('statistics').aminmax(this.self(), options);
  }

  /** Differences of neighbours along a dimension. */
  diff(...args: DiffArguments): Tensor {
    return family('statistics').diff(this.self(), ...args);
  }

  /** Covariances of the rows of a matrix. */
  cov(options?: { readonly correction?: number }): Tensor {
    return family('statistics').cov(this.self(), options);
  }

  /** Correlations of the rows of a matrix. */
  corrcoef(): Tensor {
    return family('statistics').corrcoef(this.self());
  }

  /** Slices whose p-norm is above `maxnorm` scaled down to it. */
  renorm(p: number, dim: number, maxnorm: number): Tensor<S> {
    return family('statistics').renorm(this.self(), p, dim, maxnorm);
  }

  /** The distinct elements in order; with inverse or counts, an array of tensors. */
  unique(...args: UniqueArguments): UniqueResult {
    return family('sets').unique(this.self(), ...args);
  }

  /** The first of each run of equal elements. */
  uniqueConsecutive(
    ...args: Call<
      [returnInverse?: boolean, returnCounts?: boolean, dim?: number | null],
      { returnInverse: boolean; returnCounts: boolean; dim: number | null }
    >
  ): UniqueResult {
    return family('sets').uniqueConsecutive(this.self(), ...args);
  }

  /** How often each whole number from 0 on occurs in a vector. */
  bincount(...args: BincountArguments): Tensor {
    return family('sets').bincount(this.self(), ...args);
  }

  /** How many elements lie in each of `bins` equal parts of a range. */
  histc(...args: HistcArguments): Tensor {
    return family('sets').histc(this.self(), ...args);
  }

  /** How many elements lie in each of `bins` equal bins, or between edges, as `{ hist, binEdges }`. */
  histogram(bins: number | Tensor | ({ readonly bins: number | Tensor } & HistogramOptions), options?: HistogramOptions): Named<['hist', 'binEdges']> {
    return family('sets').histogram(this.self(), bins, options);
  } // prettier-ignore

  /** Which elements are among those of another tensor. */
  isin(among: Tensor | number): Tensor<S> {
    return family('sets').isin(this.self(), among);
  }

  // ---- running

  /** Running products along a dimension; `dtype` converts first. */
  cumprod(...args: CumprodArguments): Tensor<S> {
    return family('scans').cumprod(this.self(), ...args);
  }

  /** The largest element so far along a dimension, and where it is. */
  cummax(...args: DimArguments): ValuesAndIndices<S> {
    return family('scans').cummax(this.self(), ...args);
  }

  /** The smallest element so far along a dimension, and where it is. */
  cummin(...args: DimArguments): ValuesAndIndices<S> {
    return family('scans').cummin(this.self(), ...args);
  }

  /** The logarithm of the running sum of exponentials along a dimension. */
  logcumsumexp(...args: DimArguments): Tensor<S> {
    return family('scans').logcumsumexp(this.self(), ...args);
  }

  cumsum_(dim: number): this {
    return written('cumsum_', this.self(), (from) => from.cumsum(dim));
  }

  cumprod_(...args: CumprodArguments): this {
    return written('cumprod_', this.self(), (from) => family('scans').cumprod(from, ...args));
  }
}

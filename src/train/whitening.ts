/**
 * A first layer as a fixed whitening of small patches: filters along the principal axes of the training images' patches,
 * scaled so that their answers have variance 1, each with both signs (Page, "How to Train Your ResNet", 2018; Jordan, "94 % on
 * CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, arXiv:2404.00498).
 */
import { fromTypedArray } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Axes of smaller variance than about this are not amplified. */
const EPSILON = 5e-4;

/**
 * Filters for `nn.Conv2d(channels, 2·channels·size², size)`.
 * @param images floats [N, channels, height, width]
 * @returns [2·channels·size², channels, size, size]
 */
export function whiteningFilters(images: Tensor, size: number): Tensor {
  const channels = images.size(1);
  const patch = channels * size * size;
  const { values, vectors } = symmetricEigen(covariance(images, size), patch);
  const filters = new Float32Array(2 * patch * patch);
  for (let axis = 0; axis < patch; axis++) {
    const scale = 1 / Math.sqrt(values[axis]! + EPSILON);
    for (let i = 0; i < patch; i++) {
      const weight = vectors[i * patch + axis]! * scale;
      filters[axis * patch + i] = weight;
      filters[(patch + axis) * patch + i] = -weight;
    }
  }
  return fromTypedArray(filters, [2 * patch, channels, size, size]);
}

/** Mean products of the values at all pairs of places in a patch, row by row. */
function covariance(images: Tensor, size: number): Float64Array {
  const [count, channels, height, width] = images.size() as [number, number, number, number];
  const pixels = images.contiguous().toTypedArray() as Float32Array;
  const places: number[] = [];
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) places.push((c * height + y) * width + x);
  const products = new Float64Array(places.length ** 2);
  const patch = new Float64Array(places.length);
  let patches = 0;
  for (let n = 0; n < count; n++) {
    for (let y = 0; y + size <= height; y++) {
      for (let x = 0; x + size <= width; x++, patches++) {
        const corner = (n * channels * height + y) * width + x;
        places.forEach((place, i) => (patch[i] = pixels[corner + place]!));
        for (let i = 0; i < places.length; i++)
          for (let j = 0; j < places.length; j++) products[i * places.length + j]! += patch[i]! * patch[j]!;
      }
    }
  }
  return products.map((sum) => sum / patches);
}

/**
 * Eigenvalues and eigenvectors (columns) of a small symmetric matrix, by Jacobi's rotations: each makes one pair of entries off the
 * diagonal zero, and a few sweeps over all pairs make all of them negligible (Golub & Van Loan, Matrix Computations, 8.5).
 */
export function symmetricEigen(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice();
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < 30; sweep++) {
    let rest = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rest += a[p * n + q]! ** 2;
    if (rest < 1e-24) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), vectors };
}

function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cos = 1 / Math.sqrt(t * t + 1);
  const sin = t * cos;
  const turn = (m: Float64Array, i: number, j: number): void => {
    const [x, y] = [m[i]!, m[j]!];
    m[i] = cos * x - sin * y;
    m[j] = sin * x + cos * y;
  };
  for (let k = 0; k < n; k++) turn(a, k * n + p, k * n + q);
  for (let k = 0; k < n; k++) turn(a, p * n + k, q * n + k);
  for (let k = 0; k < n; k++) turn(vectors, k * n + p, k * n + q);
}

// Times as people read them: the median with quartiles.

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/** Median, lower and upper quartile. */
export function spread(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return [0.5, 0.25, 0.75].map((q) => quantile(sorted, q));
}

/** The same as text: `12.3 [11.9, 13.0]`. */
export function saidSpread(numbers, digits = 3) {
  const [middle, low, high] = spread(numbers).map((x) => x.toPrecision(digits));
  return `${middle} [${low}, ${high}]`;
}

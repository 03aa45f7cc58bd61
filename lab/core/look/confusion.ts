/** What a network takes for what: counts for each pair of classes, with the pictures behind them. */

/** What the network says of the pictures of a part. */
export interface Predictions {
  readonly ids: readonly string[];
  readonly labels: readonly number[];
  /** After softmax, a row for each picture. */
  readonly probabilities: readonly (readonly number[])[];
  readonly loss: number;
  readonly accuracy: number;
}

export interface Judged {
  readonly id: string;
  readonly label: number;
  readonly predicted: number;
  /** Of the predicted class. */
  readonly confidence: number;
}

export interface ClassFigures {
  /** Of the pictures that are called this class, the share that are of it; undefined where none is called so. */
  readonly precision: number | undefined;
  /** Of the pictures of this class, the share that are found; undefined where there are none. */
  readonly recall: number | undefined;
  readonly count: number;
}

export interface Confusion {
  /** Pictures of class [row] that were taken for class [column]. */
  readonly cells: readonly (readonly (readonly Judged[])[])[];
  readonly classes: readonly ClassFigures[];
  /** The most confident first. */
  readonly mistakes: readonly Judged[];
}

/** The first of the largest. */
const greatest = (row: readonly number[]): number => row.reduce((best, value, i) => (value > row[best]! ? i : best), 0);

export function judge({ ids, labels, probabilities }: Predictions): readonly Judged[] {
  return ids.map((id, i) => {
    const row = probabilities[i]!;
    const predicted = greatest(row);
    return { id, label: labels[i]!, predicted, confidence: row[predicted]! };
  });
}

export function confusionOf(predictions: Predictions, classes: number): Confusion {
  const all = judge(predictions);
  const cells: Judged[][][] = Array.from({ length: classes }, () => Array.from({ length: classes }, () => []));
  for (const one of all) cells[one.label]?.[one.predicted]?.push(one);
  const share = (part: number, whole: number): number | undefined => (whole === 0 ? undefined : part / whole);
  const figures = cells.map((row, i) => {
    const right = row[i]!.length;
    const count = row.reduce((sum, cell) => sum + cell.length, 0);
    const called = cells.reduce((sum, other) => sum + other[i]!.length, 0);
    return { precision: share(right, called), recall: share(right, count), count };
  });
  const mistakes = all.filter(({ label, predicted }) => label !== predicted).sort((a, b) => b.confidence - a.confidence);
  return { cells, classes: figures, mistakes };
}

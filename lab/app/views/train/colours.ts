/** Each run has a colour of its own, the same everywhere. */
import type { Run } from '../../state/run.ts';

const COLOURS = 6;
/** A custom property of the style sheet. */
export const colourOf = ({ id }: Run): string => `--run-${((id - 1) % COLOURS) + 1}`;

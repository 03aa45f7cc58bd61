/** Looking at models: summaries as tables, explanations layer by layer as text and as pages with figures. Runs in Node and in browsers. */
import '../tensor/tensor.ts'; // registers the class

export { explain, Explanation, type ExplainedStep, type ExplainOptions } from './explain/explanation.ts';
export type { ReceptiveField } from './explain/field.ts';
export type { Counted } from './explain/formulas.ts';
export { gradCam, type GradCam, type GradCamOptions } from './grad-cam.ts';
export { ModelSummary, summary, type SummaryOptions, type SummaryRow } from './summary.ts';

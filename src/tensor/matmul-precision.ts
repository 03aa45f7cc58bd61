/** Whether products of float32 may be computed in less than its precision: what plans, eager and recorded, depend on. */
let reduced = false;

export const isReduced = (): boolean => reduced;
export const setReduced = (value: boolean): void => {
  reduced = value;
};

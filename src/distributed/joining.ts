/** Trainings of processes with different numbers of batches (`model.join`), of which some ranks may be done while others go on. */
let joins = 0;

export const beginJoin = (): void => void joins++;
export const endJoin = (): void => void joins--;

/** Whether other ranks may be done already. */
export const isJoining = (): boolean => joins > 0;

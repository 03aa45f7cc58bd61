/** Names of pictures that no other has, in this tab or another. */
const tab = Math.random().toString(36).slice(2, 10);
let made = 0;
export const newId = (): string => `p-${tab}-${Date.now().toString(36)}-${(made++).toString(36)}`;
/** This tab, among those that are open. */
export const tabName = tab;

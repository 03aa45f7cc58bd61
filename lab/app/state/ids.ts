/** Names of pictures that no other has, in this tab or another, and the name of this tab, which a reload keeps. */
const KEY = 'flambeau-tab';
const some = (): string => Math.random().toString(36).slice(2, 10);

function named(): string {
  try {
    const name = sessionStorage.getItem(KEY) ?? some();
    sessionStorage.setItem(KEY, name);
    return name;
  } catch {
    return some(); // the browser keeps nothing for this page
  }
}

export const tabName = named();
const opened = some();
let made = 0;
export const newId = (): string => `p-${opened}-${Date.now().toString(36)}-${(made++).toString(36)}`;

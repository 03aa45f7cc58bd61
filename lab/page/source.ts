/** The program of the page that classifies; tools/lab-page.mjs puts it here, with the hash that the page's policy names it by. */
export const pageScript = '';
export const pageHash = '';

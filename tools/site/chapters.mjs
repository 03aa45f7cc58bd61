/** The documents of the site, in order. What is in docs/made/ is written by made-pages.mjs. */
export const CHAPTERS = {
  Guides: [
    'docs/first-network.md',
    'docs/data.md',
    'docs/models.md',
    'docs/compile.md',
    'docs/files.md',
    'docs/photos.md',
    'docs/browser.md',
    'docs/devices.md',
    'docs/processes.md',
    'docs/understanding.md',
    'docs/laboratory.md',
  ],
  'From PyTorch': ['docs/from-pytorch.md', 'docs/compatibility.md'],
  Tutorials: [1, 2, 3, 4, 5].map((n) => `docs/made/tutorial-${n}.md`),
  Examples: ['docs/made/gallery.md'],
  Reference: ['docs/made/errors.md', 'PERFORMANCE.md', 'CHANGELOG.md'],
  'How it works': ['docs/how-it-works.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'],
};

/** What the pages that Flambeau writes have in common: one file of HTML with its style inside, for wide and narrow windows, light and dark, and print. */
import type { Picture } from './pictures.ts';

/** Text in HTML; what no reader sees becomes a mark. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\P{Cc}\n\t]|\p{Cf}/gu, '\ufffd');

/** 0.613 is `61.3 %`. */
export const percent = (part: number): string => (Number.isFinite(part) ? `${(100 * part).toFixed(1)} %` : '–');

export function image({ url, width, height }: Picture, what: string, more = ''): string {
  return `<img src="${url}" width="${width}" height="${height}" alt="${escaped(what)}"${more}>`;
}

export const section = (title: string, body: string, lead = ''): string =>
  `<section><h2>${title}</h2>${lead === '' ? '' : `<p class="lead">${lead}</p>`}${body}</section>`;

/** A whole page. @param body - HTML, as what further belongs into its head; title and lead are text */
export function sheet(title: string, lead: string, body: string, head = ''): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title><style>${STYLE}</style>${head}</head>
<body><main><h1>${escaped(title)}</h1><p class="lead">${escaped(lead)}</p>${body}</main></body></html>
`;
}

const STYLE = `
:root{--paper:#f7f5f0;--card:#fffefb;--ink:#22252e;--muted:#6b7080;--line:#dedad0;--blue:#2f6f9f;--fire:#c8431f;--green:#2c8a66}
@media (prefers-color-scheme:dark){:root{--paper:#15171c;--card:#1d2027;--ink:#e8e6e1;--muted:#9aa0ae;--line:#343842;--blue:#7db8e0;--fire:#ff8457;--green:#6fcfa8}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:36px 24px 72px}
h1{font-size:30px;line-height:1.2;margin:0 0 4px;letter-spacing:-.02em;overflow-wrap:anywhere}
h2{font-size:19px;margin:40px 0 6px;letter-spacing:-.01em}
.lead{color:var(--muted);margin:0 0 14px;max-width:72ch}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:20px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px}
.tile b{display:block;font-size:24px;letter-spacing:-.02em}
.tile span{color:var(--muted);font-size:12.5px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr));gap:12px}
.chart{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:10px;max-width:560px}
.chart.wide{max-width:860px;overflow-x:auto}
.chart svg{display:block;width:100%;height:auto}
.chart.wide svg{min-width:300px;margin:0 auto}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:4px 10px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);white-space:nowrap;font-weight:400}
th:first-child,td:last-child{text-align:left}
thead th{color:var(--muted)}tbody th{font-weight:600}
tbody tr:last-child>*{border-bottom:0}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:12px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:10px;break-inside:avoid}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:6px}
.pair img{width:100%;height:auto;border-radius:6px}
img{image-rendering:pixelated}
figcaption{font-size:13px;margin-top:6px;overflow-wrap:anywhere}
figcaption span{color:var(--muted)}small{color:var(--muted)}
.wrong{color:var(--fire)}.right{color:var(--green)}
.filters img{width:min(100%,420px);height:auto;border:1px solid var(--line);border-radius:8px}
.maps{display:grid;grid-template-columns:minmax(120px,220px) 1fr;gap:8px 16px;align-items:center;padding:8px 0;border-bottom:1px solid var(--line);break-inside:avoid}
.maps img{width:100%;max-width:860px;height:auto}.maps img.small{max-width:104px}
code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 14px;overflow-x:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 18px}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
.note{border-left:3px solid var(--fire);padding-left:10px}
summary{cursor:pointer;color:var(--blue)}
@media (max-width:640px){main{padding:22px 12px 48px}h1{font-size:24px}.maps{grid-template-columns:1fr}.examples{grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}}
@media print{body{background:#fff}.chart,.tile,figure,.scroll{break-inside:avoid}details{display:none}}
`;

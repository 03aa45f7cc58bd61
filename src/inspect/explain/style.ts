/** The style sheet of the page: light and dark, motion only where the reader has not asked for less of it. */
export const STYLE = `
:root{--paper:#f7f5f0;--card:#fffefb;--ink:#22252e;--muted:#6b7080;--line:#dedad0;--blue:#2f6f9f;--blue-soft:#cfe3f1;--fire:#e2552b;--fire-soft:#fbd9cb;--green:#2c8a66;--green-soft:#cfeadd;--pad:#efece4}
@media (prefers-color-scheme:dark){:root{--paper:#15171c;--card:#1d2027;--ink:#e8e6e1;--muted:#9aa0ae;--line:#343842;--blue:#7db8e0;--blue-soft:#24425a;--fire:#ff8457;--fire-soft:#5a2d1e;--green:#6fcfa8;--green-soft:#1f4a3b;--pad:#262a32}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1260px;margin:0 auto;padding:36px 24px 72px}
h1{font-size:30px;line-height:1.2;margin:0 0 4px;letter-spacing:-.02em}
h2{font-size:19px;margin:40px 0 12px;letter-spacing:-.01em}
.lead{color:var(--muted);margin:0 0 24px}
code,.formula{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:13px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:12px 16px}
.tile b{display:block;font-size:22px;letter-spacing:-.02em}
.tile span{color:var(--muted);font-size:12.5px}
.wide{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow-x:auto;padding:6px 8px}
.step{background:var(--card);border:1px solid var(--line);border-radius:12px;margin:12px 0;padding:0 20px}
.step>summary{list-style:none;cursor:pointer;display:flex;align-items:baseline;gap:12px;padding:13px 0;flex-wrap:wrap}
.step>summary::-webkit-details-marker{display:none}
.step.plain>summary{cursor:default}
.number{flex:none;min-width:26px;height:26px;line-height:26px;border-radius:13px;background:var(--fire-soft);color:var(--fire);text-align:center;font-weight:650;font-size:13px;padding:0 6px}
.plain .number{background:var(--pad);color:var(--muted)}
.name{font-weight:650}
.shapes{margin-left:auto;color:var(--muted);font-size:13.5px;white-space:nowrap}
.shapes b{color:var(--ink)}
.path{color:var(--muted);font-weight:400}
.detail{color:var(--muted);margin:-6px 0 12px;word-break:break-word}
dl{flex:1;min-width:0;display:grid;grid-template-columns:max-content 1fr;gap:3px 18px;margin:2px 0 16px}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
.top{display:flex;justify-content:space-between;gap:6px 40px;align-items:flex-start}
.wide>svg{display:block;margin:0 auto}
.figures{display:flex;flex-wrap:wrap;gap:14px 24px;align-items:flex-start;padding-bottom:10px}
figure{margin:0 0 8px;max-width:100%}
figure svg{max-width:100%;height:auto;display:block}
figcaption{color:var(--muted);font-size:13px;margin-top:2px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
th:nth-child(-n+3),td:nth-child(-n+3){text-align:left}
th{color:var(--muted);font-weight:500}
tr:last-child td{border-bottom:0;font-weight:650}
.stop{border:1.5px solid var(--fire);background:var(--fire-soft);border-radius:12px;padding:14px 20px;margin:16px 0}
footer{color:var(--muted);font-size:13px;margin-top:36px}
.label{font-size:11.5px;fill:var(--ink);font-family:inherit}
.label.small{font-size:10.5px;fill:var(--muted)}
.label.faint{font-size:9.5px;fill:var(--muted)}
.label.strong{font-weight:650}
.label.zero{font-size:10px;fill:var(--muted)}
.padding{fill:var(--pad)}
.image{fill:var(--blue-soft)}
.result,.sheet-out{fill:var(--green-soft)}
.grid{fill:none;stroke:var(--card);stroke-width:1.2}
.border{fill:none;stroke:var(--blue);stroke-width:1.4}
.window{fill:var(--fire);fill-opacity:.5;stroke:var(--fire);stroke-width:2}
.window-frame{fill:none;stroke:var(--fire);stroke-width:1.4;stroke-dasharray:4 3}
.window-still{fill:var(--fire);fill-opacity:.45;stroke:var(--fire);stroke-width:1.2}
.ghost{fill:none;stroke:var(--fire);stroke-width:1.3;stroke-dasharray:4 3;opacity:.75}
.target{fill:var(--fire);stroke:var(--fire);stroke-width:1.5;fill-opacity:.75}
.target-dot{fill:var(--fire)}
.arrow{stroke:var(--muted);stroke-width:1.5}
.arrow-head{fill:var(--muted)}
.stride{stroke:var(--fire);stroke-width:1.8}
.stride-head{fill:var(--fire)}
.ray{stroke:var(--fire);stroke-width:.9;opacity:.6}
.sheet-in{fill:var(--blue-soft);stroke:var(--blue);stroke-width:1.1}
.sheet-map{fill:var(--green-soft);stroke:var(--green);stroke-width:1.1}
.sheet-out{stroke:var(--green);stroke-width:1.1}
.sheet-kernel{fill:var(--fire-soft);stroke:var(--fire);stroke-width:1.1}
.kernel-grid{fill:none;stroke:var(--fire);stroke-width:.7;opacity:.55}
.row-mark{fill:var(--fire);fill-opacity:.35}
.vector{fill:var(--blue-soft);stroke:var(--blue);stroke-width:1.1}
.vector-few{fill:var(--card);stroke:var(--line)}
.neuron-in{fill:var(--blue-soft);stroke:var(--blue);stroke-width:1.3}
.neuron-out{fill:var(--green-soft);stroke:var(--green);stroke-width:1.3}
.wire{stroke:var(--line);stroke-width:.9}
.wire-first{stroke:var(--fire);stroke-width:1;opacity:.75}
.dot{fill:var(--muted)}
.brace{fill:none;stroke:var(--muted);stroke-width:1.2}
.skip{fill:none;stroke:var(--blue);stroke-width:1.4;stroke-dasharray:5 4}
.fade-stop{stop-color:var(--card)}
@media (max-width:720px){.top{flex-wrap:wrap}dl{flex-basis:100%}main{padding:24px 12px 48px}.step{padding:0 14px}}
@media (prefers-reduced-motion:reduce),print{.moving{animation:none!important}}
@media print{body{background:#fff}.step,.wide,.tile{break-inside:avoid}}
`;

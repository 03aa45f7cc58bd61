/** The look of the page that classifies, on top of that of all pages. */
export const PAGE_STYLE = `
main{max-width:780px}
#form{display:flex;flex-direction:column;gap:12px;margin:20px 0 8px}
#drop{display:flex;flex-direction:column;align-items:center;justify-content:center;gap:2px;min-height:150px;padding:20px;text-align:center;background:var(--card);border:2px dashed var(--line);border-radius:16px;cursor:pointer}
#drop b{font-size:18px;color:var(--blue)}#drop span{color:var(--muted)}
#drop:hover,#drop.over{border-color:var(--blue)}
#drop:focus-within{outline:3px solid var(--blue);outline-offset:2px}
#file{position:absolute;width:1px;height:1px;opacity:0}
button{font:inherit;min-height:44px;padding:8px 18px;color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:12px;cursor:pointer}
button:hover{border-color:var(--blue)}button:focus-visible{outline:3px solid var(--blue);outline-offset:2px}
button:disabled{color:var(--muted);cursor:default}
#status{min-height:1.5em;margin:4px 0 12px;color:var(--muted)}
#results{display:grid;gap:12px}
article,#live{display:grid;grid-template-columns:minmax(110px,220px) 1fr;gap:16px;align-items:start;background:var(--card);border:1px solid var(--line);border-radius:16px;padding:14px}
#live{margin-bottom:12px;grid-template-columns:minmax(0,1fr) minmax(0,1fr)}#live[hidden]{display:none}
article canvas,video{width:100%;height:auto;border-radius:8px;background:var(--paper);display:block}
article h2{font-size:20px;margin:0;overflow-wrap:anywhere}article p{margin:0 0 10px;color:var(--muted);font-size:13px;overflow-wrap:anywhere}
.guesses{list-style:none;margin:0;padding:0;display:grid;gap:6px}
.guesses li{position:relative;display:flex;justify-content:space-between;gap:12px;padding:5px 10px;border-radius:8px;overflow:hidden;background:var(--paper);font-variant-numeric:tabular-nums}
.guesses i{position:absolute;inset:0 auto 0 0;background:var(--blue);opacity:.22}
.guesses span{position:relative;overflow-wrap:anywhere;min-width:0}.guesses span+span{white-space:nowrap}
.guesses li:first-child span{font-weight:600}
article.failed h2{color:var(--fire);font-size:16px}
details{margin-top:28px;color:var(--muted)}
@media (max-width:640px){article{grid-template-columns:96px 1fr;gap:12px;padding:12px}#live{grid-template-columns:1fr}article h2{font-size:17px}}
@media print{#form,#live,#status{display:none}}
`;

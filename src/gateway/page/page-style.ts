/** Light and dark as the reader's system has it; no colour says anything by itself. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 46rem; padding: 2.5rem 1.25rem 4rem; font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
code, pre { font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { margin: 0; padding: .75rem 4.75rem .75rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); border-radius: .4rem; }
.copy { position: relative; margin: .5rem 0; }
button { position: absolute; top: .4rem; right: .4rem; font: inherit; font-size: .8rem; padding: .15rem .6rem;
  border: 1px solid var(--line); border-radius: .3rem; background: Canvas; color: inherit; cursor: pointer; }
details { border-bottom: 1px solid var(--line); }
details:first-of-type { border-top: 1px solid var(--line); }
summary { padding: .5rem 0; cursor: pointer; }
details > :last-child { margin-bottom: 1rem; }
.path { font-size: .875rem; opacity: .8; }
#said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
`;

// What the theme leaves to be done in the browser: paper, formulas that scroll, code that can be hidden,
// what a link or a symbol stands for, and statements in the search.
"use strict";
{
const root = document.documentElement, home = new URL(root.dataset.content_root ?? "./", location.href).href;

// paper is white and cannot unfold: print in the light, with proofs and solutions open, and put all back
let undo = () => {};
addEventListener("beforeprint", () => {
  const {theme} = root.dataset;
  const closed = [...document.querySelectorAll("details.sd-dropdown:not([open])")];
  closed.forEach(details => { details.open = true; });
  root.dataset.theme = "light";
  undo = () => { root.dataset.theme = theme; closed.forEach(details => { details.open = false; }); };
});
addEventListener("afterprint", () => undo());

// a formula or a table that is a little too wide is set smaller; the keyboard reaches and scrolls what is wider
const SMALLEST = 0.75;
const reach = () => document.querySelectorAll('.bd-content :is(span.math, mjx-container[display="true"], div.math, .folds th, .ledger-card dl, .table-scroll)').forEach(box => {
  if (box.matches("mjx-container, th")) {
    const row = box.matches("th"), sized = row ? [...box.querySelectorAll("mjx-container")] : [box];
    const set = share => sized.forEach(formula => {
      const size = formula.dataset.size ??= parseFloat(formula.style.fontSize) || 100;  // MathJax sets it on the element
      // in tables custom.css overrules MathJax
      if (share < 1) formula.style.setProperty("font-size", `${Math.floor((row ? 110 : size) * share)}%`, row ? "important" : "");
      else formula.style.fontSize = `${size}%`;
    });
    set(1);
    const smallest = row ? 0.55 : SMALLEST, wide = () => box.scrollWidth > box.clientWidth;
    for (let share = Math.min(1, box.clientWidth / box.scrollWidth); share >= smallest && wide(); share -= 0.01) set(share);
    if (wide()) set(1);
  }
  const table = box.matches(".table-scroll:not(.folds)") && box.querySelector("table");
  if (table) {
    table.style.fontSize = "";
    const size = parseFloat(getComputedStyle(table).fontSize);  // the space between columns stays
    for (let k = 99; k >= 100 * SMALLEST && box.scrollWidth > box.clientWidth; k -= 4) table.style.fontSize = `${size * k / 100}px`;
    if (box.scrollWidth > box.clientWidth) table.style.fontSize = "";
  }
  if (box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX)) box.tabIndex = 0;
  else if (box.tabIndex === 0 && !box.role) box.removeAttribute("tabindex");
});
// a formula in a header, or that one can press, has a name in letters too
const name = () => document.querySelectorAll('th mjx-container, [data-notation][role="button"]').forEach(formula => {
  if (formula.matches("mjx-container")) formula.setAttribute("role", "math");
  const letters = formula.querySelector("mjx-assistive-mml");
  if (letters) formula.ariaLabel = letters.textContent;
});
addEventListener("load", () => {
  Promise.resolve(window.MathJax?.startup?.promise).then(() => {
    name();
    let width;  // the sidebars may still be moving when the window has its size
    new ResizeObserver(([{contentRect: box}]) => { if (box.width !== width) { width = box.width; reach(); } }).observe(document.querySelector("main"));
  });
  addEventListener("toggle", reach, true);
});

// one button hides all code, on this page and the next ones
const bar = document.querySelector(".article-header-buttons");
if (bar && document.querySelector("main div.cell_input")) {
  const button = document.createElement("button");
  button.className = "btn btn-sm hide-code";
  button.innerHTML = '<i class="fa-solid fa-code" aria-hidden="true"></i>';
  button.title = "Hide all code";
  button.ariaLabel = "Hide all code";
  const hide = hidden => { root.classList.toggle("code-hidden", hidden); button.ariaPressed = String(hidden); };
  hide(localStorage.getItem("code") === "hidden");
  button.addEventListener("click", () => {
    const hidden = !root.classList.contains("code-hidden");
    localStorage.setItem("code", hidden ? "hidden" : "shown");
    hide(hidden);
  });
  bar.prepend(button);
}

// a folded place that a link leads to is opened
const unfold = () => {
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("details:not([open])");
  if (place) { place.open = true; place.scrollIntoView(); }
};
addEventListener("hashchange", unfold);
unfold();

// all statements, equations, symbols and commands, asked for when they are needed
let asked;
const known = () => asked ??= new Promise((done, fail) => {
  const script = document.createElement("script");
  script.src = `${home}_static/places.js`;
  script.onload = () => done(globalThis.sdPlaces);
  script.onerror = fail;
  document.head.append(script);
});
const set = box => window.MathJax?.typesetPromise?.([box]).catch(() => {});

// what a link leads to, and what a symbol means, beside it: on hover, on focus and on tap
const note = document.createElement("div");
note.id = "preview";
note.role = "tooltip";
note.hidden = true;
note.className = "mathjax_process";
document.querySelector("main")?.append(note);
let about = null, wanted = null, wait;
const hide = () => { clearTimeout(wait); wanted = null; about?.removeAttribute("aria-describedby"); note.hidden = true; about = null; };
const symbol = ([, paper, code, shape, meaning]) => `<dt>${paper}</dt><dd>${meaning}.${code ? ` In code: ${code}${shape ? `, shape ${shape}` : ""}.` : ""}</dd>`;
const show = async target => {
  hide();
  wanted = target;
  const {places, notation} = await known(), rows = target.dataset.notation?.split(" ");
  const place = rows ? null : places.find(p => target.href === home + p.to);
  if (wanted !== target || (!rows && !place?.body)) return;
  about = target;
  note.innerHTML = rows ? `<dl>${[...new Set(rows.map(k => symbol(notation[k])))].join("")}</dl>` : `<strong>${place.kind === "equation" ? "Equation " : ""}${place.name}</strong> ${place.title}${place.body}`;
  note.hidden = false;
  target.setAttribute("aria-describedby", note.id);
  const put = () => {
    const box = target.getBoundingClientRect(), below = box.bottom + note.offsetHeight + 8 < innerHeight;
    note.style.left = `${Math.max(8, Math.min(box.left, root.clientWidth - note.offsetWidth - 8))}px`;
    note.style.top = `${Math.max(8, below ? box.bottom + 4 : box.top - note.offsetHeight - 4)}px`;
  };
  put();
  await set(note);
  put();
};
const subject = event => event.target.closest?.('.bd-content a[href*="#"]:not(.headerlink), .bd-content [data-notation]');
const later = (what, pause) => { clearTimeout(wait); wait = setTimeout(what, pause); };
addEventListener("mouseover", event => {
  const target = subject(event);
  if (target && target !== about) later(() => show(target), 250); else if (target || note.contains(event.target)) clearTimeout(wait); else if (about) later(hide, 250); else clearTimeout(wait);
});
addEventListener("focusin", event => { const target = subject(event); if (target?.matches(":focus-visible")) show(target); else if (about && !note.contains(event.target)) hide(); });
addEventListener("click", event => {
  const target = subject(event);
  if (target?.dataset.notation) { if (target === about && event.detail === 0) hide(); else show(target); } else if (!note.contains(event.target)) hide();
});
addEventListener("scroll", () => { if (about) hide(); }, {passive: true});
addEventListener("keydown", event => {
  if (event.key === "Escape") hide();
  else if (/^(Enter| )$/.test(event.key) && event.target.matches?.('[data-notation][role="button"]')) { event.preventDefault(); if (about === event.target) hide(); else show(event.target); }
});

// the search finds statements by number, title, slogan and id, and symbols and commands
const results = document.getElementById("search-results"), query = new URLSearchParams(location.search).get("q");
const parts = text => text.toLowerCase().split(/[\s,;:()"'“”\\{}]+/).flatMap(w => [w, ...w.split("-")]).map(w => w.replace(/[.?!]+$/, "")).filter(Boolean);
if (results && query) known().then(({places}) => {
  const asking = [...new Set(parts(query))];
  const found = places.map(place => {
    const name = parts(place.name), all = [...name, ...parts(`${place.title} ${place.words}`)];
    const same = asking.filter(w => all.includes(w)).length, alike = asking.filter(w => all.some(v => w.length > 2 && v.startsWith(w))).length;
    return {place, fits: asking.every(w => all.includes(w) || (w.length > 2 && all.some(v => v.startsWith(w)))), worth: same + alike + 3 * asking.filter(w => name.includes(w)).length};
  }).filter(({fits}) => fits).sort((a, b) => b.worth - a.worth).slice(0, 12);
  if (!found.length) return;
  const list = document.createElement("section");
  list.className = "places";
  list.ariaLabel = "Statements, symbols and commands";
  list.innerHTML = `<h2>Statements, symbols and commands</h2><ul>${found.map(({place: p}) => `<li><a href="${home}${p.to}">${p.kind === "symbol" ? p.name.replaceAll("\\", "") : p.name}</a> ${[p.title, p.kind === "symbol" ? p.words.replace(/ notation$/, "") : p.kind === "statement" ? p.words.replace(/ \S+$/, "") : ""].filter(Boolean).join(": ")}</li>`).join("")}</ul>`;
  results.before(list);
});
}

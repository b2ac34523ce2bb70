// What the theme leaves to be done in the browser: paper, formulas that scroll, code that can be hidden,
// what a link or a symbol stands for, and statements in the search.
"use strict";
{
const root = document.documentElement, home = new URL(root.dataset.content_root ?? "./", location.href).href;

// formulas in view are set first, then the others piece by piece; those in folded places when they unfold
const FORMULAS = ".math, .mathjax_process", PIECE = 100;
let unset = new Set();
const open = () => [...unset].filter(box => !box.closest("details:not([open]) > :not(summary)"));
const set = async boxes => {
  boxes.forEach(box => unset.delete(box));
  if (boxes.length) await MathJax.typesetPromise(boxes);
};
const inView = box => {
  const {top, bottom} = box.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
};
const setAll = async () => {
  unset = new Set([...document.querySelectorAll(FORMULAS)].filter(box => !box.parentElement.closest(FORMULAS)));
  // what is set is shorter, and others come into view
  for (let seen; (seen = open().filter(inView)).length;) await set(seen);
  root.classList.add("formulas");
  for (let rest = open(); rest.length; rest = open()) {
    await new Promise(done => setTimeout(done));
    await set(rest.slice(0, PIECE));
  }
};
if (window.MathJax) ((MathJax.config ?? MathJax).startup ??= {}).pageReady = setAll;
else root.classList.add("formulas");

// paper is white and cannot unfold: print in the light, with proofs and solutions open, and put all back
let undo = () => {};
addEventListener("beforeprint", () => {
  const {theme} = root.dataset;
  const closed = [...document.querySelectorAll("details.sd-dropdown:not([open])")];
  closed.forEach(details => { details.open = true; });
  root.dataset.theme = "light";
  const boxes = open();
  boxes.forEach(box => unset.delete(box));
  if (boxes.length) MathJax.typeset(boxes);
  fit();
  undo = () => { root.dataset.theme = theme; closed.forEach(details => { details.open = false; }); };
});
addEventListener("afterprint", () => undo());

// a formula or a table that is a little too wide is set smaller; the keyboard reaches and scrolls what is wider
const SMALLEST = 75, sized = new Set(), wide = box => box.scrollWidth > box.clientWidth;
const fit = () => {
  sized.forEach(part => { part.style.zoom = ""; });
  sized.clear();
  // all are measured before any is changed: every change lays the page out again
  const boxes = [...document.querySelectorAll('.bd-content :is(span.math, mjx-container[display="true"], div.math, .ledger-card dl, .table-scroll)')].filter(box => box.checkVisibility());
  const over = boxes.filter(wide), scrolls = over.filter(box => /auto|scroll/.test(getComputedStyle(box).overflowX));
  let rest = over.map(box => [box, box.querySelector(":scope > :is(mjx-math, table)")]).filter(([, part]) => part);
  rest.forEach(([, part]) => sized.add(part));
  for (let size = 98; rest.length && size >= SMALLEST; size -= 2) {
    rest.forEach(([, part]) => { part.style.zoom = `${size}%`; });
    rest = rest.filter(([box]) => wide(box));
  }
  rest.forEach(([, part]) => { part.style.zoom = ""; });
  const reached = new Set(scrolls.filter(wide));
  for (const box of boxes) {
    if (reached.has(box)) box.tabIndex = 0;
    else if (box.tabIndex === 0 && !box.role) box.removeAttribute("tabindex");
  }
};
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
    new ResizeObserver(([{contentRect: box}]) => { if (box.width !== width) { width = box.width; fit(); } }).observe(document.querySelector("main"));
  });
  let due = false;  // all that unfold together are set together
  addEventListener("toggle", () => {
    if (due) return;
    due = true;
    setTimeout(() => { due = false; set(open()).then(() => { name(); fit(); }); });
  }, true);
});

// one button hides all code, on this page and the next ones
const bar = document.querySelector(".article-header-buttons");
if (bar && document.querySelector("main div.cell_input")) {
  const button = document.createElement("button");
  button.className = "btn btn-sm hide-code";
  button.innerHTML = '<i class="fa-solid fa-code" aria-hidden="true"></i>';
  button.title = button.ariaLabel = "Hide all code";
  const hide = hidden => {
    localStorage.setItem("code", hidden ? "hidden" : "shown");
    root.classList.toggle("code-hidden", hidden);
    button.ariaPressed = String(hidden);
  };
  hide(localStorage.getItem("code") === "hidden");
  button.addEventListener("click", () => hide(button.ariaPressed === "false"));
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

// what a link leads to, and what a symbol means, beside it: on hover, on focus and on tap
const note = document.createElement("div");
note.id = "preview";
note.role = "tooltip";
note.hidden = true;
document.querySelector("main")?.append(note);
let about = null, wanted = null, wait;
const hide = () => { clearTimeout(wait); wanted = null; about?.removeAttribute("aria-describedby"); note.hidden = true; about = null; };
const symbol = ([, paper, code, shape, meaning]) => `<dt>${paper}</dt><dd>${meaning}.${code ? ` In code: ${code}${shape ? `, shape ${shape}` : ""}.` : ""}</dd>`;
const put = () => {
  const box = about.getBoundingClientRect(), below = box.bottom + note.offsetHeight + 8 < innerHeight;
  if (box.bottom < 0 || box.top > innerHeight) { hide(); return; }
  note.style.left = `${Math.max(8, Math.min(box.left, root.clientWidth - note.offsetWidth - 8))}px`;
  note.style.top = `${Math.max(8, below ? box.bottom + 4 : box.top - note.offsetHeight - 4)}px`;
};
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
  put();
  await window.MathJax?.typesetPromise?.([note]).catch(() => {});
  if (about === target) put();
};
const subject = event => event.target.closest?.('.bd-content a[href*="#"]:not(.headerlink), .bd-content [data-notation]');
addEventListener("mouseover", event => {
  const target = subject(event);
  clearTimeout(wait);
  if (target !== about && !note.contains(event.target)) wait = setTimeout(() => target ? show(target) : hide(), 250);
});
addEventListener("focusin", event => {
  const target = subject(event);
  if (target?.matches(":focus-visible")) show(target); else if (!note.contains(event.target)) hide();
});
addEventListener("click", event => {
  const target = subject(event);
  if (target?.dataset.notation) show(target); else if (!note.contains(event.target)) hide();
});
addEventListener("scroll", () => { if (about) put(); }, {passive: true});
addEventListener("keydown", event => {
  if (event.key === "Escape") hide();
  if (!/^(Enter| )$/.test(event.key) || !event.target.matches?.('[data-notation][role="button"]')) return;
  event.preventDefault();
  if (about === event.target) hide(); else show(event.target);
});

// the search finds statements by number, title, slogan and id, and symbols and commands
const results = document.getElementById("search-results"), query = new URLSearchParams(location.search).get("q");
const parts = text => text.toLowerCase().split(/[\s,;:()"'“”\\{}]+/).flatMap(w => [w, ...w.split("-")]).map(w => w.replace(/[.?!]+$/, "")).filter(Boolean);
if (results && query) known().then(({places}) => {
  const asking = [...new Set(parts(query))];
  const found = places.map(place => {
    const name = parts(place.name), all = [...name, ...parts(`${place.title} ${place.words}`)];
    // a word is there, or one begins with it, or it is the name
    const fits = asking.map(w => all.includes(w) ? 2 + 3 * name.includes(w) : Number(w.length > 2 && all.some(v => v.startsWith(w))));
    return {place, worth: fits.includes(0) ? 0 : fits.reduce((a, b) => a + b)};
  }).filter(({worth}) => worth).sort((a, b) => b.worth - a.worth).slice(0, 12);
  if (!found.length) return;
  const list = document.createElement("section");
  list.className = "places";
  list.ariaLabel = "Statements, symbols and commands";
  list.innerHTML = `<h2>Statements, symbols and commands</h2><ul>${found.map(({place: {kind, to, name, title, words}}) => {
    const shown = kind === "symbol" ? name.replaceAll("\\", "") : name;
    return `<li><a href="${home}${to}">${shown}</a> ${[title === shown ? "" : title, /^s/.test(kind) ? words.replace(/ \S+$/, "") : ""].filter(Boolean).join(": ")}</li>`;
  }).join("")}</ul>`;
  results.before(list);
});
}

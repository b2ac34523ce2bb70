// What the theme leaves to be done in the browser: paper, formulas that scroll, code that can be hidden.
"use strict";
{
// paper is white and cannot unfold: print in the light, with proofs and solutions open, and put all back
let undo = () => {};
addEventListener("beforeprint", () => {
  const root = document.documentElement, {theme} = root.dataset;
  const closed = [...document.querySelectorAll("details.sd-dropdown:not([open])")];
  closed.forEach(details => { details.open = true; });
  root.dataset.theme = "light";
  undo = () => { root.dataset.theme = theme; closed.forEach(details => { details.open = false; }); };
});
addEventListener("afterprint", () => undo());

// the keyboard reaches and scrolls what is wider than the page
const reach = () => document.querySelectorAll('.bd-content :is(span.math, mjx-container[display="true"], div.math)').forEach(box => {
  if (box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX)) box.tabIndex = 0;
  else if (box.tabIndex === 0) box.removeAttribute("tabindex");
});
// a formula in a header has a name in letters too
const name = () => document.querySelectorAll("th mjx-container").forEach(formula => {
  formula.setAttribute("role", "math");
  formula.ariaLabel = formula.querySelector("mjx-assistive-mml").textContent;
});
addEventListener("load", () => {
  Promise.resolve(window.MathJax?.startup?.promise).then(() => { name(); reach(); });
  addEventListener("resize", reach);
  addEventListener("toggle", reach, true);
});

// one button hides all code, on this page and the next ones
const root = document.documentElement, bar = document.querySelector(".article-header-buttons");
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
}

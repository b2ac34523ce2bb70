// What the explorables share: plots as SVG text, numbers as words, and the element that takes the place of a
// figure's image. The static image stays in the page, for print and where scripts are off.
"use strict";
{
const WIDTH = 320, HEIGHT = 240, LEFT = 54, RIGHT = 10, TOP = 10, BOTTOM = 38;
// the book's sequence for rounds: viridis up to 0.6, ordered in grey print
const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121]];
const escape = text => String(text).replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
const superscript = k => [...String(k)].map(c => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("");

/** Three significant digits, in signs that screen readers say. */
sd.num = v => v === 0 ? "0" : !Number.isFinite(v) ? "infinite" : Math.abs(v) >= 1e-3 && Math.abs(v) < 1e4
  ? String(+v.toPrecision(3)).replace("-", "−") : v.toExponential(2).replace("-", "−").replace(/e\+?([-−]?\d+)/, (_, k) => `\u00a0×\u00a010${superscript(+k.replace("−", "-"))}`);
sd.count = (k, one, many = one + "s") => `${k} ${k === 1 ? one : many}`;
sd.colour = (t, of) => {
  const u = 6 * t / Math.max(of - 1, 1), i = Math.min(Math.floor(u), 5), w = u - i;
  return `rgb(${VIRIDIS[i].map((v, k) => Math.round(v + w * (VIRIDIS[i + 1][k] - v)))})`;
};

const linear = (from, to) => {
  const rough = (to - from) / 4, unit = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find(k => k * unit >= rough) * unit;
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({length: Math.floor(to / step + 1e-9) - first + 1}, (_, k) => +((first + k) * step).toPrecision(12));
};
const decades = (from, to) => {
  const low = Math.floor(Math.log10(from)), high = Math.ceil(Math.log10(to)), step = Math.ceil((high - low) / 5);
  const digits = high - low > 3 ? [1] : high - low > 1 ? [1, 3] : [1, 2, 5];
  return Array.from({length: high - low + 1}, (_, k) => digits.map(m => m * 10 ** (low + k))).filter((_, k) => k % step === 0)
    .flat().map(v => +v.toPrecision(12)).filter(v => v >= from * 0.999 && v <= to * 1.001);
};

/**
 * An SVG figure. An axis is {label, from, to, log, ticks}; draw gets the scales and returns the inside.
 * equal: a unit is as long on both axes.
 */
sd.plot = (label, x, y, draw, {equal} = {}) => {
  const tall = equal ? Math.round((WIDTH - LEFT - RIGHT) * (y.to - y.from) / (x.to - x.from)) + TOP + BOTTOM : HEIGHT;
  const share = a => a.log ? v => Math.log(v / a.from) / Math.log(a.to / a.from) : v => (v - a.from) / (a.to - a.from);
  const [u, v] = [share(x), share(y)], round = w => +w.toFixed(2);
  const px = a => round(LEFT + u(a) * (WIDTH - LEFT - RIGHT)), py = b => round(tall - BOTTOM - v(b) * (tall - TOP - BOTTOM));
  const path = (points, css = "", style = "") => `<path class="curve ${css}" style="${style}" d="M${points.map(([a, b]) => `${px(a)} ${py(b)}`).join("L")}"/>`;
  const dot = (a, b, size = 3.2, css = "", style = "") => `<circle class="${css}" style="${style}" cx="${px(a)}" cy="${py(b)}" r="${size}"/>`;
  const text = s => s >= 1e3 || s < 2e-3 && s > 0 ? `10<tspan dy="-5" font-size="9">${escape(String(Math.round(Math.log10(s))).replace("-", "−"))}</tspan>` : escape(String(s).replace("-", "−"));
  const ticks = a => a.ticks ?? (a.log ? decades(a.from, a.to) : linear(a.from, a.to));
  const [left, right, low, high] = [px(x.from), px(x.to), py(y.from), py(y.to)];
  return `<svg viewBox="0 0 ${WIDTH} ${tall}" role="img" aria-label="${escape(label)}"><clipPath id="sd-clip-${++sd.plots}"><rect x="${left}" y="${high - 6}" width="${right - left + 6}" height="${low - high + 6}"/></clipPath>` +
    `<path class="axis" d="M${left} ${high}V${low}H${right}"/>` +
    ticks(x).map(k => `<path class="axis" d="M${px(k)} ${low}v4"/><text x="${px(k)}" y="${low + 15}" text-anchor="middle">${text(k)}</text>`).join("") +
    ticks(y).map(k => `<path class="axis" d="M${left} ${py(k)}h-4"/><text x="${left - 7}" y="${py(k) + 4}" text-anchor="end">${text(k)}</text>`).join("") +
    `<text x="${(left + right) / 2}" y="${tall - 5}" text-anchor="middle">${escape(x.label)}</text>` +
    `<text transform="translate(10 ${(low + high) / 2}) rotate(-90)" text-anchor="middle">${escape(y.label)}</text>` +
    `<g clip-path="url(#sd-clip-${sd.plots})">${draw({px, py, path, dot})}</g></svg>`;
};
sd.plots = 0;

/**
 * Takes the place of the image in the figure that its attribute names. A class that extends it has
 *   legend                      what its controls set
 *   controls(problem)           a list of sliders {key, label, from, to, start, log, above, whole, most(numbers), text}
 *                               and choices {key, label, start, options: [[value, words], ...]}
 *   compute(state)              all numbers that it shows, from the problem and the state alone
 *   draw(numbers, state)        plots, as HTML
 *   words(numbers, state)       what they say, in sentences
 *   table(numbers, state)       {caption, headers, rows, current}
 */
sd.Explorable = class extends HTMLElement {
  connectedCallback() {
    if (this.problem) return;  // it has moved into its figure
    this.problem = JSON.parse(this.querySelector("script").textContent);
    const figure = document.getElementById(this.getAttribute("figure")), id = figure.id;
    this.list = this.controls(this.problem);
    this.innerHTML = `<fieldset><legend>${this.legend}</legend>${this.list.map(c => {
      const name = `${id}-${c.key}`;
      return `<div class="control"><label for="${name}">${c.label}</label>` + (c.options
        ? `<select id="${name}">${c.options.map(([v, words]) => `<option value="${v}">${words}</option>`).join("")}</select></div>`
        : `<input id="${name}" type="range" min="${c.whole ? c.from : 0}" max="${c.whole ? c.to : 200}" step="1"><output for="${name}"></output></div>`);
    }).join("")}<button type="button">Back to the chapter’s values</button></fieldset>
      <div class="panels"><div class="plots"></div><p class="words" role="status"></p></div>
      <details><summary>The numbers in a table</summary><div class="table-scroll" tabindex="0" role="region" aria-label="The numbers in a table"><table></table></div></details>`;
    for (const c of this.list) {
      c.input = this.querySelector(`[id="${id}-${c.key}"]`);
      c.input.addEventListener("input", () => { this.state[c.key] = c.options ? c.input.value : this.value(c, +c.input.value); this.show(); });
    }
    this.querySelector("button").addEventListener("click", () => this.restore({}, ""));
    addEventListener("hashchange", () => this.follow(id));
    this.restore({}, "", false);
    figure.querySelector("figcaption").before(this);  // now that all is drawn
    figure.classList.add("explored");
    this.follow(id);
  }

  /** Takes the state from the link, if the link is about this figure. */
  follow(id) {
    const [name, values] = decodeURIComponent(location.hash.slice(1)).split("=");
    if (name !== id || values === undefined) return;
    const given = values.split(","), found = {};
    const good = given.length === this.list.length && this.list.every((c, k) => {
      const v = found[c.key] = c.options ? given[k] : Number(given[k] || NaN);
      return c.options ? c.options.some(([o]) => o === v) : v >= c.from && v <= c.to && (!c.whole || Number.isInteger(v));
    });
    this.restore(good ? found : {}, good ? "" : "The link holds values that this figure does not take. These are the chapter’s. ", false);
    this.scrollIntoView();
  }

  restore(state, note, remember = true) {
    this.state = Object.fromEntries(this.list.map(c => [c.key, state[c.key] ?? c.start]));
    this.note = note;
    for (const c of this.list) c.input.value = c.options ? this.state[c.key] : this.position(c, this.state[c.key]);
    this.show(remember);
  }

  // a slider is even in its value, or in the logarithm of what its value has above a limit
  value(c, at) {
    if (c.whole) return at;
    const u = at / 200, a = c.above ?? 0;
    if (u === 0 || u === 1) return u ? c.to : c.from;
    const v = c.log ? a + (c.from - a) * ((c.to - a) / (c.from - a)) ** u : c.from + (c.to - c.from) * u;
    return Math.min(Math.max(+v.toPrecision(4), c.from), c.to);
  }
  position(c, v) {
    const a = c.above ?? 0;
    return c.whole ? v : Math.round(200 * (c.log ? Math.log((v - a) / (c.from - a)) / Math.log((c.to - a) / (c.from - a)) : (v - c.from) / (c.to - c.from)));
  }

  show(remember = true) {
    const {state} = this, numbers = this.numbers = this.compute(state);
    for (const c of this.list) if (!c.options) {
      if (c.most) c.input.max = Math.max(c.most(numbers), c.from);
      const words = (c.text ?? sd.num)(state[c.key], numbers);
      c.input.nextElementSibling.textContent = words;
      c.input.setAttribute("aria-valuetext", words);
    }
    this.querySelector(".plots").innerHTML = this.draw(numbers, state);
    const {caption, headers, rows, current} = this.table(numbers, state);
    this.querySelector("table").innerHTML = `<caption>${caption}</caption><thead><tr>${headers.map(h => `<th scope="col">${h}</th>`).join("")}</tr></thead>` +
      `<tbody>${rows.map(([first, ...rest], k) => `<tr${k === current ? ' aria-current="true"' : ""}><th scope="row">${first}</th>${rest.map(v => `<td>${typeof v === "number" ? sd.num(v) : v}</td>`).join("")}</tr>`).join("")}</tbody>`;
    // words are read out, and the link is written, when the reader pauses
    const finish = () => {
      this.querySelector(".words").textContent = this.note + this.words(numbers, state);
      if (remember) history.replaceState(null, "", `#${this.getAttribute("figure")}=${this.list.map(c => state[c.key]).join(",")}`);
    };
    clearTimeout(this.pause);
    if (remember) { this.note = ""; this.pause = setTimeout(finish, 300); } else finish();
  }
};
}

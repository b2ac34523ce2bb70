// One filter against many: several rounds, and three other filters that share with them what the reader picks.
"use strict";
customElements.get("sd-filters") || customElements.define("sd-filters", class extends sd.Explorable {
  legend = "What is compared, and what is held equal";
  names = ["self-distillation", "one round", "gradient flow", "iterated Tikhonov"];

  controls(p) {
    return [
      {key: "held", label: "held equal", start: "residual", options: [["residual", "distance to the data"], ["size", "size of the fit"], ["roughness", "roughness of the fit"], ["freedom", "degrees of freedom"]]},
      {key: "rounds", label: "rounds of self-distillation", from: 1, to: 1000, start: p.rounds, whole: true, most: ({N}) => N, text: (_, {c}) => sd.num(c.length)},
      {key: "epsilon", label: "tolerance <var>ε</var>", from: p.from, to: p.to, above: p.smallest, start: p.epsilon, log: true, text: (v, {N}) => `${+v.toPrecision(4)}: ${N} in all`},
    ];
  }

  /** The four measures: sums over directions that rise, or fall, strictly with the filter. */
  measures() {
    const {d, z} = this.problem, n = d.length, over = term => phi => sd.total(n, k => term(phi[k], z[k] ** 2, d[k]));
    return {
      residual: over((phi, e) => e * (1 - phi) ** 2), size: over((phi, e) => e * phi ** 2),
      roughness: over((phi, e, d) => d > 0 ? e * phi ** 2 / d : 0), freedom: over(phi => phi),
      removed: over((phi, e) => e * phi * (2 - phi)),  // with the residual constant, and small where filters are
    };
  }

  compute({held, rounds, epsilon}) {
    const {d, z} = this.problem, run = sd.trajectory(d, z, d.length, epsilon), N = run.c.length, c = run.c.slice(0, Math.min(rounds, N));
    const {removed, ...measures} = this.measures(), equal = held === "residual" ? removed : measures[held];
    const t = c.length, several = v => N ? sd.selfDistillation(v, c) : 0, target = equal(d.map(several));
    const families = [sd.tikhonov, sd.gradientFlow, (v, s) => sd.iteratedTikhonov(v, s, t)];
    const strengths = families.map(family => N ? sd.match(family, d, equal, target) : Infinity);
    const filters = [several, ...families.map((family, k) => v => family(v, strengths[k]))];
    const positive = d.filter(v => v > 0), [dMin, dMax] = [positive[0], positive.at(-1)];
    // m(d) falls to the multiplier of the one round at the only place where the two filters agree
    const crossing = t > 1 ? sd.solve(v => sd.meeting(v, c), strengths[0], dMin, dMax) : NaN, share = several(crossing);
    return {
      c, N, strengths, filters, dMin, dMax, crossing, share, slope: sd.total(t, i => c[i] / (c[i] + crossing)), steepest: t * (1 - share ** (1 / t)),
      values: filters.map(filter => d.map(filter)),
      measured: Object.fromEntries(Object.entries(measures).map(([key, measure]) => [key, filters.map(filter => measure(d.map(filter)))])),
    };
  }

  draw({c, strengths, filters, dMin, dMax, crossing, share, values}) {
    if (!c.length) return "";  // the zero function
    const from = dMin / 2, to = dMax * 2, at = Array.from({length: 81}, (_, k) => from * (to / from) ** (k / 80));
    const x = {label: "eigenvalue d", from, to, log: true}, low = Math.max(Math.min(...filters.map(filter => filter(from))), 1e-6);
    const together = sd.total(c.length, i => c[i]), met = at.map(v => [v, sd.meeting(v, c)]), top = 1.2 * Math.max(met[0][1], strengths[0]);
    return sd.plot(`Filters over the spectrum. ${this.names.map((name, k) => `${name}: ${sd.num(values[k][0])} at the smallest and ${sd.num(values[k].at(-1))} at the largest eigenvalue`).join("; ")}`,
      x, {label: "share kept", from: low, to: 1, log: true}, ({path, dot}) =>
        [1, 2, 3, 0].map(k => path(at.map(v => [v, filters[k](v)]), `series-${k}`)).join("") + this.problem.d.map((v, k) => v > 0 ? dot(v, values[0][k], 3, "series-0") : "").join("") +
        (c.length > 1 ? dot(crossing, share, 6, "ring") : "")) +
      sd.plot(`The multiplier with which one round agrees with several falls from ${sd.num(met[0][1])} to ${sd.num(met.at(-1)[1])}; that of the one round is ${sd.num(strengths[0])}`,
        x, {label: "multiplier of one round", from: together / 1.3, to: top, log: true}, ({path, dot}) => path(met, "series-0") + path([[from, strengths[0]], [to, strengths[0]]], "series-1") +
          path([[from, together], [to, together]], "dashed") + (c.length > 1 ? dot(crossing, strengths[0], 6, "ring") : "")) +
      `<ul class="key">${this.names.map((name, k) => `<li class="series-${k}">${name}</li>`).join("")}<li class="dashed">sum of the rounds’ multipliers</li></ul>`;
  }

  words({c, N, crossing, share, slope, steepest, measured, strengths}, {epsilon, held}) {
    const shared = this.list[0].options.find(([key]) => key === held)[1];
    if (!N) return `At tolerance ${+epsilon.toPrecision(4)} the first fit is zero already.`;
    if (c.length === 1) return `One round of self-distillation is one round: their filters are the same. Take more rounds, or a smaller tolerance.`;
    return `${c.length} rounds and one round with the same ${shared} cross once, at d = ${sd.num(crossing)}, inside the spectrum. Both keep the share ${sd.num(share)} there. ` +
      `On the logarithmic axes the slope of several rounds is ${sd.num(slope)}, that of the one round ${sd.num(1 - share)}; no ${c.length} rounds have more than ${sd.num(steepest)}. ` +
      `The one round needs the multiplier ${sd.num(strengths[0])}. Degrees of freedom: ${this.names.map((name, k) => `${name} ${sd.num(measured.freedom[k])}`).join(", ")}.`;
  }

  table({measured, strengths, c}, {held}) {
    return {
      caption: "The four filters in numbers", current: -1, headers: ["filter", "strength", ...this.list[0].options.map(([key, words]) => words + (key === held ? " (equal)" : ""))],
      rows: this.names.map((name, k) => [name, k ? strengths[k - 1] : c.map(sd.num).join(", "), ...this.list[0].options.map(([key]) => measured[key][k])]),
    };
  }
});

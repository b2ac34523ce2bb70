// The tolerance under your hand: every round at a tolerance, with its multiplier between the bounds.
"use strict";
customElements.get("sd-chain") || customElements.define("sd-chain", class extends sd.Explorable {
  legend = "Tolerance and round";

  controls(p) {
    return [
      {key: "epsilon", label: "tolerance <var>ε</var>", from: p.from, to: p.to, above: p.smallest, start: p.epsilon, log: true,
        text: (v, {N}) => `${+v.toPrecision(4)}: ${sd.count(N, "round")}`},
      {key: "t", label: "round <var>t</var>", from: 0, to: 1000, start: 0, whole: true, most: ({N}) => N - 1,
        text: (_, {N, t}) => N ? `${t} of 0 to ${N - 1}` : "none"},
    ];
  }

  compute({epsilon, t}) {
    const {g, d, V, z} = this.problem, run = sd.trajectory(d, z, d.length, epsilon), N = run.c.length;
    const positive = d.filter(v => v > 0), dMin = positive[0], dMax = positive.at(-1);
    // labels of round 0 may lie where G is zero, those of later rounds do not
    const reached = k => k > 0 || positive.length === d.length;
    const bounds = run.c.map((_, k) => sd.multiplierBounds(reached(k) ? dMin : 0, dMax, run.rMinus1[k]));
    return {
      ...run, N, t: Math.min(t, Math.max(N - 1, 0)),
      low: bounds.map(([low]) => low), high: bounds.map(([, high]) => high),
      one: run.c.map((_, k) => reached(k) ? sd.oneRoundBound(run.rMinus1[k], dMax / dMin) : 0),
      fits: run.c.map((_, k) => sd.predict(g, d, V, run, k)),
      freedom: run.B.map(B => sd.total(B.length, k => B[k])),
    };
  }

  draw(numbers) {
    return this.curves(numbers) + this.bars(numbers) + this.multipliers(numbers);
  }

  curves({fits, t, N}) {
    const {x, y, grid} = this.problem, low = Math.min(0, ...y), high = Math.max(0, ...y), room = 0.15 * (high - low);
    return sd.plot(`${x.length} data points and the fit of each of ${N} rounds, round ${t} drawn heavily`,
      {label: "x", from: grid[0], to: grid.at(-1)}, {label: "label and fit", from: low - room, to: high + room},
      ({path, dot}) => fits.map((f, k) => path(f.map((v, j) => [grid[j], v]), k === t ? "now" : "", `stroke:${sd.colour(k, N)}`)).join("") +
        x.map((u, k) => dot(u, y[k])).join(""));
  }

  bars({B, t, N}) {
    const n = this.problem.d.length, shown = [...B[t] ?? []].reverse(), first = [...B[0] ?? []].reverse();
    return sd.plot(`Diagonal of B after round ${t}: ${shown.map(sd.num).join(", ")}`,
      {label: "direction, smoothest first", from: 0.5, to: n + 0.5, ticks: [1, Math.ceil(n / 2), n]}, {label: "diagonal entry of B", from: 0, to: 1},
      ({px, py}) => [[shown, "bar"], ...(t ? [[first, "ghost"]] : [])].map(([values, css]) => values.map((v, k) =>
        `<rect class="${css}" style="--c:${sd.colour(t, N)}" x="${px(k + 0.62)}" y="${py(v)}" width="${px(k + 1.38) - px(k + 0.62)}" height="${py(0) - py(v)}"/>`).join("")).join(""));
  }

  multipliers({c, low, high, t, N}) {
    const all = [...c, ...high, ...low.filter(v => v > 0)];
    const [bottom, top] = N ? [10 ** Math.floor(Math.log10(Math.min(...all))), 10 ** Math.ceil(Math.log10(Math.max(...all)))] : [0.1, 1];
    return sd.plot(`Multiplier of each round between its bounds, on a logarithmic scale: ${c.map((v, k) => `round ${k}, ${[low[k], v, high[k]].map(sd.num).join(", ")}`).join("; ")}`,
      {label: "round", from: -0.5, to: Math.max(N, 1) - 0.5, ticks: c.map((_, k) => k).filter(k => k % Math.ceil(N / 8) === 0)},
      {label: "multiplier c and its bounds", from: bottom, to: top, log: true},
      ({px, py, dot}) => c.map((v, k) => {
        const [x, a, b] = [px(k), low[k] ? py(low[k]) : py(bottom), py(high[k])];
        return `<path class="bound" d="M${x - 6} ${b}h12m-6 0V${a}${low[k] ? "m-6 0h12" : ""}"/>` + dot(k, v, k === t ? 6 : 4, k === t ? "root now" : "root", `fill:${sd.colour(k, N)}`);
      }).join(""));
  }

  words({N, t, fits, freedom, c, low, high, r, one, rMinus1}, {epsilon}) {
    const at = `At tolerance ${+epsilon.toPrecision(4)} there ${N === 1 ? "is 1 round" : `are ${N} rounds`}, then zero. `;
    const near = Math.min(...rMinus1.map(Math.abs)) < 1e-12 ? "The last labels are within rounding of the tolerance, so this count may be off by one. " : "";
    return N === 0 ? at + near : at + near + `Round ${t}: the fit reaches ${sd.num(Math.max(...fits[t].map(Math.abs)))} and has ${sd.num(freedom[t])} degrees of freedom. ` +
      `The multiplier is ${sd.num(c[t])}, ${low[t] ? `${sd.num(c[t] / low[t])} times its lower bound and ` : ""}${sd.num(high[t] / c[t])} times below its upper bound. ` +
      `The labels shrink from r = ${sd.num(r[t])} to ${sd.num(r[t + 1])}; the bound for one round is ${sd.num(one[t])}.` +
      (low[t] ? "" : " G is singular, so that the lower bounds are zero in round 0.");
  }

  table({c, low, high, one, r, t}) {
    return {
      caption: "Every round at this tolerance", current: t,
      headers: ["t", "r<sub>t</sub>", "lower bound of c<sub>t</sub>", "c<sub>t</sub>", "upper bound of c<sub>t</sub>", "lower bound of r<sub>t+1</sub>", "r<sub>t+1</sub>", "margin"],
      rows: c.map((v, k) => [k, r[k], low[k], v, high[k], one[k], r[k + 1], r[k + 1] - one[k]]),
    };
  }
});

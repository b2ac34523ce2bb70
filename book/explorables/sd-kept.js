// Labels kept in the loop: the share a of the labels, round by round, and the share xi of a student beside its teacher.
"use strict";
customElements.get("sd-kept") || customElements.define("sd-kept", class extends sd.Explorable {
  legend = "Labels, mixture, multiplier and noise";

  controls(p) {
    const top = p.d.at(-1);
    return [
      {key: "a", label: "share <var>a</var> of the labels in the loop", from: 0.01, to: 1, start: p.a},
      {key: "xi", label: "share <var>ξ</var> of the student in the mixture", from: Math.min(-2, p.xi), to: Math.max(4, p.xi), start: p.xi},
      {key: "c", label: "multiplier <var>c</var> of every fit", from: Math.min(top / 1e3, p.c), to: Math.max(top * 10, p.c), start: p.c, log: true},
      {key: "snr", label: "signal-to-noise ratio", from: Math.min(0.1, p.snr), to: Math.max(100, p.snr), start: p.snr, log: true},
    ];
  }

  compute({a, xi, c, snr}) {
    const {d, theta2, rounds} = this.problem, sigma2 = 1 / snr, s = d.map(v => sd.tikhonov(v, c)), limit = d.map(v => sd.tikhonov(v, c / a));
    const phi = Array.from({length: rounds + 1}, (_, t) => d.map(v => sd.keptLabels(v, c, a, t)));
    const risks = values => sd.risk(values, theta2, sigma2), whole = values => sd.total(2, k => risks(values)[k]);
    const ratio = values => values.at(-1) / values[0], ratios = phi.map(ratio), parts = phi.map(risks), chain = phi.map(whole);
    const [slope, curvature] = sd.mixingParts(d, c, theta2, sigma2), best = -slope / (2 * curvature);
    const mixed = share => whole(s.map(v => (1 - share) * v + share * v * v));
    return {
      sigma2, limit, phi, ratios, limitRatio: ratio(limit), crossing: Math.log(ratio(d)) / Math.log(ratio(s)), peak: ratios.indexOf(Math.max(...ratios)),
      bias: parts.map(([b]) => b), variance: parts.map(([, v]) => v), chain, last: whole(limit), smallest: chain.indexOf(Math.min(...chain)),
      slope, curvature, best, teacher: mixed(0), student: mixed(1), mixture: mixed(xi), least: mixed(best),
    };
  }

  draw({sigma2, limit, phi, chain, last, smallest, slope, curvature, best, teacher, mixture, least}, {xi}) {
    const {d} = this.problem, rounds = phi.length - 1, [left, right] = [this.list[1].from, this.list[1].to], low = Math.min(...phi.flat(), ...limit);
    const at = Array.from({length: 61}, (_, k) => left + (right - left) * k / 60), parabola = at.map(v => [v, (teacher + v * slope + v * v * curvature) / sigma2]);
    return sd.plot(`Shares kept by ${rounds} rounds, over the spectrum, and their limit: from ${sd.num(limit[0])} at the smallest to ${sd.num(limit.at(-1))} at the largest eigenvalue`,
      {label: "eigenvalue d", from: d[0] / 1.2, to: d.at(-1) * 1.2, log: true}, {label: "share kept", from: low / 1.2, to: 1, log: true},
      ({path}) => phi.slice(1).map((values, t) => path(values.map((v, k) => [d[k], v]), "", `stroke:${sd.colour(t, rounds)}`)).join("") + path(limit.map((v, k) => [d[k], v]), "dashed")) +
      sd.plot(`Risk in units of the noise, by number of rounds: ${chain.map(v => sd.num(v / sigma2)).join(", ")}; in the limit ${sd.num(last / sigma2)}`,
        {label: "number of rounds", from: 0, to: rounds, ticks: chain.map((_, t) => t).filter(t => t % Math.ceil(rounds / 7) === 0)}, {label: "risk / noise", from: 0, to: 1.1 * Math.max(...chain, last) / sigma2},
        ({path, dot}) => path(chain.map((v, t) => [t, v / sigma2]), "series-0") + path([[0, last / sigma2], [rounds, last / sigma2]], "dashed") + chain.map((v, t) => dot(t, v / sigma2, t === smallest ? 6 : 3.4, "series-0")).join("")) +
      sd.plot(`Risk in units of the noise, by the share of the student: least at ${sd.num(best)}, with ${sd.num(least / sigma2)}`,
        {label: "share ξ of the student", from: left, to: right}, {label: "risk / noise", from: 0, to: 1.1 * Math.max(...parabola.map(([, v]) => v))},
        ({path, dot}) => path(parabola, "series-1") + dot(xi, mixture / sigma2, 6, "ring") + (best > left && best < right ? dot(best, least / sigma2, 4, "series-0") : "")) +
      `<ul class="key"><li class="series-0">chain with kept labels</li><li class="dashed">its limit, one fit with c/a</li><li class="series-1">mixture of teacher and student</li></ul>`;
  }

  words({ratios, limitRatio, crossing, peak, chain, last, smallest, sigma2, slope, best, teacher, mixture, least}, {a, xi, c}) {
    const over = a < 1 ? `The largest ratio of two shares is ${sd.num(ratios[peak])}, in round ${peak}; it exceeds its limit ${sd.num(limitRatio)} in every round after ${sd.num(crossing)}.` : `With all labels in the loop every round is the same fit.`;
    return `The chain of ${sd.count(chain.length - 1, "round")} ends in one fit with the multiplier ${sd.num(c / a)}. ${over} Its risk is least after ${sd.count(smallest, "round")}: ${sd.num(chain[smallest] / sigma2)} times the noise; the limit has ${sd.num(last / sigma2)}. ` +
      `The best share of the student is ${sd.num(best)}, because the risk ${slope < 0 ? "falls" : "rises"} with the multiplier. It has the risk ${sd.num(least / sigma2)}, the teacher ${sd.num(teacher / sigma2)}, and the share ${sd.num(xi)} has ${sd.num(mixture / sigma2)}.`;
  }

  table({ratios, bias, variance, chain, limitRatio}) {
    return {
      caption: "Every round of the chain", current: -1, headers: ["rounds", "largest ratio of two shares", "squared bias", "variance", "risk", "the ratio is"],
      rows: chain.map((v, t) => [t, ratios[t], bias[t], variance[t], v, ratios[t] > limitRatio ? "above its limit" : "not above its limit"]),
    };
  }
});

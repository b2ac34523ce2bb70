// Does one more round help? Squared bias, variance and risk by round, with the rule that looks at roughness.
"use strict";
customElements.get("sd-risk") || customElements.define("sd-risk", class extends sd.Explorable {
  legend = "Signal, noise and tolerance";

  controls(p) {
    return [
      {key: "beta", label: "smoothness <var>β</var> of the signal", from: Math.min(-1, p.beta), to: Math.max(3, p.beta), start: p.beta},
      {key: "snr", label: "signal-to-noise ratio", from: Math.min(0.1, p.snr), to: Math.max(100, p.snr), start: p.snr, log: true},
      {key: "share", label: "tolerance, in shares of the noise", from: 0.01, to: 1, start: p.share, log: true, text: (v, {N, ended}) => `${sd.num(v)}: ${ended ? "" : "more than "}${sd.count(N, "round")}`},
    ];
  }

  compute({beta, snr, share}) {
    const {d, rounds} = this.problem, n = d.length, sigma2 = 1 / snr, powers = d.map(v => v ** (1 + beta)), mean = sd.total(n, k => powers[k]) / n;
    const theta2 = powers.map(v => v / mean), epsilon = share * sigma2;
    // labels of expected energy: as two outputs, the truth and the noise, they make every risk an exact distance
    const run = sd.trajectory(d, theta2.map(v => Math.sqrt(v + sigma2)), n, epsilon, rounds), shares = [d.map(() => 1), ...run.B];
    const parts = shares.map(B => sd.risk(B, theta2, sigma2)), risks = parts.map(([bias, variance]) => bias + variance);
    const rough = shares.map((_, t) => sd.total(n, k => run.z[t][k] ** 2 / d[k]) / n), truth = sd.total(n, k => theta2[k] / d[k]) / n;
    const smoother = rough.slice(1).findIndex(v => v < truth);
    return {
      N: run.c.length, ended: run.rMinus1.at(-1) <= 0, epsilon, sigma2, shares, risks, bias: parts.map(([b]) => b), variance: parts.map(([, v]) => v),
      best: risks.indexOf(Math.min(...risks)), rough, truth, promised: smoother < 0 ? run.c.length : smoother,
      wiener: theta2.map(v => v / (v + sigma2)), least: sd.total(n, k => theta2[k] * sigma2 / (theta2[k] + sigma2)) / n,
    };
  }

  draw({N, sigma2, shares, risks, bias, variance, wiener, least, best, promised}) {
    const n = wiener.length, down = values => [...values].reverse().map((v, k) => [k + 1, v]), scaled = values => values.map((v, t) => [t, v / sigma2]);
    const top = 1.1 * Math.max(...risks, ...variance) / sigma2;
    return sd.plot(`Shares kept by ${N} rounds and by the best filter, largest eigenvalue first`,
      {label: "eigenvalue, largest first", from: 1, to: n, log: true, ticks: [1, 2, 5, 10, 20, 50, 100].filter(k => k <= n)}, {label: "share kept", from: 0, to: 1},
      ({path}) => shares.slice(1).map((B, t) => path(down(B), t + 1 === best ? "now" : "", `stroke:${sd.colour(t, N)}`)).join("") + path(down(wiener), "dashed")) +
      sd.plot(`Risk in units of the noise, by number of rounds: ${risks.map(v => sd.num(v / sigma2)).join(", ")}`,
        {label: "number of rounds", from: 0, to: Math.max(N, 1), ticks: risks.map((_, t) => t).filter(t => t % Math.ceil(N / 7) === 0)}, {label: "risk / noise", from: 0, to: top},
        ({px, py, path, dot}) => `<rect class="promised" x="${px(0)}" y="${py(top)}" width="${px(promised) - px(0)}" height="${py(0) - py(top)}"/>` +
          path(scaled(bias), "series-1") + path(scaled(variance), "series-2") + path(scaled(risks), "series-0") + path([[0, least / sigma2], [N, least / sigma2]], "dashed") +
          risks.map((v, t) => dot(t, v / sigma2, t === best ? 6 : 3.4, "series-0")).join("")) +
      `<ul class="key"><li class="series-0">risk</li><li class="series-1">squared bias</li><li class="series-2">variance</li><li class="dashed">best filter of all</li><li class="promised">helps by the roughness rule</li></ul>`;
  }

  words({N, ended, risks, best, promised, rough, truth, sigma2, least, epsilon}) {
    if (!N) return "The tolerance is above the labels’ size: the first fit is zero.";
    return `${ended ? "" : "At least "}${sd.count(N, "round")}. The risk is least after ${sd.count(best, "round")}: ${sd.num(risks[best] / sigma2)} times the noise, where the best filter of all has ${sd.num(least / sigma2)}. ` +
      (promised ? `The first ${promised === 1 ? "fit is" : `${promised} fits are`} at least as rough as the truth, so that ${promised === 1 ? "this round" : "each of these rounds"} lowers the risk by ${sd.num(epsilon)} or more. `
        : "Every fit is smoother than the truth, so that the rule decides no round. ") +
      `The truth has roughness ${sd.num(truth)}, the fit of round ${Math.min(promised, N - 1)} has ${sd.num(rough[Math.min(promised, N - 1) + 1])}.`;
  }

  table({N, risks, bias, variance, rough, truth}) {
    return {
      caption: "Every round", current: -1, headers: ["rounds", "squared bias", "variance", "risk", "this round", "roughness of the fit", "by the rule"],
      rows: risks.map((v, t) => [t, bias[t], variance[t], v, t ? (v < risks[t - 1] ? "helps" : "hurts") : "labels", rough[t], t ? (rough[t] >= truth ? "helps" : "undecided") : "labels"]),
    };
  }
});

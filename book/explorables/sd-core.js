// The formulas of sdtheory in float64: no page, no state. A test keeps them equal to the library.
// Eigenvalues d ascend; z are the rotated labels; n epsilon = rho^2.
"use strict";
globalThis.sd = globalThis.sd || (() => {
  const total = (n, term) => { let s = 0; for (let k = 0; k < n; k++) s += term(k); return s; };

  // a b = p + e exactly: Dekker (1971), splitting by 2^27 + 1
  const product = (a, b) => {
    const p = a * b, s = 134217729 * a, t = 134217729 * b;
    const ah = s - (s - a), al = a - ah, bh = t - (t - b), bl = b - bh;
    return [p, al * bl - (((p - ah * bh) - al * bh) - ah * bl)];
  };

  /** Sum of a b over pairs, as if in twice the precision: Ogita, Rump and Oishi (2005), Dot2. */
  const dot = pairs => {
    let high = 0, low = 0;
    for (const [a, b] of pairs) {
      const [p, e] = product(a, b), s = high + p, v = s - high;
      low += (high - (s - v)) + (p - v) + e;
      high = s;
    }
    return high + low;
  };

  /**
   * The root c of sum (c z/(c+d))^2 = n epsilon, with r and rMinus1 = r - 1: sdtheory.multiplier.solve.
   * c is Infinity where the fit is zero, NaN where no function meets the tolerance.
   */
  function multiplier(d, z, n, epsilon) {
    const k = d.length, squares = z.map(v => [v, v]);
    const excess = dot([...squares, [-n, epsilon]]);                                 // ||y||^2 - rho^2
    const slack = -dot([...squares.filter((_, i) => d[i] === 0), [-n, epsilon]]);    // rho^2 - ||P_0 y||^2
    const r = Math.sqrt(total(k, i => z[i] * z[i]) / n / epsilon), rMinus1 = excess / (n * epsilon) / (1 + r);
    if (excess <= 0) return {c: Infinity, r, rMinus1};
    if (slack <= 0) return {c: NaN, r, rMinus1};
    // Halley's method for 1/||w|| in mu = 1/c, inside a bracket; c (r - 1) is a mean of d
    const q = excess / slack, mean = total(k, i => z[i] * z[i] * d[i]) / (excess + slack);
    let mu = q / (1 + Math.sqrt(1 + q)) / mean, low = 0, high = Infinity;
    for (let step = 0; step < 100; step++) {
      let s = 0, s1 = 0, s2 = 0, lost = 0;
      for (let i = 0; i < k; i++) if (d[i] > 0) {
        const m = mu * d[i], kept = 1 / (1 + m), a = m * kept, w = z[i] * kept;
        s += w * w; s1 += w * w * a; s2 += w * w * a * a; lost += z[i] * a * (z[i] + w);
      }
      // S/slack - 1, as a sum of positive terms where the target is more than half of the energy
      const e = (excess < slack ? excess - lost : s - slack) / slack;
      if (e > 0) low = mu; else high = mu;
      const newton = (1 + Math.sqrt(Math.max(1 + e, 0))) * s1 * s1;
      const change = e * s * s1 / Math.max(newton + 1.5 * e * (s1 * s1 - s * s2), newton / 32);
      let next = mu + mu * change;
      const inside = next > low && next < high;
      if (Math.abs(change) < 2e-16 || (Math.abs(change) < 1e-14 && !inside)) break;
      if (!inside) next = low > 0 ? Math.sqrt(low) * Math.sqrt(Math.min(high, 256 * low)) : high / 16;
      mu = next;
    }
    return {c: 1 / mu, r, rMinus1};
  }

  /** Rounds until the labels collapse, at most so many: sdtheory.trajectory. */
  function trajectory(d, z, n, epsilon, most = 1000) {
    const run = {c: [], r: [], rMinus1: [], B: [], z: [z]};
    let B = d.map(() => 1);
    for (let t = 0; t <= most; t++) {
      const {c, r, rMinus1} = multiplier(d, z, n, epsilon);
      run.r.push(r); run.rMinus1.push(rMinus1);
      if (t === most || !Number.isFinite(c)) break;
      const A = d.map(v => v / (c + v));
      z = z.map((v, i) => A[i] * v); B = B.map((v, i) => A[i] * v);
      run.c.push(c); run.B.push(B); run.z.push(z);
    }
    return run;
  }

  /** Values of f_t where the rows of g are the vectors g_x: V has eigenvectors in its rows. */
  function predict(g, d, V, run, t) {
    const b = d.map((v, k) => v > 0 ? run.z[t][k] / (run.c[t] + v) : 0);
    const dual = V[0].map((_, j) => total(d.length, k => V[k][j] * b[k]));
    return g.map(row => total(row.length, j => row[j] * dual[j]));
  }

  // sdtheory.bounds
  const multiplierBounds = (dMin, dMax, rMinus1) => [dMin / rMinus1, dMax / rMinus1];
  const oneRoundBound = (rMinus1, kappa) => (1 + rMinus1) * rMinus1 / (rMinus1 + kappa);
  const guaranteedRounds = (rMinus1, kappa) => rMinus1 / kappa;

  // sdtheory.filters
  const tikhonov = (d, c) => d / (c + d);
  const selfDistillation = (d, c) => c.reduce((kept, v) => kept * tikhonov(d, v), 1);
  const iteratedTikhonov = (d, c, m) => -Math.expm1(-m * Math.log1p(d / c));
  const gradientFlow = (d, c) => -Math.expm1(-d / c);
  /** The multiplier of one round that keeps as much as several at d. */
  const meeting = (d, c) => d * Math.expm1(total(c.length, i => Math.log1p(c[i] / d)));

  /** Where a monotone function takes a value, by bisection of the logarithm to the last digit. */
  function solve(f, value, low, high) {
    const rising = f(low) < f(high);
    let a = Math.log(low), b = Math.log(high);
    for (let k = 0; k < 70; k++) { const m = (a + b) / 2; if (f(Math.exp(m)) < value === rising) a = m; else b = m; }
    return Math.exp((a + b) / 2);
  }

  /** The strength at which a measure of a filter has a value. */
  function match(family, d, measure, value) {
    const positive = d.filter(v => v > 0);
    return solve(c => measure(d.map(v => family(v, c))), value, positive[0] / 1e12, positive.at(-1) * 1e12);
  }

  /** L(y) by the trapezoidal rule in log s: sdtheory.path_length. */
  function pathLength(d, energy) {
    const logs = d.map(Math.log), low = Math.min(...logs) - 38, high = Math.max(...logs) + 3.8, spacing = 1 / 32;
    return spacing * total(Math.ceil((high - low) / spacing) + 1, j => Math.sqrt(total(d.length, k => {
      const x = Math.exp(low + j * spacing - logs[k]), h = x * Math.exp(-x);
      return energy[k] * h * h;
    })));
  }

  /** Squared bias and variance of a fixed filter: sdtheory.risk.fixed_design_risk is their sum. */
  const risk = (phi, theta2, sigma2) => {
    const n = phi.length;
    return [total(n, k => (1 - phi[k]) ** 2 * theta2[k]) / n, total(n, k => phi[k] ** 2 * sigma2) / n];
  };

  // sdtheory.formulas.mixing
  const keptLabels = (d, c, a, t) => {
    const limit = tikhonov(d, c / a);
    return limit + ((1 - a) * tikhonov(d, c)) ** t * (1 - limit);
  };
  /** Slope and curvature, in xi, of the risk of the filter (1 - xi) s + xi s^2. */
  const mixingParts = (d, c, theta2, sigma2) => {
    const n = d.length, s = d.map(v => tikhonov(v, c)), rest = d.map(v => c / (c + v));
    return [2 * total(n, k => s[k] * rest[k] * (rest[k] * theta2[k] - s[k] * sigma2)) / n, total(n, k => (s[k] * rest[k]) ** 2 * (theta2[k] + sigma2)) / n];
  };

  return {total, dot, multiplier, trajectory, predict, multiplierBounds, oneRoundBound, guaranteedRounds, tikhonov,
    selfDistillation, iteratedTikhonov, gradientFlow, meeting, solve, match, pathLength, risk, keptLabels, mixingParts};
})();

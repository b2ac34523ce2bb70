// A walk to zero: in the plane of two eigenvalues every round is a step of length rho = 1 along the flow.
"use strict";
customElements.get("sd-walk") || customElements.define("sd-walk", class extends sd.Explorable {
  legend = "Drag the red dot, or move its sliders";

  controls(p) {
    return [
      {key: "r", label: "length <var>r</var><sub>0</sub> of the labels", from: 1.05, to: p.furthest, start: p.r},
      {key: "angle", label: "angle from the large eigenvalue’s axis", from: 0, to: 90, start: p.angle, whole: true, text: v => `${v}°`},
      {key: "kappa", label: "condition number <var>κ</var>", from: 1, to: Math.max(100, p.kappa), start: p.kappa, log: true},
    ];
  }

  // the second axis is that of the large eigenvalue
  start(r, angle) {
    const a = angle * Math.PI / 180;
    return [r * Math.sin(a), r * Math.cos(a)];
  }

  compute({r, angle, kappa}) {
    const d = [1 / kappa, 1], y = this.start(r, angle), {z, c, rMinus1} = sd.trajectory(d, y, 1, 1);
    const moved = y.map((v, k) => v === 0 ? null : k).filter(k => k !== null);  // an axis without labels has no part in the path
    return {
      z, c, rMinus1, N: c.length, guaranteed: sd.guaranteedRounds(rMinus1[0], kappa),
      length: sd.pathLength(moved.map(k => d[k]), moved.map(k => y[k] ** 2)),
    };
  }

  /** Points of the flow e^{-s/d} y, close where it moves fast. */
  flow(y, kappa) {
    const times = Array.from({length: 160}, (_, k) => 1e-4 / kappa * (6e5 * kappa) ** (k / 159));
    return [y, ...times.map(s => [y[0] * Math.exp(-s * kappa), y[1] * Math.exp(-s)])];
  }

  draw({z, N}, {r, angle, kappa}) {
    const to = this.problem.furthest + 0.4, axis = label => ({label, from: -0.3, to});
    const arc = Array.from({length: 31}, (_, k) => this.start(1, 3 * k));
    return sd.plot(`A path from ${z[0].map(sd.num).reverse().join(", ")} to zero, and ${N} labels on it at equal distances`,
      axis("component along the large eigenvalue, in steps"), axis("along the small one, in steps"),
      ({px, py, path, dot}) => {
        this.scale = [px, py];
        const line = (points, css) => path(points.map(([a, b]) => [b, a]), css);
        return this.problem.angles.map(a => line(this.flow(this.start(this.problem.r, a), kappa), "faint")).join("") +
          line(arc, "dashed") + line(this.flow(this.start(r, angle), kappa), "now") +
          z.slice(1).map(([a, b], k) => dot(b, a, 3.4, "", `fill:${sd.colour(k, N)}`)).join("") + dot(z[0][1], z[0][0], 8, "handle");
      }, {equal: true});
  }

  words({N, length, guaranteed, rMinus1}, {r, kappa}) {
    const near = Math.min(...rMinus1.map(Math.abs)) < 1e-12 ? " The last labels are within rounding of length 1, so this count may be off by one." : "";
    return `The walk takes ${sd.count(N, "step")} of length 1. The path has length ${sd.num(length)}, so that at most ${Math.floor(length * (1 + 1e-12))} fit. ` +
      `The straight line has length ${sd.num(r)}, so that at least ${Math.max(Math.ceil(r - 1), 1)} are needed to come within 1 of zero. ` +
      `The paper’s guarantee, (r₀ − 1)/κ with κ = ${sd.num(kappa)}, is ${sd.num(guaranteed)}.${near}`;
  }

  table({z, c}) {
    return {
      caption: "Every step", current: -1, headers: ["t", "along the large eigenvalue", "along the small one", "r<sub>t</sub>", "c<sub>t</sub>"],
      rows: z.map(([a, b], t) => [t, b, a, Math.hypot(a, b), t < c.length ? c[t] : "none: the next fit is zero"]),
    };
  }

  connectedCallback() {
    super.connectedCallback();
    if (this.dragging) return;
    const plots = this.querySelector(".plots");
    this.dragging = e => {
      if (e.type === "pointerdown" && !e.target.closest(".handle")) return;
      if (e.type === "pointerdown") { plots.setPointerCapture(e.pointerId); e.preventDefault(); }
      if (!plots.hasPointerCapture(e.pointerId)) return;
      const svg = plots.querySelector("svg"), box = svg.getBoundingClientRect(), [px, py] = this.scale;
      const back = (p, at) => (at - p(0)) / (p(1) - p(0)), unit = svg.viewBox.baseVal.width / box.width;
      const a = Math.max(back(px, (e.clientX - box.left) * unit), 0), b = Math.max(back(py, (e.clientY - box.top) * unit), 0);
      const [r] = this.list, length = Math.min(Math.max(Math.hypot(a, b), r.from), r.to);
      this.restore({...this.state, r: +length.toPrecision(4), angle: Math.round(Math.atan2(b, a) * 180 / Math.PI)}, "");
    };
    for (const type of ["pointerdown", "pointermove"]) plots.addEventListener(type, this.dragging);
  }
});

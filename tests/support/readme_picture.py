"""The picture of README.md: ``python -m tests.support.readme_picture`` writes it anew."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from sdtheory import SimplySupportedBeam, distill, gram
from sdtheory.datasets import load_example
from sdtheory.plotting import canvas, draw_fits, round_style

FOLDER = Path(__file__).parent.parent.parent / ".github"
#: Ink on each ground, as GitHub paints them, and how far the rounds' colours go towards white.
GROUNDS = {"light": ("#1f2328", 0.0), "dark": ("#e6edf3", 0.45)}
SHOWN = 5


def draw(ink: str, lighter: float) -> Figure:
    """Draw the fits of all rounds, and beside them what each leaves of the slowest directions."""
    data = load_example()
    beam = SimplySupportedBeam()
    chain = distill(gram(beam, data.x), data.y, data.epsilon)
    grid = np.linspace(0, 1, 201)
    rows = gram(beam, data.x, grid)
    fig, axes = canvas(1, 2, height=3.1)
    left, right = axes[0]
    draw_fits(left, grid, [chain.predict(rows, t) for t in range(chain.n_rounds)])
    left.plot(data.x, data.y, "o", color=ink, markersize=5)
    left.axhline(0, color=ink, linewidth=0.8)
    width = 0.8 / chain.n_rounds
    for t in range(chain.n_rounds):
        at = np.arange(SHOWN) + (t - (chain.n_rounds - 1) / 2) * width
        colour = round_style(t, chain.n_rounds)["color"]
        right.bar(at, chain.B[t, ::-1][:SHOWN], width, color=colour)
    left.set(xlabel="$x$", ylabel="label and fit")
    right.set(xlabel="direction, slowest first", ylabel="factor kept", xticks=range(SHOWN))
    right.set_xticklabels([str(k + 1) for k in range(SHOWN)])
    for panel in (left, right):
        for line in panel.lines[: chain.n_rounds] if panel is left else panel.patches:
            colour = to_rgb(line.get_color() if panel is left else line.get_facecolor())
            line.set_color(tuple(c + lighter * (1 - c) for c in colour))
        panel.tick_params(colors=ink)
        panel.xaxis.label.set_color(ink)
        panel.yaxis.label.set_color(ink)
        for side in panel.spines.values():
            side.set_color(ink)
    fig.legend(loc="outside upper center", ncols=chain.n_rounds, frameon=False, labelcolor=ink)
    return fig


if __name__ == "__main__":
    mpl.rcParams["svg.hashsalt"] = "sdtheory"
    for name, ground in GROUNDS.items():
        path = FOLDER / f"rounds-{name}.svg"
        draw(*ground).savefig(path, transparent=True, metadata={"Date": None})
        print(f"wrote {path}, {path.stat().st_size / 1000:.0f} kB")

"""Plots as small SVG files: text stays text, and the same figures give the same file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.rcParams["svg.fonttype"] = "none"
mpl.rcParams["svg.hashsalt"] = "reddb"
mpl.rcParams["font.family"] = "sans-serif"
mpl.rcParams["path.simplify"] = True

_MARKS = "osD^vP*Xph<>d"


def lines(
    path: Path, title: str, across: str, up: str, series: Mapping[str, Mapping[float, float]]
) -> None:
    """Draw a line for each series, on logarithmic axes from nought to the greatest."""
    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, points) in enumerate(series.items()):
        xs = sorted(points)
        style = {"linewidth": 2.5, "color": "black"} if name == "reddb" else {"linewidth": 1.2}
        marker = _MARKS[number % len(_MARKS)]
        axes.plot(xs, [points[x] for x in xs], marker=marker, markersize=4, label=name, **style)
    if 0 in {x for points in series.values() for x in points}:
        axes.set_yscale("linear")
        axes.set_ylim(bottom=0)
    else:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.grid(visible=True, which="major", linewidth=0.4)
    _add_legend(axes)
    _save(figure, path)


def bars(path: Path, title: str, across: str, series: Mapping[str, Mapping[str, float]]) -> None:
    """Draw a group of bars for each series on a logarithmic axis; in a group, one for each name."""
    names = list(dict.fromkeys(name for points in series.values() for name in points))
    groups = list(series)
    height = 0.8 / max(1, len(names))
    figure = Figure(figsize=(8.0, 1.0 + 0.11 * len(names) * len(groups)), layout="constrained")
    axes = figure.add_subplot()
    for number, name in enumerate(names):
        places = [at + height * (number - (len(names) - 1) / 2) for at in range(len(groups))]
        widths = [series[group].get(name, 0) for group in groups]
        color = "black" if name == "reddb" else None
        axes.barh(places, widths, height=0.9 * height, label=name, color=color)
    axes.set_yticks(range(len(groups)), groups)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set(title=title, xlabel=across)
    axes.grid(visible=True, axis="x", linewidth=0.4)
    _add_legend(axes)
    _save(figure, path)


def _add_legend(axes: Axes) -> None:
    """Name the series beside the plot, if there are any: matplotlib warns of an empty legend."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(
            handles,
            labels,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            fontsize="small",
            frameon=False,
        )


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})

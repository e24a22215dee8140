"""Plot a threshold report; needs matplotlib (extra ``report``)."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from airflow_provider_imagekit.exceptions import ImageKitInputError
from airflow_provider_imagekit.io.progress import counted

if TYPE_CHECKING:
    from airflow_provider_imagekit.similarity.threshold.report import ThresholdReport

__all__ = ["check_plot", "plot_threshold_report"]


def check_plot() -> None:
    """
    Check that a report can be plotted.

    :raises ImageKitInputError: if matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise ImageKitInputError(
            "A plot needs matplotlib, which is not installed.",
            help="Install airflow-provider-imagekit[report], or use the report as Markdown.",
        ) from None


def plot_threshold_report(report: ThresholdReport, file: IO[bytes], *, image_format: str = "png") -> None:
    """
    Plot the histogram of distances and, beside it, the pairs found and expected by chance at each radius.

    :param report: the report to plot.
    :param file: opened for writing bytes.
    :param image_format: ``png``, ``svg`` or ``pdf``.
    :raises ImageKitInputError: if matplotlib is not installed.
    """
    check_plot()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    distances, radii = figure.subplots(1, 2)

    drawn = "sampled pairs" if report.histogram_is_sampled else "pairs"
    distances.bar(range(len(report.histogram)), report.histogram, width=1, color="#3b6fb6")
    distances.axvline(report.suggested_radius + 0.5, color="#c2410c", linestyle="--")
    distances.set(
        title=f"Distances of {counted(report.pictures, 'picture')}",
        xlabel="distance (bits)",
        ylabel=drawn,
        yscale="symlog",
    )

    at = [row.radius for row in report.rows]
    radii.plot(at, [row.found_pairs for row in report.rows], "o-", color="#3b6fb6", label="pairs found")
    radii.fill_between(
        at,
        [row.chance_pairs_low for row in report.rows],
        [row.chance_pairs_high for row in report.rows],
        color="#c2410c",
        alpha=0.15,
        label="by chance: fair bits to hard set",
    )
    radii.plot(
        at, [row.chance_pairs for row in report.rows], color="#c2410c", label="by chance: this library"
    )
    radii.axvline(report.suggested_radius, color="#c2410c", linestyle="--", label="suggested radius")
    radii.set(title="Pairs within a radius", xlabel="radius (bits)", ylabel="pairs", yscale="symlog")
    radii.set_ylim(bottom=0)
    radii.legend(loc="lower right", fontsize="small")
    figure.savefig(file, format=image_format, dpi=120)

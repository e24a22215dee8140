"""Converts inputs and outputs to OpenLineage. Its client (extra ``openlineage``) is imported on demand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_imagekit import compat
from airflow_provider_imagekit.assets.datasets import of_uri
from airflow_provider_imagekit.assets.uri import sanitize_uri

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset as OpenLineageDataset

    from airflow_provider_imagekit.assets.datasets import Dataset
    from airflow_provider_imagekit.compat import Asset, OperatorLineage

__all__ = ["convert_asset_to_openlineage", "operator_lineage"]


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:  # noqa: ARG001
    """
    Return the dataset of an asset. Airflow's OpenLineage provider calls this.

    :param asset: an asset with the scheme ``imagekit``.
    :param lineage_context: the hook or the task that used the asset.
    """
    from openlineage.client.event_v2 import Dataset as OpenLineageDataset

    dataset = of_uri(urlunsplit(sanitize_uri(urlsplit(asset.uri))))
    return OpenLineageDataset(namespace=dataset.namespace, name=dataset.name)


def operator_lineage(read: Iterable[Dataset], written: Iterable[Dataset]) -> OperatorLineage[Any, Any]:
    """
    Return the lineage of a task.

    :param read: the task's inputs.
    :param written: the task's outputs.
    """
    from openlineage.client.event_v2 import InputDataset, OutputDataset

    inputs: Any = [
        InputDataset(each.namespace, each.name, facets=_facets(each), inputFacets=_input_facets(each))
        for each in read
    ]
    outputs: Any = [
        OutputDataset(each.namespace, each.name, facets=_facets(each), outputFacets=_output_facets(each))
        for each in written
    ]
    return compat.OperatorLineage(inputs=inputs, outputs=outputs)


def _facets(dataset: Dataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import schema_dataset

    if not dataset.columns:
        return {}
    fields = [
        schema_dataset.SchemaDatasetFacetFields(name=name, type=kind)
        for name, kind in dataset.columns.items()
    ]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}


def _input_facets(dataset: Dataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    if not dataset.checks:
        return {}
    assertions = [
        quality.Assertion(assertion=check.rule, success=check.passed, column=check.column)
        for check in dataset.checks
    ]
    return {"dataQualityAssertions": quality.DataQualityAssertionsDatasetFacet(assertions=assertions)}


def _output_facets(dataset: Dataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    if dataset.rows is None:
        return {}
    return {"outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(rowCount=dataset.rows)}

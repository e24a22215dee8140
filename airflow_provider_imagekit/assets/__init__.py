"""ImageKit files as Airflow assets and OpenLineage datasets."""

"""ImageKit's files as Airflow's assets, and what OpenLineage is told about them."""
